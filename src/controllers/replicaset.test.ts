import { describe, expect, it } from "vitest";
import { type Pod, type ReplicaSet, replicaSets } from "../api/index.ts";
import { podsToDelete } from "./pod-ranking.ts";
import { planReplicas } from "./replicaset.ts";
import { brief, NOW_MS, type PodSketch, pod, replicaSet } from "./testing.ts";

function plan(owner: ReplicaSet, candidates: readonly Pod[]) {
  return planReplicas({ owner, kind: replicaSets, candidates, related: candidates }, NOW_MS);
}
const mine = (name: string, more: Partial<PodSketch> = {}): Pod => pod({ name, ownerUid: "set", ready: true, ...more });

describe("the plan for a replica set", () => {
  it.each<[string, ReplicaSet, Pod[], string[]]>([
    ["makes what is missing", replicaSet(2), [mine("a")], ["create pods"]],
    ["does nothing when all are there", replicaSet(2), [mine("a"), mine("b")], []],
    ["does not count pods that ended or go", replicaSet(1), [mine("a", { phase: "Failed" }), mine("b", { deleting: true })], ["create pods"]],
    ["deletes the surplus, not ready first", replicaSet(1), [mine("a"), mine("b", { ready: false })], ["delete pods b"]],
    ["adopts a matching orphan", replicaSet(2), [mine("a"), pod({ name: "stray", ready: true })], ["patch pods stray"]],
    ["lets go of what matches no longer and replaces it", replicaSet(1), [mine("a", { labels: {} })], ["patch pods a", "create pods"]],
    ["takes an adopted stray for surplus like any other", replicaSet(1), [mine("a"), pod({ name: "stray" })], ["patch pods stray", "delete pods stray"]],
    [
      "makes nothing while it is being deleted",
      { ...replicaSet(2), metadata: { ...replicaSet(2).metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } },
      [],
      [],
    ],
    ["neither adopts nor lets go what ended", replicaSet(0), [mine("a", { phase: "Failed", labels: {} }), pod({ name: "b", phase: "Succeeded" })], []],
    ["leaves another owner's pods alone", replicaSet(0), [pod({ name: "a", ownerUid: "other" })], []],
  ])("%s", (_what, owner, candidates, expected) => {
    expect(brief(plan(owner, candidates).actions)).toEqual(expected);
  });

  it("makes at most five hundred at a time", () => {
    expect(plan(replicaSet(600), []).actions).toHaveLength(500);
  });

  it("counts in the status, and writes it only when it changes", () => {
    const candidates = [mine("a"), mine("b", { ready: false }), mine("c", { deleting: true })];
    const [write] = plan(replicaSet(2), candidates).afterwards?.(undefined) ?? [];
    expect(write?.do === "update" && (write.object as ReplicaSet).status).toMatchObject({
      replicas: 2,
      readyReplicas: 1,
      availableReplicas: 1,
      fullyLabeledReplicas: 2,
      terminatingReplicas: 1,
    });
    const settled = replicaSet(2, {}, { replicas: 2, readyReplicas: 1, availableReplicas: 1, fullyLabeledReplicas: 2, terminatingReplicas: 1 });
    expect(plan(settled, candidates).afterwards?.(undefined)).toEqual([]);
  });

  it("reports a failed creation as a condition, and takes it back", () => {
    const [write] = plan(replicaSet(1), []).afterwards?.(new Error("exceeded quota")) ?? [];
    const status = write?.do === "update" ? (write.object as ReplicaSet).status : undefined;
    expect(status?.conditions).toMatchObject([{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "exceeded quota" }]);
    const [again] = plan({ ...replicaSet(0), status: status ?? { replicas: 0 } }, []).afterwards?.(undefined) ?? [];
    expect(again?.do === "update" && (again.object as ReplicaSet).status?.conditions).toEqual([]);
  });

  it("waits until ready pods have been so for minReadySeconds", () => {
    const result = plan(replicaSet(1, { minReadySeconds: 30 }), [mine("a", { readySince: 10 })]);
    expect(result.requeueAfterMs).toBe(20_000);
    const [write] = result.afterwards?.(undefined) ?? [];
    expect(write?.do === "update" && (write.object as ReplicaSet).status).toMatchObject({ readyReplicas: 1, availableReplicas: 0 });
  });
});

describe("of two pods the first to go is", () => {
  it.each<[string, PodSketch, PodSketch]>([
    ["the one without a node", { name: "x", node: "" }, { name: "y" }],
    ["the pending one", { name: "x", phase: "Pending" }, { name: "y", phase: "Running" }],
    ["the one not ready", { name: "x", phase: "Running" }, { name: "y", ready: true }],
    ["the cheaper one", { name: "x", annotations: { "controller.kubernetes.io/pod-deletion-cost": "-1" } }, { name: "y" }],
    ["the one ready for less time", { name: "x", ready: true, readySince: 10, age: 9000 }, { name: "y", ready: true, readySince: 9000, age: 9000 }],
    ["the one that restarted more", { name: "x", restarts: 3 }, { name: "y" }],
    ["the younger one", { name: "x", age: 10 }, { name: "y", age: 9000 }],
  ])("%s", (_what, first, second) => {
    const [a, b] = [pod(first), pod(second)];
    expect(podsToDelete([b, a], [a, b], 1, NOW_MS)).toEqual([a]);
    expect(podsToDelete([a, b], [a, b], 1, NOW_MS)).toEqual([a]);
  });

  it("the one on the more crowded node", () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => pod({ name, ready: true, node: name === "c" ? "node-2" : "node-1" })) as [Pod, Pod, Pod];
    expect(podsToDelete([c, a], [a, b, c], 1, NOW_MS)).toEqual([a]);
  });
});
