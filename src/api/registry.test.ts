// What every built-in kind must have, and the generated facts against an independent source: the models of the official
// JavaScript client.
import * as client from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { definitionNames, gvkOfDefinition, schemaOfDefinition } from "./compile.ts";
import { knownKinds } from "./declare.ts";
import { decodeValue } from "./decode.ts";
import type { KubeObject } from "./object.ts";
import { builtInKinds, kindByGvk, kindByResource } from "./registry.ts";
import type { ArraySchema, FieldSchema, ObjectSchema, Schema } from "./schema.ts";

interface Attribute {
  readonly baseName: string;
  readonly type: string;
}

function objectSchemas(): [string, ObjectSchema][] {
  return definitionNames().flatMap((name) => {
    const schema = schemaOfDefinition(name);
    return schema.type === "object" ? [[name, schema] as [string, ObjectSchema]] : [];
  });
}

describe("every kind", () => {
  it("of the stable API is declared", () => {
    const declared = new Set(builtInKinds.map((kind) => `${kind.apiVersion} ${kind.kind}`));
    expect(knownKinds().filter((name) => !declared.has(name))).toEqual([]);
    expect(declared.size).toBe(builtInKinds.length);
  });
  it("is found by its resource and by its names", () => {
    for (const kind of builtInKinds) {
      expect(kindByResource(kind.group, kind.version, kind.resource)).toBe(kind);
      expect(kindByGvk(kind.apiVersion, kind.kind)).toBe(kind);
    }
  });
  it("has columns, the first of them its name", () => {
    // Reviews and bindings are answers to a POST: nobody lists them.
    const listed = builtInKinds.filter((kind) => kind.verbs.includes("list"));
    for (const kind of listed) {
      expect(kind.declaration.columns.length, kind.kind).toBeGreaterThan(1);
      for (const column of kind.declaration.columns) expect(column.description ?? "", `${kind.kind} ${column.name}`).not.toBe("");
    }
  });
  it("with a scale subresource says where its replicas stand", () => {
    for (const kind of builtInKinds) expect(kind.declaration.scale !== undefined, kind.kind).toBe(kind.subresources.has("scale"));
  });
  it("selects only by fields that its own reader can read of an empty object", () => {
    for (const kind of builtInKinds) {
      for (const [field, read] of Object.entries(kind.declaration.selectableFields ?? {})) {
        const empty = decodeValue(kind, { metadata: { name: "a" } }).object;
        expect(typeof read(empty as unknown as KubeObject), `${kind.kind} ${field}`).toBe("string");
      }
    }
  });
});

/** A list of discovery, which is never stored: upstream declares nothing about it. */
const UNDECLARED: readonly string[] = ["io.k8s.apimachinery.pkg.apis.meta.v1.APIResource verbs"];

describe("every list", () => {
  const lists = objectSchemas().flatMap(([name, schema]) =>
    [...schema.fields.values()].flatMap((field) => (field.schema.type === "array" ? [{ where: `${name} ${field.name}`, field, list: field.schema }] : [])),
  );
  it("has a declared topology", () => {
    const isListOfObjects = ({ where }: { where: string }): boolean => /List items$/.test(where);
    const missing = lists.filter((entry) => !entry.list.isDeclared && !isListOfObjects(entry)).map((entry) => entry.where);
    expect(missing).toEqual(UNDECLARED);
  });
  it("of type map has keys that its items have", () => {
    const broken = lists.filter(({ list }) => list.listType === "map" && !hasKeys(list)).map((entry) => entry.where);
    expect(broken).toEqual([]);
    expect(lists.filter(({ list }) => list.listType !== "map" && list.listMapKeys.length > 0)).toEqual([]);
  });
  it("that strategic merge merges by key has items with that key", () => {
    const broken = lists.filter(
      ({ field, list }) => field.patchMergeKey !== undefined && !(list.items.type === "object" && list.items.fields.has(field.patchMergeKey)),
    );
    expect(broken.map((entry) => entry.where)).toEqual([]);
  });
});

function hasKeys({ items, listMapKeys }: ArraySchema): boolean {
  return items.type === "object" && listMapKeys.length > 0 && listMapKeys.every((key) => items.fields.has(key));
}

/** A model of the client that is a scalar here. */
const SCALAR_MODEL = "V1MicroTime";

describe("the generated facts agree with the official client", () => {
  const models = Object.entries(client).filter(([name]) => /^(?:[A-Z][a-z]+)?V[12][A-Z]/.test(name) && !name.endsWith("Api") && name !== SCALAR_MODEL);
  const byModel = modelsOfDefinitions();

  it("on the types there are", () => {
    expect(models.length).toBeGreaterThan(500);
    expect(models.map(([name]) => name).filter((name) => !byModel.has(name))).toEqual([]);
  });
  it("on the fields of every type and their shapes", () => {
    const differences: string[] = [];
    for (const [name, model] of models) {
      const attributes = (model as { getAttributeTypeMap?: () => Attribute[] }).getAttributeTypeMap?.() ?? [];
      const candidates = byModel.get(name) ?? [];
      const found = candidates.map((candidate) => compare(name, attributes, candidate)).sort((a, b) => a.length - b.length)[0];
      differences.push(...(found ?? []));
    }
    expect(differences).toEqual([]);
  });
});

/** Which definitions a model's name can mean: `V1Pod`, or `CoreV1Event` where two groups have one of that name. */
function modelsOfDefinitions(): Map<string, ObjectSchema[]> {
  const result = new Map<string, ObjectSchema[]>();
  for (const [definition, schema] of objectSchemas()) {
    const parts = definition.split(".");
    const [group = "", version = "", name = ""] = parts.slice(-3);
    const short = `${version.toUpperCase()}${name}`;
    for (const model of [short, `${group.charAt(0).toUpperCase()}${group.slice(1)}${short}`]) result.set(model, [...(result.get(model) ?? []), schema]);
  }
  return result;
}

function compare(model: string, attributes: readonly Attribute[], schema: ObjectSchema): string[] {
  const theirs = new Map(attributes.map((attribute) => [attribute.baseName, attribute.type]));
  const differences: string[] = [];
  for (const [name, type] of theirs) {
    const field = schema.fields.get(name);
    if (field === undefined) differences.push(`${model}.${name} is missing`);
    else if (!sameShape(type, field)) differences.push(`${model}.${name} is ${type}, ours is ${field.schema.type}`);
  }
  for (const name of schema.fields.keys()) if (!theirs.has(name)) differences.push(`${model}.${name} is not in the client`);
  return differences;
}

function sameShape(type: string, { schema }: FieldSchema): boolean {
  if (type.startsWith("Array<")) return schema.type === "array" && sameItem(type.slice(6, -1), schema.items);
  if (type.startsWith("{")) return schema.type === "map";
  return sameItem(type, schema);
}

function sameItem(type: string, schema: Schema): boolean {
  if (type.startsWith("Array<")) return schema.type === "array";
  switch (type) {
    case "string":
      return ["string", "bytes", "quantity"].includes(schema.type);
    case "number":
      return ["int32", "int64", "double"].includes(schema.type);
    case "boolean":
      return schema.type === "boolean";
    case "Date":
    case "V1MicroTime":
      return schema.type === "time" || schema.type === "microTime";
    case "IntOrString":
      return schema.type === "intOrString";
    case "any":
      return schema.type === "any" || schema.type === "map" || (schema.type === "object" && schema.fields.size === 0);
    default:
      return schema.type === "object" && (schema.definition ?? "").endsWith(`.${type.replace(/^.*?V\d+/, "")}`);
  }
}

it("finds each group, version and kind in one definition", () => {
  const seen = new Map<string, string>();
  for (const name of definitionNames()) {
    const gvk = gvkOfDefinition(name);
    if (gvk === undefined) continue;
    const key = `${gvk.group}/${gvk.version} ${gvk.kind}`;
    expect(seen.get(key), key).toBeUndefined();
    seen.set(key, name);
  }
});
