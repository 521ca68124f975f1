// Schemas of custom resources: what is kept, filled in and refused, and which schemas are.
import { describe, expect, it } from "vitest";
import { mutableCopy } from "../../base/index.ts";
import { customResourceDefinitions } from "../apiextensions/custom-resource-definition.ts";
import { applyConfiguration } from "../apply/apply.ts";
import { decodeValue } from "../decode.ts";
import { encode } from "../encode.ts";
import { fieldErrorText } from "../field-errors.ts";
import type { CustomResourceDefinition, JSONSchemaProps } from "../generated/types.ts";
import type { Kind } from "../kind.ts";
import type { UnstructuredObject } from "../object.ts";
import { kindsOfDefinition } from "./custom-kind.ts";

function definitionOf(spec: JSONSchemaProps): CustomResourceDefinition {
  const schema = { openAPIV3Schema: { type: "object", properties: { spec } } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "foos.example.com", generation: 1 },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "foos", singular: "foo", kind: "Foo", listKind: "FooList" },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
    status: { storedVersions: ["v1"] },
  };
}

function kindWith(spec: JSONSchemaProps): Kind<UnstructuredObject> {
  const [kind] = kindsOfDefinition(definitionOf(spec));
  if (kind === undefined) throw new Error("no version is served");
  return kind;
}

function foo(spec: unknown): UnstructuredObject {
  return { apiVersion: "example.com/v1", kind: "Foo", metadata: { name: "a", namespace: "default" }, spec };
}

/** The spec as it would be stored. */
function stored(schema: JSONSchemaProps, spec: unknown): unknown {
  const kind = kindWith(schema);
  const { object } = decodeValue(kind, foo(spec));
  kind.declaration.defaults?.(object);
  return (JSON.parse(encode(kind, object as UnstructuredObject)) as UnstructuredObject)["spec"];
}

function problems(schema: JSONSchemaProps, spec: unknown, old?: unknown): string[] {
  const { declaration } = kindWith(schema);
  const errors = old === undefined ? declaration.validateCreate?.(foo(spec)) : declaration.validateUpdate?.(foo(spec), foo(old));
  return (errors ?? []).map(fieldErrorText);
}

function schemaProblems(spec: JSONSchemaProps): string[] {
  const errors = customResourceDefinitions.declaration.validateCreate?.(definitionOf(spec)) ?? [];
  return errors.map(fieldErrorText).map((text) => text.replaceAll("spec.validation.openAPIV3Schema.properties[spec]", "…"));
}

/** The types of a definition do not tell that schemas stand in `items` and `additionalProperties`. */
type Draft = { readonly [keyword in keyof JSONSchemaProps]?: unknown };
const object = (properties: Readonly<Record<string, Draft>>, more: Draft = {}): JSONSchemaProps =>
  ({ type: "object", properties, ...more }) as unknown as JSONSchemaProps;
const EMBEDDED: JSONSchemaProps = { type: "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true };

describe("pruning", () => {
  it.each<[string, JSONSchemaProps, unknown, unknown]>([
    ["what no property names", object({ a: { type: "string" } }), { a: "x", b: 1 }, { a: "x" }],
    ["inside of lists and maps", object({ l: { type: "array", items: object({ a: { type: "string" } }) } }), { l: [{ a: "x", b: 1 }] }, { l: [{ a: "x" }] }],
    ["not where unknown fields are preserved", object({}, { "x-kubernetes-preserve-unknown-fields": true }), { b: { c: 1 } }, { b: { c: 1 } }],
    [
      "again below what preserves",
      object({ a: object({ b: { type: "string" } }) }, { "x-kubernetes-preserve-unknown-fields": true }),
      { a: { b: "x", c: 1 }, d: 2 },
      { a: { b: "x" }, d: 2 },
    ],
    [
      "not the type and metadata of embedded resources",
      object({ e: object({}, { ...EMBEDDED, "x-kubernetes-preserve-unknown-fields": undefined }) }),
      { e: { apiVersion: "v1", kind: "Pod", metadata: { name: "p", bad: 1 }, spec: {} } },
      { e: { apiVersion: "v1", kind: "Pod", metadata: { name: "p" } } },
    ],
    ["nothing of another type than the schema's, which validation refuses", object({ a: object({}) }), { a: ["x", { y: 1 }] }, { a: ["x", { y: 1 }] }],
    [
      "values of free maps",
      object({ m: { type: "object", additionalProperties: object({ a: { type: "string" } }) } }),
      { m: { x: { a: "1", b: 2 } } },
      { m: { x: { a: "1" } } },
    ],
  ])("%s", (_, schema, spec, expected) => {
    expect(stored(schema, spec)).toEqual(expected);
  });
});

describe("defaulting", () => {
  const schema = object({
    a: { type: "string", default: "A" },
    n: { type: "string", nullable: true, default: "N" },
    plain: { type: "string" },
    inner: object({ b: { type: "integer", default: 1 } }),
    list: { type: "array", items: object({ c: { type: "boolean", default: true } }) },
  });
  it.each<[string, unknown, unknown]>([
    ["fills in what is missing", {}, { a: "A", n: "N" }],
    ["does not make the object that a default would stand in", { inner: {} }, { a: "A", n: "N", inner: { b: 1 } }],
    ["takes the place of a null that may not be", { a: null, n: null, plain: null }, { a: "A", n: null }],
    ["works on every item", { list: [{}, { c: false }] }, { a: "A", n: "N", list: [{ c: true }, { c: false }] }],
  ])("%s", (_, spec, expected) => {
    expect(stored(schema, spec)).toEqual(expected);
  });
});

describe("validation", () => {
  it.each<[string, JSONSchemaProps, unknown, string[]]>([
    ["types", object({ a: { type: "integer" } }), { a: "x" }, ['spec.a: Invalid value: "string": spec.a in body must be of type integer: "string"']],
    ["nulls", object({ a: { type: "string" } }), { a: null }, ['spec.a: Invalid value: "null": spec.a in body must be of type string: "null"']],
    [
      "int-or-string",
      object({ a: { "x-kubernetes-int-or-string": true } }),
      { a: true },
      ['spec.a: Invalid value: "boolean": spec.a in body must be of type integer,string: "boolean"'],
    ],
    ["required fields", object({}, { required: ["a"] }), {}, ["spec.a: Required value"]],
    ["enumerations", object({ a: { type: "string", enum: ["x", "y"] } }), { a: "z" }, ['spec.a: Unsupported value: "z": supported values: "x", "y"']],
    [
      "bounds",
      object({ a: { type: "integer", minimum: 2, exclusiveMinimum: true } }),
      { a: 2 },
      ["spec.a: Invalid value: 2: spec.a in body should be greater than 2"],
    ],
    [
      "lengths",
      object({ a: { type: "string", minLength: 2 }, b: { type: "string", maxLength: 1 } }),
      { a: "x", b: "xy" },
      ['spec.a: Invalid value: "x": spec.a in body should be at least 2 chars long', "spec.b: Too long: may not be more than 1 bytes"],
    ],
    ["patterns, in RE2", object({ a: { type: "string", pattern: "^a+$" } }), { a: "b" }, ["spec.a: Invalid value: \"b\": spec.a in body should match '^a+$'"]],
    [
      "formats",
      object({ a: { type: "string", format: "date-time" } }),
      { a: "today" },
      ['spec.a: Invalid value: "today": spec.a in body must be of type date-time: "today"'],
    ],
    ["counts", object({ a: { type: "array", maxItems: 1, items: { type: "string" } } }), { a: ["x", "y"] }, ["spec.a: Too many: 2: must have at most 1 item"]],
    [
      "items",
      object({ a: { type: "array", items: { type: "string" } } }),
      { a: ["x", 1] },
      ['spec.a[1]: Invalid value: "integer": spec.a[1] in body must be of type string: "integer"'],
    ],
    [
      "sets",
      object({ a: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } } }),
      { a: ["x", "y", "x"] },
      ['spec.a[2]: Duplicate value: "x"'],
    ],
    [
      "lists with keys",
      object({ a: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], items: object({ k: { type: "string" } }) } }),
      { a: [{ k: "x" }, { k: "x" }] },
      ['spec.a[1]: Duplicate value: {"k":"x"}'],
    ],
    [
      "embedded resources",
      object({ e: EMBEDDED }),
      { e: { kind: "foo_bar", metadata: { name: "a/b" } } },
      [
        "spec.e.apiVersion: Required value",
        expect.stringContaining('spec.e.kind: Invalid value: "foo_bar": may have mixed case, but should otherwise match: a DNS-1035 label'),
        "spec.e.metadata.name: Invalid value: \"a/b\": may not contain '/'",
      ],
    ],
    [
      "one of several schemas",
      object({ a: { type: "string" }, b: { type: "string" } }, { oneOf: [{ required: ["a"] }, { required: ["b"] }] }),
      { a: "x", b: "y" },
      ['<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
    ],
    [
      "no schema at all",
      object({ a: { type: "string" } }, { not: { required: ["a"] } }),
      { a: "x" },
      ['<nil>: Invalid value: "": "spec" must not validate the schema (not)'],
    ],
  ])("of %s", (_, schema, spec, expected) => {
    expect(problems(schema, spec)).toEqual(expected);
  });

  it("forgives an update what was wrong before and did not change", () => {
    const schema = object({
      a: { type: "string", enum: ["x"] },
      b: { type: "string" },
      l: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
    });
    expect(problems(schema, { a: "old", b: "new", l: ["d", "d"] }, { a: "old", l: ["d", "d"] })).toEqual([]);
    expect(problems(schema, { a: "other" }, { a: "old" })).toEqual(['spec.a: Unsupported value: "other": supported values: "x"']);
  });
});

describe("apply", () => {
  it("merges lists by the keys that the schema gives them", () => {
    const items = object({ k: { type: "string" }, v: { type: "integer" } });
    const kind = kindWith(object({ a: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], items } }));
    const options = { manager: "me", subresource: "", time: "2026-01-01T00:00:00Z", force: false };
    const live = applyConfiguration(kind, undefined, foo({ a: [{ k: "x", v: 1 }] }), options) as UnstructuredObject;
    const next = applyConfiguration(kind, live, foo({ a: [{ k: "y", v: 2 }] }), { ...options, manager: "you" });
    expect(mutableCopy(next)["spec"]).toEqual({
      a: [
        { k: "x", v: 1 },
        { k: "y", v: 2 },
      ],
    });
  });
});

describe("a schema", () => {
  it.each<[string, JSONSchemaProps, string[]]>([
    ["needs types", object({ a: {} }), ["….properties[a].type: Required value: must not be empty for specified object fields"]],
    ["needs to say what is in a list", object({ a: { type: "array" } }), ["….properties[a].items: Required value: must be specified"]],
    [
      "has no types below allOf, anyOf, oneOf and not",
      object({ a: { type: "string", anyOf: [{ type: "string" }] } }),
      ["….properties[a].anyOf[0].type: Forbidden: must be empty to be structural"],
    ],
    [
      "has outside of them what stands inside",
      object({}, { anyOf: [{ required: ["a"], properties: { a: { minimum: 1 } } }] }),
      ["….properties[a]: Required value: because it is defined in ….anyOf[0].properties[a]"],
    ],
    ["may say int-or-string by anyOf", object({ a: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] } }), []],
    [
      "has properties or additional ones",
      object({ a: { type: "string" } }, { additionalProperties: { type: "string" } }),
      ["….additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"],
    ],
    [
      "has defaults that are valid",
      object({ a: { type: "integer", default: "x" } }),
      ['….properties[a].default: Invalid value: "string":  in body must be of type integer: "string"'],
    ],
    [
      "has defaults without unknown fields",
      object({ a: object({}, { default: { b: 1 } }) }),
      ['….properties[a].default: Invalid value: {"b":1}: must not have unknown fields'],
    ],
    [
      "has keys for a list that is a map",
      object({ a: { type: "array", "x-kubernetes-list-type": "map", items: object({}) } }),
      ["….properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"],
    ],
    [
      "has no expression that takes forever to match",
      object({ a: { type: "string", pattern: "(?=a)" } }),
      [expect.stringContaining("must be a valid regular expression, but isn't")],
    ],
    [
      "has no rule that nobody would evaluate",
      object({ a: { type: "string", "x-kubernetes-validations": [{ rule: "true" }] } }),
      [expect.stringContaining("….properties[a].x-kubernetes-validations: Forbidden: kubets does not evaluate validation rules yet")],
    ],
  ])("%s", (_, schema, expected) => {
    expect(schemaProblems(schema)).toEqual(expected);
  });
});
