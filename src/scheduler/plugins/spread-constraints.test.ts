// Default spread constraints, the nodes and pods that count, and what a trial changes.
import { describe, expect, it } from "vitest";
import type { Pod, ReplicaSet, Service, TopologySpreadConstraint } from "../../api/index.ts";
import { profileOf } from "../profile.ts";
import { decide, preempt, scoresOf, testCluster, testNode, testPod } from "../testing.ts";
import { createDefaultPreemption } from "./default-preemption.ts";
import { createPodTopologySpread } from "./pod-topology-spread.ts";

const ZONE = "topology.kubernetes.io/zone";
const NODES = ["a", "b", "c"].map((name) => testNode(name, { labels: { [ZONE]: name === "c" ? "two" : "one" } }));
const service: Service = { apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "default" }, spec: { selector: { app: "web" } } };
const replicaSet = {
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  metadata: { name: "web" },
  spec: { selector: { matchLabels: { app: "web" } } },
} as unknown as ReplicaSet;

function web(name: string, more: Partial<Pod["metadata"]> = {}, spec: Partial<Pod["spec"]> = {}): Pod {
  const pod = testPod(name, spec);
  return { ...pod, metadata: { ...pod.metadata, labels: { app: "web" }, ...more } };
}
const ownerReferences = [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "1", controller: true }];
const hard = (more: Partial<TopologySpreadConstraint> = {}): Partial<Pod["spec"]> => ({
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: { app: "web" } }, ...more }],
});
const only = (plugin: ReturnType<typeof createPodTopologySpread>) => profileOf("default-scheduler", [{ plugin }, { plugin: createDefaultPreemption() }]);

describe("pods without constraints of their own", () => {
  const placed: [Pod, string][] = [
    [web("x"), "a"],
    [web("y"), "a"],
  ];

  it("are spread with those that their service or their controller selects", () => {
    const spread = createPodTopologySpread();
    const byService = testCluster(NODES, placed, { services: () => [service] });
    const byController = testCluster(NODES, placed, { replicaSet: (key) => (key === "default/web" ? replicaSet : undefined) });
    const expected = scoresOf(spread, byService, web("p"));
    expect(expected[0]).toBeLessThan(expected[1] ?? 0);
    expect(expected[1]).toBeLessThan(expected[2] ?? 0);
    expect(scoresOf(spread, byController, web("p", { ownerReferences }))).toEqual(expected);
  });

  it("are left alone when nothing selects them, or the cluster's defaults are empty", () => {
    expect(scoresOf(createPodTopologySpread(), testCluster(NODES, placed), web("p"))).toEqual([0, 0, 0]);
    const none = createPodTopologySpread({ defaultingType: "List", defaultConstraints: [] });
    expect(scoresOf(none, testCluster(NODES, placed, { services: () => [service] }), web("p"))).toEqual([0, 0, 0]);
  });

  it("keep to the cluster's own defaults", () => {
    const strict = createPodTopologySpread({
      defaultingType: "List",
      defaultConstraints: [{ maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: "DoNotSchedule" }],
    });
    expect(decide(testCluster(NODES, placed.slice(1), { services: () => [service] }), web("p"), only(strict))).toBe("c");
  });
});

describe("what counts for a constraint", () => {
  const spread = createPodTopologySpread();
  const tainted = testNode("d", { labels: { [ZONE]: "three" }, spec: { taints: [{ key: "k", effect: "NoSchedule" }] } });
  const both: [Pod, string][] = [
    [web("x"), "a"],
    [web("y"), "c"],
  ];

  it("nodes that the pod cannot go to count only when it says so", () => {
    const cluster = testCluster([...NODES, tainted], both);
    const onlyA = { nodeSelector: { "kubernetes.io/hostname": "a" } };
    expect(decide(cluster, web("p", {}, { ...hard(), ...onlyA }))).toBe("a");
    // The empty third zone counts, as nothing says that its taint should be looked at.
    expect(decide(cluster, web("p", {}, { ...hard({ nodeAffinityPolicy: "Ignore" }), ...onlyA }))).toContain("1 node(s) didn't match pod topology spread");
    expect(decide(cluster, web("p", {}, hard({ nodeTaintsPolicy: "Honor" })))).toMatch(/^[abc]$/);
  });

  it("pods on their way out do not count, nor those of another value of a label to match", () => {
    const leaving = web("x", { deletionTimestamp: "2026-01-01T00:00:00Z" });
    expect(decide(testCluster(NODES.slice(0, 1), [[leaving, "a"]]), web("p", {}, hard({ minDomains: 2 })), only(spread))).toBe("a");
    const old = web("x", { labels: { app: "web", "pod-template-hash": "1" } });
    const next = web("p", { labels: { app: "web", "pod-template-hash": "2" } }, hard({ minDomains: 2, matchLabelKeys: ["pod-template-hash"] }));
    expect(decide(testCluster(NODES.slice(0, 1), [[old, "a"]]), next, only(spread))).toBe("a");
  });

  it("pods that preemption would take away do not count either", () => {
    const low = (name: string) => web(name, {}, { priority: 1 });
    const cluster = testCluster(NODES.slice(1), [
      [low("x"), "b"],
      [low("y"), "b"],
    ]);
    const onlyB = { nodeSelector: { "kubernetes.io/hostname": "b" } };
    expect(preempt(cluster, web("p", {}, { ...hard({ nodeAffinityPolicy: "Ignore" }), ...onlyB, priority: 9 }))).toBe("b: x y");
  });
});
