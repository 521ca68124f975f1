// `metadata.managedFields`: who manages which fields. An entry is one manager doing one kind of operation; its key leaves out time and
// fields, and for appliers the version, so that one who applies again finds its own entry.
import type { ManagedFieldsEntry } from "../generated/types.ts";
import { FieldSet } from "./field-set.ts";

export interface Manager {
  readonly name: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** Managers by key. */
export type Managers = ReadonlyMap<string, Manager>;

/** As many entries of updates as an object keeps; older ones are joined. */
const MAX_UPDATE_MANAGERS = 10;
const OLD_UPDATES = "ancient-changes";

export function managerKey({ name, operation, apiVersion, subresource }: Omit<Manager, "time" | "fields">): string {
  return JSON.stringify([name, operation, operation === "Apply" ? "" : apiVersion, subresource]);
}

/** Reads the entries of an object. Undefined when one of them is no entry: they are then not to be trusted at all. */
export function readManagers(entries: readonly ManagedFieldsEntry[] | undefined): Map<string, Manager> | undefined {
  const managers = new Map<string, Manager>();
  for (const { manager = "", operation, apiVersion = "", subresource = "", time, fieldsType, fieldsV1 } of entries ?? []) {
    if ((operation !== "Apply" && operation !== "Update") || apiVersion === "" || fieldsType !== "FieldsV1") return undefined;
    const read: Manager = { name: manager, operation, apiVersion, subresource, time, fields: FieldSet.fromFieldsV1(fieldsV1) };
    managers.set(managerKey(read), read);
  }
  return managers;
}

/** The entries in their order: appliers before updaters, older before newer. */
export function writeManagers(managers: Managers): ManagedFieldsEntry[] {
  return [...managers.values()]
    .filter(({ fields }) => !fields.isEmpty)
    .sort(compareManagers)
    .map(({ name, operation, apiVersion, subresource, time, fields }) => ({
      manager: name,
      operation,
      apiVersion,
      ...(time === undefined ? {} : { time }),
      fieldsType: "FieldsV1",
      fieldsV1: fields.toFieldsV1(),
      ...(subresource === "" ? {} : { subresource }),
    }));
}

function compareManagers(a: Manager, b: Manager): number {
  for (const field of ["operation", "time", "name", "apiVersion", "subresource"] as const) {
    const left = a[field] ?? "";
    const right = b[field] ?? "";
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

/** Joins the oldest updaters of each version until there are not too many. */
export function capManagers(managers: Managers): Managers {
  const updaters = [...managers].filter(([, manager]) => manager.operation === "Update").sort(([, a], [, b]) => compareManagers(a, b));
  let excess = updaters.length - MAX_UPDATE_MANAGERS;
  if (excess <= 0) return managers;
  const result = new Map(managers);
  const firstOfVersion = new Map<string, string>();
  for (const [key, manager] of updaters) {
    if (excess <= 0) break;
    const { apiVersion } = manager;
    const first = firstOfVersion.get(apiVersion);
    if (first === undefined) {
      firstOfVersion.set(apiVersion, key);
      continue;
    }
    const joined: Manager = { ...manager, name: OLD_UPDATES, subresource: "", fields: manager.fields.union(result.get(first)?.fields ?? FieldSet.empty) };
    const bucket = managerKey(joined);
    result.delete(first);
    result.delete(key);
    result.set(bucket, joined);
    firstOfVersion.set(apiVersion, bucket);
    excess--;
  }
  return result;
}

/** A manager as conflicts name it. */
export function managerText({ name, operation, apiVersion, subresource }: Manager): string {
  const within = subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(name)}${within}${operation === "Update" ? ` using ${apiVersion}` : ""}`;
}
