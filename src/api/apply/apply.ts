// Server-side apply: who manages which fields after a write, and what an applied configuration makes of an object
// (https://kubernetes.io/docs/reference/using-api/server-side-apply/, KEP-555).
//
// Invariants: a field that a write changed belongs to its writer and, unless they apply the same value, to nobody else. A field that an
// applier leaves out, which it applied before and nobody else manages, is removed. Without `force` nobody's field changes: it is a
// conflict. Entries of another version of the kind are kept, but not compared.
import { deepFreeze, type Mutable, mutableCopy } from "../../base/index.ts";
import { checkConfigurationType, type DecodeTarget, decodeConfiguration, decodeValue, notTypedError } from "../decode.ts";
import type { ManagedFieldsEntry } from "../generated/types.ts";
import { formatJson } from "../json.ts";
import { equalJson } from "../json-patch.ts";
import type { Kind } from "../kind.ts";
import type { KubeObject } from "../object.ts";
import { badRequestError, StatusError } from "../status-error.ts";
import { FieldSet, type FieldSetPath, fieldSetPathText } from "./field-set.ts";
import { capManagers, type Manager, type Managers, managerKey, managerText, readManagers, writeManagers } from "./managers.ts";
import { duplicateItems } from "./shape.ts";
import { typeProblems } from "./typing.ts";
import { type Comparison, compareFields, fieldsOf, mergeValues, removeFields, withNamedParents } from "./walks.ts";

/** Who writes. */
export interface FieldOwner {
  /** Of the query parameter `fieldManager`, or the user agent up to its first slash. */
  readonly manager: string;
  /** "" for the object itself. */
  readonly subresource: string;
  /** `Time` of the write. */
  readonly time: string;
}

/** What the server itself sets belongs to nobody. */
const SERVER_FIELDS = FieldSet.ofPaths([
  ["f:apiVersion"],
  ["f:kind"],
  ["f:metadata"],
  ...["name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields", "resourceVersion"].map((name) => [
    "f:metadata",
    `f:${name}`,
  ]),
]);
const BEFORE_FIRST_APPLY = "before-first-apply";
const KUBECTL = "kubectl";
export const LAST_APPLIED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration";

type KindOf<T extends KubeObject> = Pick<Kind<T>, "apiVersion" | "kind" | "schema" | "subresources"> & {
  readonly declaration?: { readonly unmanagedFields?: readonly string[] };
};

/**
 * The managedFields of an object after it was created (`live` undefined), updated, or patched otherwise than by apply. `object` is what
 * will be stored. Objects that were never tracked stay untracked.
 */
export function trackUpdate<T extends KubeObject>(kind: KindOf<T>, live: T | undefined, object: T, owner: FieldOwner): ManagedFieldsEntry[] | undefined {
  const given = owner.subresource === "" ? object.metadata.managedFields : undefined;
  if (isReset(given)) return undefined;
  const stated = readManagers(given);
  const managers = stated !== undefined && stated.size > 0 ? stated : (readManagers(live?.metadata.managedFields) ?? new Map<string, Manager>());
  if (managers.size === 0 && live !== undefined) return undefined;
  const comparison = compare(kind, live, object, owner.subresource);
  const changed = comparison.added.union(comparison.modified).difference(SERVER_FIELDS);
  const rest = new Map<string, Manager>();
  for (const [key, manager] of managers) rest.set(key, withoutChanged(kind, manager, comparison));
  if (!changed.isEmpty) {
    const own = managerOf(kind, owner, "Update");
    const key = managerKey(own);
    rest.set(key, { ...own, fields: (rest.get(key)?.fields ?? FieldSet.empty).union(changed) });
  }
  return writeManagers(capManagers(rest));
}

/** One empty entry says that the object shall not be tracked any more. */
function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  return entries?.length === 1 && Object.keys(entries[0] ?? {}).length === 0;
}

function managerOf(kind: KindOf<never>, { manager, subresource, time }: FieldOwner, operation: Manager["operation"]): Manager {
  return { name: manager === "" ? "unknown" : manager, operation, apiVersion: kind.apiVersion, subresource, time, fields: FieldSet.empty };
}

function withoutChanged(kind: KindOf<never>, manager: Manager, { added, modified, removed }: Comparison): Manager {
  if (manager.apiVersion !== kind.apiVersion) return manager;
  return { ...manager, fields: manager.fields.difference(added).difference(modified).difference(removed) };
}

/** How the object changes, without what a write through this endpoint cannot change. */
function compare<T extends KubeObject>(kind: KindOf<T>, live: T | undefined, object: T, subresource: string): Comparison {
  const old = live === undefined ? emptyObject(kind) : live;
  const { added, modified, removed } = compareFields(kind.schema, withoutManagedFields(old), withoutManagedFields(object));
  const within = (set: FieldSet): FieldSet => withoutIgnored(kind, set, subresource);
  return { added: within(added), modified: within(modified), removed: within(removed) };
}

function withoutIgnored(kind: KindOf<never>, set: FieldSet, subresource: string): FieldSet {
  const unmanaged = kind.declaration?.unmanagedFields ?? [];
  if (unmanaged.length > 0) return [...unmanaged, ...(subresource === "" ? ["status"] : [])].reduce((rest, name) => rest.without(`f:${name}`), set);
  if (subresource === "") return kind.subresources.has("status") ? set.without("f:status") : set;
  return subresource === "status" ? set.without("f:spec") : set;
}

/** What an object of the kind has when nothing is said; made once a kind, and never changed. */
function emptyObject<T extends KubeObject>(kind: DecodeTarget<T>): T {
  let object = emptyObjects.get(kind) as T | undefined;
  if (object === undefined) {
    object = deepFreeze(decodeValue<T>(kind, {}).object as T);
    emptyObjects.set(kind, object);
  }
  return object;
}
const emptyObjects = new WeakMap<object, unknown>();

function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/**
 * The object that results from applying `configuration`, with its managedFields; still to be defaulted, prepared and validated as after
 * any patch. Equal to `live` when nothing changes. Throws a BadRequest on what is no configuration of this kind, and a Conflict.
 */
export function applyConfiguration<T extends KubeObject>(
  kind: KindOf<T>,
  live: T | undefined,
  configuration: unknown,
  options: FieldOwner & { readonly force: boolean },
): Mutable<T> {
  const config = readConfiguration(kind, configuration);
  const managers = live === undefined ? new Map<string, Manager>() : managersBefore(kind, live, options);
  const base = withoutManagedFields(live ?? emptyObject(kind));
  const own = managerOf(kind, options, "Apply");
  const key = managerKey(own);
  const last = managers.get(key);
  const applied = withoutIgnored(kind, fieldsOf(kind.schema, config), options.subresource).difference(SERVER_FIELDS);
  managers.set(key, { ...own, fields: applied });
  const merged = mergeValues(kind.schema, base, config);
  const pruned = last === undefined ? merged : prune(kind, merged, managers, last.fields);
  const object = decodeValue<T>(kind, pruned).object as T;
  const comparison = compare(kind, live, object, options.subresource);
  if (!options.force) checkConflicts(kind, base, managers, key, comparison, options);
  for (const [other, manager] of managers) if (other !== key) managers.set(other, withoutChanged(kind, manager, comparison));
  const isSame = last?.fields.equals(applied) === true && equalJson(object, base);
  managers.set(key, { ...own, fields: applied, time: isSame ? last?.time : options.time });
  const result = mutableCopy(withLastApplied(object, config, options));
  result.metadata.managedFields = mutableCopy(writeManagers(managers));
  return result;
}

function readConfiguration(kind: KindOf<never>, configuration: unknown): unknown {
  const config = typedConfiguration(kind, configuration);
  const { managedFields } = (config as Partial<KubeObject>).metadata ?? {};
  if (managedFields !== undefined) throw badRequestError("metadata.managedFields must be nil");
  const duplicates = duplicateItems(kind.schema, config);
  if (duplicates !== undefined) throw notTypedError(kind, config, duplicates);
  return config;
}

function typedConfiguration(kind: KindOf<never>, configuration: unknown): Record<string, unknown> {
  checkConfigurationType(kind, configuration);
  const problems = typeProblems(kind.schema, configuration);
  if (problems.length > 0) throw notTypedError(kind, configuration, problems.length === 1 ? (problems[0] ?? "") : `errors:\n  ${problems.join("\n  ")}`);
  return decodeConfiguration(kind, configuration);
}

/** Whoever wrote an object before anybody applied to it is remembered as one manager of all that is there. */
function managersBefore<T extends KubeObject>(kind: KindOf<T>, live: T, owner: FieldOwner): Map<string, Manager> {
  const managers = readManagers(live.metadata.managedFields);
  if (managers !== undefined && managers.size > 0) return managers;
  const { added, modified } = compareFields(kind.schema, emptyObject(kind), withoutManagedFields(live));
  const fields = withoutIgnored(kind, added.union(modified), owner.subresource).difference(SERVER_FIELDS);
  const before = { ...managerOf(kind, { ...owner, manager: BEFORE_FIRST_APPLY }, "Update"), fields };
  return new Map([[managerKey(before), before]]);
}

/** Takes out what was applied last time, is not any more, and nobody else manages. */
function prune(kind: KindOf<never>, merged: unknown, managers: Managers, last: FieldSet): unknown {
  const { schema } = kind;
  const lastApplied = withNamedParents(schema, last);
  const withoutLast = removeFields(schema, merged, lastApplied);
  const managed = [...managers.values()].reduce((all, manager) => all.union(manager.fields), FieldSet.empty);
  const mergedFields = withNamedParents(schema, fieldsOf(schema, merged));
  const fieldsLeft = (value: unknown): FieldSet => withNamedParents(schema, fieldsOf(schema, value));
  // Back comes what somebody manages, the applier's new configuration included…
  const unmanaged = mergedFields.difference(fieldsLeft(withoutLast).union(withNamedParents(schema, managed)));
  const withOwned = removeFields(schema, merged, unmanaged);
  // …and what went along but was never applied by this manager.
  return removeFields(schema, merged, mergedFields.difference(fieldsLeft(withOwned)).intersection(lastApplied));
}

interface Conflict {
  readonly manager: Manager;
  readonly path: FieldSetPath;
}

function checkConflicts(kind: KindOf<never>, base: KubeObject, managers: Managers, ownKey: string, comparison: Comparison, owner: FieldOwner): void {
  const changed = comparison.modified.union(comparison.added);
  const conflicts: Conflict[] = [];
  for (const [key, manager] of managers) {
    if (key === ownKey || manager.apiVersion !== kind.apiVersion) continue;
    for (const path of manager.fields.intersection(changed).paths()) conflicts.push({ manager, path });
  }
  const allowed = owner.manager === KUBECTL && conflicts.length > 0 ? fieldsLastApplied(kind, base) : FieldSet.empty;
  const left = conflicts.filter(({ path }) => !allowed.has(path));
  if (left.length > 0) throw applyConflictError(left);
}

function applyConflictError(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${managerText(manager)}`,
    field: fieldSetPathText(path),
  }));
  const [first] = conflicts;
  const lines: string[] = [];
  for (const manager of [...new Set(conflicts.map((conflict) => conflict.manager))].sort((a, b) => (managerKey(a) < managerKey(b) ? -1 : 1))) {
    lines.push(`conflicts with ${managerText(manager)}:`);
    for (const conflict of conflicts) if (conflict.manager === manager) lines.push(`- ${fieldSetPathText(conflict.path)}`);
  }
  const message =
    conflicts.length === 1 && first !== undefined
      ? `Apply failed with 1 conflict: conflict with ${managerText(first.manager)}: ${fieldSetPathText(first.path)}`
      : `Apply failed with ${conflicts.length} conflicts: ${lines.join("\n")}`;
  return new StatusError({ reason: "Conflict", code: 409, message, details: { causes } });
}

/** The fields that kubectl applied from the client's side and that still are as it applied them: taking them over is no conflict. */
function fieldsLastApplied(kind: KindOf<never>, live: KubeObject): FieldSet {
  const annotation = live.metadata.annotations?.[LAST_APPLIED_ANNOTATION];
  if (annotation === undefined || annotation === "") return FieldSet.empty;
  try {
    const config = typedConfiguration(kind, JSON.parse(annotation));
    const { added, modified, removed } = compareFields(kind.schema, config, live);
    return fieldsOf(kind.schema, config).difference(modified).difference(added).difference(removed);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof StatusError) return FieldSet.empty;
    throw error;
  }
}

/** kubectl's own record of what it applied last is kept up to date, for those who go back to applying from the client's side. */
function withLastApplied<T extends KubeObject>(object: T, config: unknown, owner: FieldOwner): T {
  const { annotations } = object.metadata;
  if (owner.manager !== KUBECTL || (annotations?.[LAST_APPLIED_ANNOTATION] ?? "") === "") return object;
  const { metadata = {}, ...rest } = config as { metadata?: { annotations?: Readonly<Record<string, string>> } };
  const { [LAST_APPLIED_ANNOTATION]: _, ...others } = metadata.annotations ?? {};
  const recorded = `${formatJson({ ...rest, metadata: { ...metadata, annotations: others } })}\n`;
  return { ...object, metadata: { ...object.metadata, annotations: { ...annotations, [LAST_APPLIED_ANNOTATION]: recorded } } };
}
