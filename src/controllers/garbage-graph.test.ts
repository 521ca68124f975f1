import { describe, expect, it } from "vitest";
import { type KubeObject, type OwnerReference, pods } from "../api/index.ts";
import { GarbageGraph, type GraphNode, graphNode, judge } from "./garbage-graph.ts";
import { deletionConditions, estimateSeconds } from "./namespace.ts";
import { NOW_MS, pod } from "./testing.ts";

function owner(uid: string, blockOwnerDeletion = true): OwnerReference {
  return { apiVersion: "v1", kind: "Pod", name: uid, uid, blockOwnerDeletion };
}
function object(uid: string, owners: readonly OwnerReference[] = [], finalizers?: readonly string[]): GraphNode {
  const metadata = {
    name: uid,
    namespace: "default",
    uid,
    ownerReferences: owners,
    ...(finalizers === undefined ? {} : { finalizers, deletionTimestamp: "2026-01-01T00:00:00Z" }),
  };
  return graphNode(pods, { apiVersion: "v1", kind: "Pod", metadata } as KubeObject);
}

describe("the graph asks for a look at", () => {
  it("an object whose owner is not known, whatever comes first", () => {
    const graph = new GarbageGraph();
    expect(graph.put(object("child", [owner("parent")]))).toEqual(["child"]);
    expect(graph.put(object("parent"))).toEqual([]);
    expect(graph.put(object("second", [owner("parent")]))).toEqual([]);
  });

  it("the dependents of what is gone", () => {
    const graph = new GarbageGraph();
    graph.put(object("parent"));
    graph.put(object("child", [owner("parent")]));
    expect(graph.delete("parent")).toEqual(["child"]);
  });

  it("an owner that waits, when a dependent goes or lets go", () => {
    const graph = new GarbageGraph();
    graph.put(object("parent"));
    graph.put(object("child", [owner("parent")]));
    graph.put(object("other", [owner("parent")]));
    expect(graph.put(object("parent", [], ["foregroundDeletion"]))).toEqual(["parent", "child", "other"]);
    expect(graph.delete("child")).toEqual(["parent"]);
    expect(graph.put(object("other"))).toEqual(["parent"]);
    expect(graph.blockingDependentsOf("parent")).toEqual([]);
  });
});

describe("the verdict", () => {
  const none = { solid: [], dangling: [], waiting: [] };
  it.each([
    ["no owners: stays", none, [], [], { do: "nothing" }],
    ["an owner is there: stays", { ...none, solid: [owner("a")] }, [], [], { do: "nothing" }],
    ["one of two owners is gone: its reference goes", { ...none, solid: [owner("a")], dangling: [owner("b")] }, [], [], { do: "dropReferences", uids: ["b"] }],
    ["all are gone: goes", { ...none, dangling: [owner("a")] }, [], [], { do: "delete", propagationPolicy: "Background", unblock: false }],
    ["its own finalizer counts", { ...none, dangling: [owner("a")] }, [], ["orphan"], { do: "delete", propagationPolicy: "Orphan", unblock: false }],
    [
      "a waiting owner: goes in the foreground with its dependents",
      { ...none, waiting: [owner("a")] },
      [object("d")],
      [],
      { do: "delete", propagationPolicy: "Foreground", unblock: false },
    ],
    [
      "a ring is broken",
      { ...none, waiting: [owner("a")] },
      [object("d", [], ["foregroundDeletion"])],
      [],
      { do: "delete", propagationPolicy: "Foreground", unblock: true },
    ],
  ])("%s", (_what, owners, dependents, finalizers, expected) => {
    expect(judge(owners, dependents, finalizers)).toEqual(expected);
  });
});

describe("the deletion of a namespace", () => {
  it("tells what is left and who holds it", () => {
    const remaining = [{ resource: "pods", group: "", count: 2, finalizers: new Map([["example.com/hold", 1]]) }];
    const conditions = deletionConditions([], { remaining, errors: ["b", "a"] }, NOW_MS);
    expect(conditions.map(({ type, status, message }) => `${type}=${status} ${message}`)).toEqual([
      "NamespaceDeletionDiscoveryFailure=False All resources successfully discovered",
      "NamespaceDeletionGroupVersionParsingFailure=False All legacy kube types successfully parsed",
      "NamespaceDeletionContentFailure=True Failed to delete all resource types, 2 remaining: a, b",
      "NamespaceContentRemaining=True Some resources are remaining: pods. has 2 resource instances",
      "NamespaceFinalizersRemaining=True Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
    ]);
  });

  it("waits for the grace period of its pods", () => {
    const left = [pod({ name: "a", more: { terminationGracePeriodSeconds: 30 } })];
    expect(estimateSeconds({ remaining: [], errors: [] }, left, 1000)).toBe(30);
    expect(estimateSeconds({ remaining: [], errors: [] }, left, 31_000)).toBe(0);
  });
});
