import { describe, expect, it } from "vitest";
import { configMaps, type DeleteOptions, jobs, type Kind, type KubeObject, type ObjectMeta, pods } from "../../api/index.ts";
import { type Mutable, mutableCopy } from "../../base/index.ts";
import { checkDeletePreconditions, planDeletion } from "./deletion.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

function plan(kind: Kind, metadata: Partial<ObjectMeta>, options: Partial<DeleteOptions> = {}, spec: object = {}) {
  const object = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name: "a", ...metadata }, spec } as unknown as Mutable<KubeObject>;
  const { action } = planDeletion(kind, object, options, NOW);
  const { name: _, ...left } = mutableCopy(object.metadata);
  return { action, ...left };
}

const running = { nodeName: "n", terminationGracePeriodSeconds: 30, containers: [] };

describe("deletion", () => {
  it.each([
    ["what nothing holds goes at once", configMaps, {}, {}, { action: "delete" }],
    [
      "a finalizer holds the object, marked without grace",
      configMaps,
      { finalizers: ["a/b"] },
      {},
      { action: "mark", finalizers: ["a/b"], deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 0 },
    ],
    [
      "what is marked already stays as it is",
      configMaps,
      { finalizers: ["a/b"], deletionTimestamp: "2025-12-31T00:00:00Z", deletionGracePeriodSeconds: 0 },
      {},
      { action: "none", finalizers: ["a/b"], deletionTimestamp: "2025-12-31T00:00:00Z", deletionGracePeriodSeconds: 0 },
    ],
    [
      "dependents first",
      configMaps,
      {},
      { propagationPolicy: "Foreground" },
      { action: "mark", finalizers: ["foregroundDeletion"], deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 0 },
    ],
    [
      "dependents orphaned",
      configMaps,
      {},
      { orphanDependents: true },
      { action: "mark", finalizers: ["orphan"], deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 0 },
    ],
    ["a later policy takes an earlier one's finalizer away", configMaps, { finalizers: ["orphan"] }, { propagationPolicy: "Background" }, { action: "delete" }],
    [
      "jobs orphan their pods unless told otherwise",
      jobs,
      { generation: 1 },
      {},
      { action: "mark", finalizers: ["orphan"], generation: 2, deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 0 },
    ],
    ["a pod on no node needs no grace", pods, {}, {}, { action: "delete", deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 0 }, {}],
    [
      "a running pod gets its own grace",
      pods,
      { generation: 1 },
      {},
      { action: "mark", generation: 2, deletionTimestamp: "2026-01-01T00:00:30Z", deletionGracePeriodSeconds: 30 },
      running,
    ],
    [
      "a grace can be shortened",
      pods,
      { deletionTimestamp: "2026-01-01T00:00:20Z", deletionGracePeriodSeconds: 30 },
      { gracePeriodSeconds: 5 },
      { action: "mark", deletionTimestamp: "2025-12-31T23:59:55Z", deletionGracePeriodSeconds: 5 },
      running,
    ],
    [
      "a grace cannot be prolonged",
      pods,
      { deletionTimestamp: "2026-01-01T00:00:20Z", deletionGracePeriodSeconds: 30 },
      { gracePeriodSeconds: 60 },
      { action: "none", deletionTimestamp: "2026-01-01T00:00:20Z", deletionGracePeriodSeconds: 30 },
      running,
    ],
  ] as const)("%s", (_title, kind, metadata, options, expected, spec = {}) => {
    expect(plan(kind as Kind, metadata as Partial<ObjectMeta>, options, spec)).toMatchObject(expected);
  });

  it("is refused for another object than the one that is meant", () => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", uid: "1", resourceVersion: "7" } };
    expect(() => checkDeletePreconditions(configMaps, object, { preconditions: { uid: "2" } })).toThrow("the UID in the precondition (2) does not match");
    expect(() => checkDeletePreconditions(configMaps, object, { preconditions: { resourceVersion: "6" } })).toThrow("ResourceVersion in the precondition (6)");
    checkDeletePreconditions(configMaps, object, { preconditions: { uid: "1", resourceVersion: "7" } });
  });
});
