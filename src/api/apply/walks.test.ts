import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { objectSchemaOf } from "../compile.ts";
import type { ObjectSchema } from "../schema.ts";
import { FieldSet, fieldSetPathText } from "./field-set.ts";
import { compareFields, fieldsOf, mergeValues, removeFields, withNamedParents } from "./walks.ts";

const pod = objectSchemaOf("v1", "Pod") as ObjectSchema;
const texts = (set: FieldSet): string[] => [...set.paths()].map(fieldSetPathText);

describe("field sets", () => {
  const element = fc.constantFrom("f:a", "f:b", 'k:{"name":"x"}', 'v:"y"');
  const set = fc.array(fc.array(element, { minLength: 1, maxLength: 4 }), { maxLength: 8 }).map((paths) => FieldSet.ofPaths(paths));
  const paths = (of: FieldSet): string[] => [...of.paths()].map((path) => path.join("/"));

  it("are what their paths say", () => {
    fc.assert(
      fc.property(set, set, (a, b) => {
        const [left, right] = [new Set(paths(a)), new Set(paths(b))];
        const every = [...new Set([...left, ...right])];
        expect(new Set(paths(a.union(b)))).toEqual(new Set(every));
        expect(new Set(paths(a.intersection(b)))).toEqual(new Set(every.filter((path) => left.has(path) && right.has(path))));
        expect(new Set(paths(a.difference(b)))).toEqual(new Set([...left].filter((path) => !right.has(path))));
        expect(a.equals(b)).toBe(left.size === right.size && [...left].every((path) => right.has(path)));
        expect(a.difference(a).isEmpty).toBe(true);
      }),
    );
  });
  it("survive the way through FieldsV1", () => {
    fc.assert(
      fc.property(set, (a) => {
        expect(FieldSet.fromFieldsV1(a.toFieldsV1()).equals(a)).toBe(true);
      }),
    );
  });
  it("are written as upstream writes them", () => {
    const some = FieldSet.ofPaths([
      ["f:metadata", "f:labels"],
      ["f:metadata", "f:labels", "f:app"],
      ["f:spec", "f:replicas"],
    ]);
    expect(some.toFieldsV1()).toEqual({ "f:metadata": { "f:labels": { ".": {}, "f:app": {} } }, "f:spec": { "f:replicas": {} } });
  });
});

describe("fieldsOf", () => {
  it("names leaves, keys of maps, and items with what they hold", () => {
    const value = {
      metadata: { labels: { app: "a" }, finalizers: ["x/y"] },
      spec: { containers: [{ name: "c", image: "i", args: ["1"], ports: [{ containerPort: 80 }], securityContext: {} }], nodeSelector: { a: "b" } },
    };
    expect(texts(fieldsOf(pod, value))).toEqual([
      '.metadata.finalizers[="x/y"]',
      ".metadata.labels.app",
      '.spec.containers[name="c"]',
      '.spec.containers[name="c"].args',
      '.spec.containers[name="c"].image',
      '.spec.containers[name="c"].name',
      '.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"]',
      '.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].containerPort',
      '.spec.containers[name="c"].securityContext',
      ".spec.nodeSelector",
    ]);
  });
});

describe("compareFields", () => {
  it("tells what came, changed and went", () => {
    const old = { spec: { containers: [{ name: "a", image: "1" }, { name: "b" }], nodeSelector: { x: "1" } } };
    const value = {
      spec: {
        containers: [
          { name: "a", image: "2" },
          { name: "c", env: [{ name: "E" }] },
        ],
        nodeSelector: { x: "2" },
      },
      metadata: { labels: { l: "1" } },
    };
    const { added, modified, removed } = compareFields(pod, old, value);
    expect(texts(added)).toEqual([
      ".metadata",
      ".metadata.labels",
      ".metadata.labels.l",
      '.spec.containers[name="c"]',
      '.spec.containers[name="c"].env',
      '.spec.containers[name="c"].env[name="E"]',
      '.spec.containers[name="c"].env[name="E"].name',
      '.spec.containers[name="c"].name',
    ]);
    expect(texts(modified)).toEqual(['.spec.containers[name="a"].image', ".spec.nodeSelector"]);
    expect(texts(removed)).toEqual(['.spec.containers[name="b"]', '.spec.containers[name="b"].name']);
  });
});

describe("mergeValues", () => {
  const order = (live: string[], config: string[]): string[] => {
    const spec = (names: string[]) => ({ spec: { containers: names.map((name) => ({ name })) } });
    const merged = mergeValues(pod, spec(live), spec(config)) as { spec: { containers: { name: string }[] } };
    return merged.spec.containers.map((container) => container.name);
  };
  it.each([
    [["a", "b"], ["c"], ["a", "b", "c"]],
    [
      ["a", "b"],
      ["c", "a"],
      ["c", "a", "b"],
    ],
    [
      ["b", "a"],
      ["c", "a"],
      ["b", "c", "a"],
    ],
    [
      ["x", "y", "z"],
      ["z", "x"],
      ["y", "z", "x"],
    ],
    [[], ["b", "a"], ["b", "a"]],
  ])("%j with %j gives %j", (live, config, expected) => {
    expect(order(live, config)).toEqual(expected);
  });
  it("replaces what is atomic", () => {
    const merged = mergeValues(
      pod,
      { spec: { nodeSelector: { a: "1" }, tolerations: [{ key: "a" }] } },
      { spec: { nodeSelector: { b: "2" }, tolerations: [] } },
    );
    expect(merged).toEqual({ spec: { nodeSelector: { b: "2" }, tolerations: [] } });
  });
});

const names = fc.constantFrom("a", "b", "c");
const container = fc.record({ name: names, image: fc.constantFrom("1", "2"), args: fc.array(names, { maxLength: 2 }) }, { requiredKeys: ["name"] });
// Without empty lists: whoever applies one owns nothing by it.
const value = fc.record(
  {
    metadata: fc.record({ labels: fc.dictionary(names, names), finalizers: fc.uniqueArray(names, { minLength: 1 }) }, { requiredKeys: [] }),
    spec: fc.record(
      { containers: fc.uniqueArray(container, { minLength: 1, selector: (item) => item.name }), nodeSelector: fc.dictionary(names, names) },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

it("keeps the laws of apply", () => {
  fc.assert(
    fc.property(value, value, (live, config) => {
      const merged = mergeValues(pod, live, config);
      // Applying twice is applying once.
      expect(mergeValues(pod, merged, config)).toEqual(merged);
      // What was applied is there.
      expect(fieldsOf(pod, config).difference(withNamedParents(pod, fieldsOf(pod, merged))).isEmpty).toBe(true);
      // Nothing of the live object is lost.
      expect(compareFields(pod, live, merged).removed.isEmpty).toBe(true);
      // Nothing changes but what was applied, and the fields on the way there.
      const { added, modified } = compareFields(pod, live, merged);
      expect(modified.difference(fieldsOf(pod, config)).isEmpty).toBe(true);
      expect(added.difference(withNamedParents(pod, fieldsOf(pod, config))).isEmpty).toBe(true);
      // A value compared with itself is the same, and taking out all its fields leaves nothing.
      expect(compareFields(pod, live, structuredClone(live)).modified.isEmpty).toBe(true);
      expect(fieldsOf(pod, removeFields(pod, live, withNamedParents(pod, fieldsOf(pod, live)))).isEmpty).toBe(true);
    }),
    { numRuns: 500 },
  );
});
