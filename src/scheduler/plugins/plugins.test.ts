import { describe, expect, it } from "vitest";
import type { Node, Pod } from "../../api/index.ts";
import type { ClusterEvent, Plugin } from "../plugin.ts";
import { podInfo } from "../pod-info.ts";
import { scoresOf, testCluster, testNode, testPod } from "../testing.ts";
import { imageLocality } from "./image-locality.ts";
import { createNodeAffinity } from "./node-affinity.ts";
import { nodePorts } from "./node-ports.ts";
import { createNodeResourcesBalancedAllocation } from "./node-resources-balanced-allocation.ts";
import { createNodeResourcesFit } from "./node-resources-fit.ts";
import { nodeUnschedulable } from "./node-unschedulable.ts";
import { taintToleration } from "./taint-toleration.ts";

const nodeAffinity = createNodeAffinity();
const nodeResourcesFit = createNodeResourcesFit();
const nodeResourcesBalancedAllocation = createNodeResourcesBalancedAllocation();

function scores(plugin: Plugin, pod: Pod, nodes: readonly Node[], placed: readonly [Pod, string][] = []): readonly number[] {
  return scoresOf(plugin, testCluster(nodes, placed), pod);
}

describe("scores", () => {
  it("NodeResourcesFit: the share of cpu and memory that would stay free, containers without requests counting as small", () => {
    const placed: [Pod, string][] = [[testPod("other", {}, { cpu: "1", memory: "1Gi" }), "a"]];
    expect(scores(nodeResourcesFit, testPod("p", {}, { cpu: "500m", memory: "1Gi" }), [testNode("a"), testNode("b")], placed)).toEqual([37, 75]);
    // 0.1 of 2 cpus, 200 Mi of 4 Gi.
    expect(scores(nodeResourcesFit, testPod("p"), [testNode("a")])).toEqual([95]);
    expect(scores(nodeResourcesFit, testPod("p", {}, { cpu: "4" }), [testNode("a")])).toEqual([47]);
  });

  it("NodeResourcesBalancedAllocation: 75 without effect on the balance, more when it is mended, less when it is spoilt", () => {
    const placed: [Pod, string][] = [[testPod("other", {}, { memory: "4Gi" }), "b"]];
    const nodes = [testNode("a"), testNode("b")];
    expect(scores(nodeResourcesBalancedAllocation, testPod("p", {}, { cpu: "1", memory: "2Gi" }), [testNode("a")])).toEqual([75]);
    expect(scores(nodeResourcesBalancedAllocation, testPod("p", {}, { cpu: "2" }), nodes, placed)).toEqual([50, 100]);
    expect(nodeResourcesBalancedAllocation.applies?.(podInfo(testPod("best-effort")))).toBe(false);
  });

  it("ImageLocality: by size and spread, over all containers and image volumes, with bounds at both ends", () => {
    const holder = (name: string, images: Record<string, number>): Node => ({
      ...testNode(name),
      status: { ...testNode(name).status, images: Object.entries(images).map(([image, sizeBytes]) => ({ names: [image], sizeBytes })) },
    });
    const MEGABYTE = 1024 * 1024;
    const nodes = [holder("a", { "app:latest": 1000 * MEGABYTE }), testNode("b")];
    // One node of two has it: half its size counts.
    expect(scores(imageLocality, testPod("p"), nodes)).toEqual([48, 0]);
    expect(scores(imageLocality, testPod("p"), [holder("a", { "app:latest": 20 * MEGABYTE })])).toEqual([0]);
    expect(scores(imageLocality, testPod("p"), [holder("a", { "app:latest": 5000 * MEGABYTE })])).toEqual([100]);
    const withVolume = testPod("p", { volumes: [{ name: "data", image: { reference: "data:1" } }] });
    expect(scores(imageLocality, withVolume, [holder("a", { "data:1": 1000 * MEGABYTE })])).toEqual([100]);
  });

  it("TaintToleration: fewer taints that discourage the pod are better", () => {
    const taint = (key: string) => ({ key, effect: "PreferNoSchedule" });
    const nodes = [testNode("a"), testNode("b", { spec: { taints: [taint("x")] } }), testNode("c", { spec: { taints: [taint("x"), taint("y")] } })];
    expect(scores(taintToleration, testPod("p"), nodes)).toEqual([100, 50, 0]);
    expect(scores(taintToleration, testPod("p", { tolerations: [{ key: "x", operator: "Exists" }] }), nodes)).toEqual([100, 100, 0]);
  });

  it("NodeAffinity: the weights of the preferences that a node meets", () => {
    const prefers = (weight: number, key: string) => ({ weight, preference: { matchExpressions: [{ key, operator: "Exists" }] } });
    const pod = testPod("p", { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [prefers(10, "ssd"), prefers(30, "gpu")] } } });
    const nodes = [testNode("a"), testNode("b", { labels: { ssd: "" } }), testNode("c", { labels: { ssd: "", gpu: "" } })];
    expect(scores(nodeAffinity, pod, nodes)).toEqual([0, 25, 100]);
  });
});

describe("what may help a pod that a plugin turned away", () => {
  const added = (node: Node): ClusterEvent => ({ type: "nodeAdded", node });
  const updated = (node: Node, old: Node): ClusterEvent => ({ type: "nodeUpdated", node, old });
  const removed = (pod: Pod): ClusterEvent => ({ type: "podRemoved", pod: podInfo(pod) });
  const resized = (pod: Pod, old: Pod): ClusterEvent => ({ type: "podUpdated", pod: podInfo(pod), old: podInfo(old) });
  const cordoned = testNode("a", { spec: { unschedulable: true } });
  const tainted = testNode("a", { spec: { taints: [{ key: "gpu", effect: "NoSchedule" }] } });
  const labelled = testNode("a", { labels: { disk: "ssd" } });
  const withPort = (name: string, hostPort: number): Pod =>
    testPod(name, { containers: [{ name: "main", image: "app", ports: [{ containerPort: 80, hostPort }] }] });
  const picky = testPod("p", { nodeSelector: { disk: "ssd" } });
  const large = testPod("p", {}, { cpu: "2" });

  it.each<[string, Plugin, Pod, ClusterEvent, boolean]>([
    ["a node that is large enough", nodeResourcesFit, large, added(testNode("a")), true],
    ["a node that is too small", nodeResourcesFit, large, added(testNode("a", { allocatable: { cpu: "1" } })), false],
    ["a node that has grown", nodeResourcesFit, large, updated(testNode("a"), testNode("a", { allocatable: { cpu: "1" } })), true],
    ["a heartbeat", nodeResourcesFit, large, updated(testNode("a"), testNode("a")), false],
    ["a pod that left", nodeResourcesFit, large, removed(testPod("other")), true],
    ["a pod resized downwards", nodeResourcesFit, large, resized(testPod("other", {}, { cpu: "1" }), testPod("other", {}, { cpu: "2" })), true],
    ["a pod resized upwards", nodeResourcesFit, large, resized(testPod("other", {}, { cpu: "2" }), testPod("other", {}, { cpu: "1" })), false],
    ["less of what was not asked for", nodeResourcesFit, large, resized(testPod("other"), testPod("other", {}, { memory: "1Gi" })), false],
    ["an uncordoned node", nodeUnschedulable, large, updated(testNode("a"), cordoned), true],
    ["a change of a node that was open before", nodeUnschedulable, large, updated(labelled, testNode("a")), false],
    ["a cordoned node", nodeUnschedulable, large, added(cordoned), false],
    ["a taint taken away", taintToleration, large, updated(testNode("a"), tainted), true],
    ["another tainted node", taintToleration, large, added(tainted), false],
    ["a label that was missing", nodeAffinity, picky, updated(labelled, testNode("a")), true],
    ["a label that was there", nodeAffinity, picky, updated(labelled, labelled), false],
    ["a port given back", nodePorts, withPort("p", 80), removed(withPort("other", 80)), true],
    ["another port given back", nodePorts, withPort("p", 80), removed(withPort("other", 81)), false],
  ])("%s", (_what, plugin, pod, event, expected) => {
    expect(plugin.helpedBy?.includes(event.type) === true && plugin.helps?.(podInfo(pod), event, testCluster([]))).toBe(expected);
  });
});
