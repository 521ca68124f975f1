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
}

export interface GoPackage {
  /** Struct name → JSON field name → fact. Inlined structs are listed under `inlined`. */
  structs: Map<string, { fields: Map<string, GoField>; inlined: string[] }>;
  /** Enum type name → values, in declaration order. */
  enums: Map<string, string[]>;
  /** Message name → field name → protobuf number. */
  protobuf: Map<string, Map<string, number>>;
}

/** Reads the package in `folder`. */
export function readGoPackage(folder: string): GoPackage {
  const result: GoPackage = { structs: new Map(), enums: new Map(), protobuf: new Map() };
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
    for (const match of source.matchAll(/^\s*\w+\s+(\w+)\s*=\s*"([^"]*)"/gm)) {
      const [, type = "", value = ""] = match;
      if (!marked.has(type)) continue;
      const values = result.enums.get(type) ?? [];
      if (!values.includes(value)) values.push(value);
      result.enums.set(type, values);
    }
  }
  const proto = readFileSync(join(folder, "generated.proto"), "utf8");
  for (const match of proto.matchAll(/^message (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const fields = new Map<string, number>();
    for (const field of (match[2] ?? "").matchAll(/^\s*(?:optional|repeated|map<)[^=]*\s(\w+) = (\d+);/gm)) {
      fields.set(field[1] ?? "", Number(field[2]));
    }
    result.protobuf.set(match[1] ?? "", fields);
  }
  return result;
}

function readStruct(body: string) {
  const fields = new Map<string, GoField>();
  const inlined: string[] = [];
  for (const line of body.split("\n")) {
    const match = /^\s*(?:(\w+)\s+)?(\*?)([\w.[\]*]+)\s+`.*json:"([^"]*)"/.exec(line);
    if (!match) continue;
    const [, , star, goType = "", tag = ""] = match;
    const [name = "", ...options] = tag.split(",");
    if (options.includes("inline") || name === "") {
      inlined.push(goType.replace(/^.*\./, ""));
      continue;
    }
    fields.set(name, { goType, pointer: star === "*", omitEmpty: options.includes("omitempty"), omitZero: options.includes("omitzero") });
  }
  return { fields, inlined };
}
