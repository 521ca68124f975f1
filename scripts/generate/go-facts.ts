// Reads facts out of the Go packages of Kubernetes' API: which string types are enums and with what values, which JSON
// fields are written even when empty, and the protobuf field numbers. Only names and figures leave this file.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface GoField {
  /** The Go type without pointer, as written, e.g. `metav1.ObjectMeta`, `[]Container`, `int32`. */
  goType: string;
  pointer: boolean;
  omitEmpty: boolean;
  omitZero: boolean;
  /** Protobuf field number. */
  proto: number | undefined;
}

/** A struct whose fields stand in another one's JSON, though not in its protobuf message. */
export interface GoInlined {
  type: string;
  /** Number of the message field that holds it. */
  proto: number | undefined;
}

export interface GoPackage {
  /** Struct name → JSON field name → fact. Inlined structs are listed under `inlined`. */
  structs: Map<string, { fields: Map<string, GoField>; inlined: GoInlined[] }>;
  /** Enum type name → values, in declaration order. */
  enums: Map<string, string[]>;
  /** Constant texts by name. */
  constants: Map<string, string>;
}

/** Reads the package in `folder`. `core` has the constants that it may name as `v1.Name`. */
export function readGoPackage(folder: string, core: ReadonlyMap<string, string>): GoPackage {
  const result: GoPackage = { structs: new Map(), enums: new Map(), constants: new Map() };
  const sources = readdirSync(folder)
    .filter((name) => name.endsWith(".go") && !name.endsWith("_test.go") && !name.startsWith("zz_") && !name.startsWith("generated"))
    .map((name) => readFileSync(join(folder, name), "utf8"));
  const stringTypes = new Set<string>();
  for (const source of sources) for (const match of source.matchAll(/^type (\w+) string$/gm)) stringTypes.add(match[1] ?? "");
  const marked = new Set<string>();
  for (const source of sources) {
    for (const match of source.matchAll(/^\/\/ ?\+enum$(?:\n^\/\/.*$)*\n^type (\w+) string$/gm)) marked.add(match[1] ?? "");
  }
  for (const source of sources) {
    for (const match of source.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
      result.structs.set(match[1] ?? "", readStruct(match[2] ?? ""));
    }
    // `Name Type = "value"`, `Name = Type("value")` or `Name = Type(v1.Other)`.
    for (const match of source.matchAll(/^\s*(\w+)\s+(?:(\w+)\s*=\s*|=\s*(\w+)\()(?:"([^"]*)"|v1\.(\w+)\))/gm)) {
      const [, name = "", declared, converted = "", literal, other = ""] = match;
      const type = declared ?? converted;
      const value = literal ?? core.get(other);
      if (value === undefined) continue;
      result.constants.set(name, value);
      if (!marked.has(type)) continue;
      const values = result.enums.get(type) ?? [];
      if (!values.includes(value)) values.push(value);
      result.enums.set(type, values);
    }
  }
  return result;
}

function readStruct(body: string) {
  const fields = new Map<string, GoField>();
  const inlined: GoInlined[] = [];
  for (const line of body.split("\n")) {
    const match = /^\s*(?:(\w+)\s+)?(\*?)([\w.[\]*]+)\s+`.*json:"([^"]*)"/.exec(line);
    if (!match) continue;
    const [, , star, goType = "", tag = ""] = match;
    const [name = "", ...options] = tag.split(",");
    const number = /protobuf:"\w+,(\d+)/.exec(line)?.[1];
    const proto = number === undefined ? undefined : Number(number);
    if (options.includes("inline") || name === "") {
      inlined.push({ type: goType.replace(/^.*\./, ""), proto });
      continue;
    }
    fields.set(name, { goType, pointer: star === "*", omitEmpty: options.includes("omitempty"), omitZero: options.includes("omitzero"), proto });
  }
  return { fields, inlined };
}
