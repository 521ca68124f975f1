import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { objectSchemaOf } from "./compile.ts";
import { isStatus } from "./status-error.ts";
import { applyStrategicMergePatch } from "./strategic-merge.ts";

const pod = objectSchemaOf("v1", "Pod");
const deployment = objectSchemaOf("apps/v1", "Deployment");
const serviceAccount = objectSchemaOf("v1", "ServiceAccount");
if (pod === undefined || deployment === undefined || serviceAccount === undefined) throw new Error("schemas are there");

const patchSpec = (original: object, patch: object): unknown => (applyStrategicMergePatch(pod, { spec: original }, { spec: patch }) as { spec: unknown }).spec;
const container = (name: string, more: object = {}): object => ({ name, ...more });

function failure(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (isStatus(error, "Invalid")) return String(error.cause);
    if (isStatus(error)) return error.message;
    throw error;
  }
  return "no failure";
}

describe("lists with a merge key", () => {
  it("merge item by item", () => {
    const original = { containers: [container("a", { image: "1" }), container("b", { image: "1" })] };
    expect(patchSpec(original, { containers: [container("b", { image: "2" }), container("c")] })).toEqual({
      containers: [container("a", { image: "1" }), container("b", { image: "2" }), container("c")],
    });
  });
  it("delete items by $patch", () => {
    const original = { containers: [container("a"), container("b")] };
    expect(patchSpec(original, { containers: [{ name: "a", $patch: "delete" }] })).toEqual({ containers: [container("b")] });
  });
  it("are replaced by $patch", () => {
    const original = { containers: [container("a"), container("b")] };
    expect(patchSpec(original, { containers: [{ $patch: "replace" }, container("c")] })).toEqual({ containers: [container("c")] });
    const twice = [container("c"), { ...container("c"), image: "other" }];
    expect(patchSpec(original, { containers: [{ $patch: "replace" }, ...twice] })).toEqual({ containers: twice });
    expect(patchSpec({}, { containers: [{ $patch: "replace" }, container("c")] })).toEqual({ containers: [container("c")] });
  });
  it("follow $setElementOrder, and items of others keep their place", () => {
    const original = { containers: [container("a"), container("sidecar"), container("b")] };
    const patch = { "$setElementOrder/containers": [{ name: "b" }, { name: "c" }, { name: "a" }], containers: [container("c")] };
    expect(patchSpec(original, patch)).toEqual({ containers: [container("sidecar"), container("b"), container("c"), container("a")] });
    expect(patchSpec(original, { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }] })).toEqual({
      containers: [container("sidecar"), container("b"), container("a")],
    });
  });
  it("use the key of their own field: ports by containerPort, tolerations not at all", () => {
    const original = { containers: [container("a", { ports: [{ containerPort: 80, name: "x" }] })], tolerations: [{ key: "a" }] };
    const patch = { containers: [container("a", { ports: [{ containerPort: 80, protocol: "UDP" }, { containerPort: 81 }] })], tolerations: [{ key: "b" }] };
    expect(patchSpec(original, patch)).toEqual({
      containers: [container("a", { ports: [{ containerPort: 80, name: "x", protocol: "UDP" }, { containerPort: 81 }] })],
      tolerations: [{ key: "b" }],
    });
  });
  it("need the key in every item", () => {
    expect(failure(() => patchSpec({ containers: [container("a")] }, { containers: [{ image: "x" }] }))).toBe(
      "map: map[image:x] does not contain declared merge key: name",
    );
  });
});

describe("lists of scalars", () => {
  const patchMetadata = (finalizers: string[], patch: object): unknown =>
    (applyStrategicMergePatch(pod, { metadata: { finalizers } }, { metadata: patch }) as { metadata: { finalizers: unknown } }).metadata.finalizers;
  it("merge as sets", () => {
    expect(patchMetadata(["a", "b"], { finalizers: ["b", "c"] })).toEqual(["a", "b", "c"]);
  });
  it("lose what $deleteFromPrimitiveList names", () => {
    expect(patchMetadata(["a", "b"], { "$deleteFromPrimitiveList/finalizers": ["a"] })).toEqual(["b"]);
  });
});

describe("objects", () => {
  it("merge, and null removes", () => {
    expect(applyStrategicMergePatch(pod, { metadata: { labels: { a: "1", b: "2" } } }, { metadata: { labels: { a: null, c: "3" } } })).toEqual({
      metadata: { labels: { b: "2", c: "3" } },
    });
    expect(applyStrategicMergePatch(pod, {}, { metadata: { labels: { a: null } } })).toEqual({ metadata: { labels: {} } });
  });
  it("are replaced or emptied by $patch", () => {
    expect(patchSpec({ nodeSelector: { a: "1" } }, { nodeSelector: { $patch: "replace", b: "2" } })).toEqual({ nodeSelector: { b: "2" } });
    expect(patchSpec({ securityContext: { runAsUser: 1 } }, { securityContext: { $patch: "delete" } })).toEqual({ securityContext: {} });
  });
  it("keep only what $retainKeys names", () => {
    const strategy = (patch: object): unknown =>
      applyStrategicMergePatch(deployment, { spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } } }, { spec: { strategy: patch } });
    expect(strategy({ $retainKeys: ["type"], type: "Recreate" })).toEqual({ spec: { strategy: { type: "Recreate" } } });
    expect(failure(() => strategy({ $retainKeys: ["type"], rollingUpdate: {} }))).toBe("invalid patch format of retainKeys");
    const volumes = [{ name: "v", emptyDir: {} }];
    expect(patchSpec({ volumes }, { volumes: [{ name: "v", $retainKeys: ["name", "hostPath"], hostPath: { path: "/" } }] })).toEqual({
      volumes: [{ name: "v", hostPath: { path: "/" } }],
    });
  });
  it("leave no directive behind where there was nothing to merge with", () => {
    const patch = {
      containers: [container("a", { "$setElementOrder/ports": [{ containerPort: 1 }], ports: [{ containerPort: 1, $patch: "delete" }] })],
      "$setElementOrder/containers": [{ name: "a" }],
    };
    expect(patchSpec({}, patch)).toEqual({ containers: [container("a", { ports: [] })] });
  });
});

it("puts what a patch adds before what only the server has", () => {
  expect(applyStrategicMergePatch(serviceAccount, { secrets: [{ name: "a" }] }, { secrets: [{ name: "b" }] })).toEqual({
    secrets: [{ name: "b" }, { name: "a" }],
  });
});

it("is idempotent and does not change its inputs", () => {
  const names = fc.constantFrom("a", "b", "c", "d");
  const items = fc.uniqueArray(fc.record({ name: names, image: fc.string() }, { requiredKeys: ["name"] }), { selector: (item) => item.name });
  const spec = fc.record({ containers: items, nodeSelector: fc.dictionary(names, fc.option(fc.string())) }, { requiredKeys: [] });
  fc.assert(
    fc.property(spec, spec, (original, patch) => {
      const before = structuredClone([original, patch]);
      const once = patchSpec(original, patch) as object;
      expect(patchSpec(once, patch)).toEqual(once);
      expect([original, patch]).toEqual(before);
    }),
  );
});
