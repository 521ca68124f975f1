import { expect, it } from "vitest";
import type { JSONSchemaProps } from "../api/index.ts";
import { compile, escapeName, formatType, schemaType, schemaValue } from "./index.ts";
import { DYN } from "./types.ts";
import { display } from "./values.ts";

const SCHEMA: JSONSchemaProps = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        replicas: { type: "integer" },
        ratio: { type: "number" },
        port: { "x-kubernetes-int-or-string": true },
        "my-name": { type: "string", maxLength: 10 },
        namespace: { type: "string" },
        since: { type: "string", format: "date-time" },
        wait: { type: "string", format: "duration" },
        labels: { type: "object", additionalProperties: { type: "string" } },
        tags: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set", maxItems: 5 },
        rooms: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: { type: "object", properties: { name: { type: "string" }, size: { type: "integer" } } },
        },
      },
    },
  },
};
const OBJECT = {
  apiVersion: "example.com/v1",
  kind: "House",
  metadata: { name: "home" },
  spec: {
    replicas: 3,
    ratio: 1,
    port: 80,
    "my-name": "x",
    namespace: "ns",
    since: "2026-01-01T00:00:00Z",
    wait: "1m",
    labels: { "a/b": "c" },
    tags: ["a", "b"],
    rooms: [{ name: "kitchen", size: 1 }],
  },
};
const environment = { variables: new Map([["self", schemaType(SCHEMA, "House", true) ?? DYN]]) };
const self = schemaValue(OBJECT, SCHEMA, "House", true);

it.each([
  ["self.metadata.name", "home"],
  ["self.spec.replicas * 2", "6"],
  ["self.spec.ratio / 2.0", "0.5"],
  ["type(self.spec.port) == int", "true"],
  ["self.spec.my__dash__name + self.spec.__namespace__", "xns"],
  ["self.spec.since.getFullYear()", "2026"],
  ["self.spec.wait == duration('60s')", "true"],
  ["self.spec.labels['a/b']", "c"],
  ["has(self.spec.labels.missing)", "false"],
  ["self.spec.tags == ['b', 'a']", "true"],
  ["self.spec.tags + ['b', 'c']", "[a, b, c]"],
  ["(self.spec.rooms + self.spec.rooms).size()", "1"],
])("%s is %s", (expression, expected) => {
  const { program, text } = compile(expression, environment);
  expect(text).toBeUndefined();
  const result = program?.evaluate({ self }, 1000);
  expect(result?.error ?? (result?.value === undefined ? undefined : display(result.value))).toBe(expected);
});

it("checks fields when the rule is written", () => {
  expect(compile("self.spec.replica > 1", environment).errors).toEqual([{ offset: 9, message: "undefined field 'replica'" }]);
  expect(compile("self.spec.replicas > 'a'", environment).errors?.[0]?.message).toBe("found no matching overload for '_>_' applied to '(int, string)'");
  expect(formatType(compile("self.spec", environment).program?.type ?? DYN)).toBe("House.spec");
});

it("estimates from the sizes a schema allows", () => {
  expect(compile("self.spec.tags.all(t, t != '')", environment).program?.estimatedCost.min).toBeGreaterThan(0);
  expect(compile("self.spec.my__dash__name.contains('abcdefghij')", environment).program?.estimatedCost).toEqual({ min: 3, max: 7 });
  expect(compile("self.spec.tags.exists(t, true)", environment).program?.estimatedCost.max).toBeLessThan(50);
});

it("names properties as expressions can write them", () => {
  expect(["a.b", "a-b", "a/b", "a__b", "namespace", "9a", "ü"].map(escapeName)).toEqual([
    "a__dot__b",
    "a__dash__b",
    "a__slash__b",
    "a__underscores__b",
    "__namespace__",
    undefined,
    undefined,
  ]);
});

it("fails on data that its schema does not allow", () => {
  expect(() => schemaValue({ spec: { replicas: "three" } }, SCHEMA, "House", true)).not.toThrow();
  const { program } = compile("self.spec.replicas == 3", environment);
  expect(program?.evaluate({ self: schemaValue({ spec: { replicas: "three" } }, SCHEMA, "House", true) }, 100).error).toBe(
    "invalid data, expected int, got string",
  );
});
