import { describe, expect, it } from "vitest";
import { leases, type Node, nodes, pods, type Taint, type Toleration } from "../api/index.ts";
import type { Clock } from "../base/index.ts";
import { nextPodCidr, podRanges } from "./node-ipam.ts";
import { nodeLifecycleController, planNode } from "./node-lifecycle.ts";
import { readyStatus, wantedTaints } from "./node-taints.ts";
import { planNodeTtl, stepFor } from "./node-ttl.ts";
import { EvictionBudget, zoneHealth } from "./node-zones.ts";
import { fateOf, surplusEnded } from "./pod-gc.ts";
import { planEviction, taintEvictionController, toleratedMs } from "./taint-eviction.ts";
import { ago, brief, NOW_MS, pod, started, testContext } from "./testing.ts";

function node(ready: string | undefined, taints: readonly Taint[] = [], spec: Partial<Node["spec"]> = {}): Node {
  const conditions = ready === undefined ? [] : [{ type: "Ready", status: ready, lastHeartbeatTime: ago(10) }];
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "node-1", uid: "n" },
    spec: { ...(taints.length === 0 ? {} : { taints }), ...spec },
    status: { conditions },
  };
}
const texts = (taints: readonly Taint[]) => taints.map(({ key, effect }) => `${key.split("/")[1]}:${effect}`).sort();

describe("the taints of a node", () => {
  const notReady: Taint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };
  it.each<[string, Node, boolean, string[]]>([
    ["a ready one has none", node("True", [notReady]), false, []],
    ["not ready", node("False"), false, ["not-ready:NoExecute", "not-ready:NoSchedule"]],
    ["unreachable", node("Unknown", [notReady]), false, ["unreachable:NoExecute", "unreachable:NoSchedule"]],
    ["no eviction when all nodes are down", node("Unknown"), true, ["unreachable:NoSchedule"]],
    ["cordoned", node("True", [], { unschedulable: true }), false, ["unschedulable:NoSchedule"]],
    ["one that never reported keeps its first taint", node(undefined, [notReady]), false, ["not-ready:NoSchedule"]],
    ["others' taints stay", node("True", [{ key: "example.com/gpu", effect: "NoExecute" }]), false, ["gpu:NoExecute"]],
  ])("%s", (_what, of, allDisrupted, expected) => {
    expect(texts(wantedTaints({ node: of, allDisrupted, mayEvict: true, nowMs: NOW_MS }))).toEqual(expected);
  });
});

describe("a silent node", () => {
  const observed = { pods: [pod({ name: "a", ready: true })], graceMs: 50_000, allDisrupted: false, evictionWaitMs: 0 };
  it("is marked, with its pods, after the grace period", () => {
    expect(planNode({ ...observed, node: node("True"), silentForMs: 49_000 }, NOW_MS)).toEqual({ actions: [], requeueAfterMs: 1000 });
    const { actions } = planNode({ ...observed, node: node("True"), silentForMs: 50_000 }, NOW_MS);
    expect(brief(actions)).toEqual(["update nodes/status node-1", "patch pods/status a", "note NodeNotReady"]);
    const [write] = actions;
    expect(write?.do === "update" && (write.object as Node).status?.conditions?.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ["Ready", "Unknown", "NodeStatusUnknown"],
      ["MemoryPressure", "Unknown", "NodeStatusNeverUpdated"],
      ["DiskPressure", "Unknown", "NodeStatusNeverUpdated"],
      ["PIDPressure", "Unknown", "NodeStatusNeverUpdated"],
    ]);
  });

  it("is given 50 seconds from its last sign of life, a renewed lease or a reported status", async () => {
    const { context, client, clock } = testContext();
    const running = await started(nodeLifecycleController(), context, clock);
    await client.create(nodes, node("True"));
    const lease = await client.create(leases, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "node-1", namespace: "kube-node-lease" },
      spec: { holderIdentity: "node-1", renewTime: "2026-01-01T00:00:00.000000Z" },
    });
    const ready = async (): Promise<string | undefined> => readyStatus(await client.get(nodes, { name: "node-1" }));
    await clock.advance(40_000);
    await client.update(leases, { ...lease, spec: { ...lease.spec, renewTime: "2026-01-01T00:00:40.000000Z" } });
    await clock.advance(49_000);
    expect(await ready()).toBe("True");
    await clock.advance(2000);
    expect(await ready()).toBe("Unknown");
    await running.stop();
  });
});

describe("eviction by taint", () => {
  it("gives a pod made anew under the same name its own time", async () => {
    const { context, client, clock } = testContext();
    const running = await started(taintEvictionController(), context, clock);
    const tainted = node("False", [{ key: "node.kubernetes.io/not-ready", effect: "NoExecute" }]);
    await client.create(nodes, tainted);
    const tolerations = [{ key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 60 }];
    const make = () => {
      const { creationTimestamp: _assigned, ...metadata } = pod({ name: "web-0" }).metadata;
      return client.create(pods, { ...pod({ name: "web-0", more: { tolerations } }), metadata });
    };
    await make();
    await clock.advance(50_000);
    // Both at once: the controller sees the second pod only.
    await Promise.all([client.delete(pods, { namespace: "default", name: "web-0" }), make()]);
    await clock.advance(50_000);
    expect(client.requests.filter((request) => request === "delete pods web-0")).toHaveLength(1);
    await clock.advance(20_000);
    expect(client.requests.filter((request) => request === "delete pods web-0")).toHaveLength(2);
    await running.stop();
  });

  const taint: Taint = { key: "k", effect: "NoExecute" };
  it.each<[string, Toleration[], number | undefined]>([
    ["at once without toleration", [], 0],
    ["never with an endless one", [{ key: "k", operator: "Exists" }], undefined],
    [
      "after the shortest one",
      [
        { key: "k", operator: "Exists", tolerationSeconds: 60 },
        { operator: "Exists", tolerationSeconds: 30 },
      ],
      30_000,
    ],
    ["at once when negative", [{ key: "k", operator: "Exists", tolerationSeconds: -5 }], 0],
  ])("%s", (_what, tolerations, expected) => {
    expect(toleratedMs(pod({ name: "a", more: { tolerations } }), [taint])).toBe(expected);
  });

  it("is called off when the taint goes or is tolerated for good, and only then told of", () => {
    const forever = pod({ name: "a", more: { tolerations: [{ operator: "Exists" }] } });
    const cancelled = planEviction({ pod: pod({ name: "a" }), taints: [], sinceMs: NOW_MS, wasScheduled: true }, NOW_MS).actions;
    expect(cancelled).toMatchObject([{ note: { reason: "TaintManagerEviction", message: "Cancelling deletion of Pod default/a" } }]);
    expect(brief(planEviction({ pod: forever, taints: [taint], sinceMs: NOW_MS, wasScheduled: true }, NOW_MS).actions)).toEqual(["note TaintManagerEviction"]);
    expect(planEviction({ pod: pod({ name: "a" }), taints: [], sinceMs: NOW_MS }, NOW_MS).actions).toEqual([]);
  });

  it("waits, marks and deletes", () => {
    const tolerant = pod({ name: "a", more: { tolerations: [{ operator: "Exists", tolerationSeconds: 60 }] } });
    expect(planEviction({ pod: tolerant, taints: [taint], sinceMs: NOW_MS - 20_000 }, NOW_MS)).toEqual({ actions: [], requeueAfterMs: 40_000 });
    const { actions } = planEviction({ pod: tolerant, taints: [taint], sinceMs: NOW_MS - 60_000 }, NOW_MS);
    expect(brief(actions)).toEqual(["note TaintManagerEviction", "patch pods/status a", "delete pods a"]);
  });
});

describe("pod garbage", () => {
  const outOfService = node("False", [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }]);
  it.each([
    ["stays", pod({ name: "a" }), node("True")],
    ["stays", pod({ name: "a", deleting: true }), node("False")],
    ["quarantine", pod({ name: "a" }), undefined],
    ["unscheduledTerminating", pod({ name: "a", node: "", deleting: true }), undefined],
    ["stays", pod({ name: "a", node: "" }), undefined],
    ["outOfService", pod({ name: "a", deleting: true }), outOfService],
  ] as const)("%s", (fate, of, on) => {
    expect(fateOf(of, on)).toBe(fate);
  });

  it("goes oldest first beyond the threshold", () => {
    const ended = [pod({ name: "young", phase: "Failed", age: 1 }), pod({ name: "old", phase: "Succeeded", age: 9 })];
    expect(surplusEnded(ended, 1).map(({ metadata }) => metadata.name)).toEqual(["old"]);
    expect(surplusEnded(ended, 0)).toEqual([]);
  });
});

it("gives the first free range of pod addresses, of each family", () => {
  const [range, range6] = podRanges({ clusterCidrs: ["10.244.0.0/16", "fd00:244::/56"] });
  if (range === undefined || range6 === undefined) throw new Error("no ranges");
  expect(nextPodCidr(range, [])).toBe("10.244.0.0/24");
  expect(nextPodCidr(range, ["10.244.0.0/24", "fd00:244::/64", "10.244.2.0/24"])).toBe("10.244.1.0/24");
  expect(nextPodCidr({ cidr: "192.168.7.0/24", maskSize: 24 }, ["192.168.7.0/24"])).toBeUndefined();
  expect(nextPodCidr(range6, ["fd00:244::/64"])).toBe("fd00:244:0:1::/64");
  // A node may have got its range under another mask.
  expect(nextPodCidr(range, ["10.244.0.0/23"])).toBe("10.244.2.0/24");
  expect(podRanges({ clusterCidrs: ["10.0.0.0/16"], maskSizeIPv4: 20 })).toEqual([{ cidr: "10.0.0.0/16", maskSize: 20 }]);
  expect(nextPodCidr({ cidr: "10.0.0.0/16", maskSize: 20 }, ["10.0.0.0/20"])).toBe("10.0.16.0/20");
  expect(() => podRanges({ clusterCidrs: ["10.0.0.0/28"] })).toThrow("10.0.0.0/28");
});

describe("the rate of evictions", () => {
  const zone = (ready: number, down: number): Node[] => [...Array<Node>(ready).fill(node("True")), ...Array<Node>(down).fill(node("Unknown"))];
  it.each<[string, number, number, number]>([
    ["is one node in ten seconds", 5, 1, 0.1],
    ["also when two of three are down", 1, 2, 0.1],
    ["is none in a small zone that is mostly down", 2, 3, 0],
    ["just below 55 % it goes on", 5, 6, 0.1],
    ["is low in a large zone that is mostly down", 22, 29, 0.01],
    ["is the usual one where all of a zone is down", 0, 10, 0.1],
  ])("%s", (_what, ready, down, rate) => {
    expect(zoneHealth(zone(ready, down)).rateOf("/")).toBe(rate);
  });

  it("is each zone's own, and evictions stop when all zones are down", () => {
    const inZone = (name: string, of: Node): Node => ({ ...of, metadata: { ...of.metadata, labels: { "topology.kubernetes.io/zone": name } } });
    const all = [...zone(1, 3).map((of) => inZone("a", of)), inZone("b", node("True")), ...zone(0, 2).map((of) => inZone("c", of))];
    const health = zoneHealth(all);
    expect([health.rateOf("/a"), health.rateOf("/b"), health.rateOf("/c"), health.allDown]).toEqual([0, 0.1, 0.1, false]);
    expect(zoneHealth(zone(0, 3)).allDown).toBe(true);
    const excluded = { ...node("True"), metadata: { name: "x", labels: { "node.kubernetes.io/exclude-disruption": "" } } };
    expect(zoneHealth([...zone(0, 3), excluded]).allDown).toBe(true);
  });

  it("gives a turn when one is due", () => {
    let nowMs = 0;
    const budget = new EvictionBudget({ monotonic: () => nowMs } as Clock);
    expect([budget.take("a", 0.1), budget.take("a", 0.1), budget.take("b", 0.1), budget.take("a", 0)]).toEqual([0, 10_000, 0, Number.POSITIVE_INFINITY]);
    nowMs = 10_000;
    expect(budget.take("a", 0.1)).toBe(0);
  });

  it("lets a node's pods wait for their turn, not the taint against new ones", () => {
    const waiting = { pods: [], silentForMs: 0, graceMs: 50_000, allDisrupted: false, node: node("False"), evictionWaitMs: 7000 };
    const { actions, requeueAfterMs } = planNode(waiting, NOW_MS);
    expect(actions[0]?.do === "update" && texts((actions[0].object as Node).spec.taints ?? [])).toEqual(["not-ready:NoSchedule"]);
    expect(requeueAfterMs).toBe(7000);
    // What drives pods away already changes its name at once.
    const unreachable = node("False", [{ key: "node.kubernetes.io/unreachable", effect: "NoExecute" }]);
    expect(texts(wantedTaints({ node: unreachable, allDisrupted: false, mayEvict: false, nowMs: NOW_MS }))).toEqual([
      "not-ready:NoExecute",
      "not-ready:NoSchedule",
    ]);
  });
});

describe("the ttl of a node's secrets", () => {
  it.each([
    [100, 0, 0],
    [101, 0, 1],
    [95, 1, 1],
    [89, 1, 0],
    [2001, 0, 4],
    [10, 4, 0],
  ])("of %i nodes, coming from step %i, is that of step %i", (count, from, step) => {
    expect(stepFor(count, from)).toBe(step);
  });

  it("is written where it is not what it should be", () => {
    const node = (annotations: Record<string, string>): Node => ({ apiVersion: "v1", kind: "Node", metadata: { name: "n", annotations }, spec: {} });
    expect(planNodeTtl({ node: node({}), step: 0 }).actions).toMatchObject([
      { patch: { body: { metadata: { annotations: { "node.alpha.kubernetes.io/ttl": "0" } } } } },
    ]);
    expect(planNodeTtl({ node: node({ "node.alpha.kubernetes.io/ttl": "15" }), step: 1 }).actions).toEqual([]);
  });
});
