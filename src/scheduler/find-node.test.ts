import { describe, expect, it } from "vitest";
import type { Node, Pod } from "../api/index.ts";
import { enoughNodes } from "./find-node.ts";
import { decide as decideIn, testCluster, testNode, testPod } from "./testing.ts";

function decide(pod: Pod, nodes: readonly Node[], placed: readonly [Pod, string][] = []): string {
  return decideIn(testCluster(nodes, placed), pod);
}
const REPELLING = { key: "gpu", value: "yes", effect: "NoSchedule" };

describe("a scheduling decision", () => {
  it("takes the node that the pod fits on", () => {
    const placed: [Pod, string][] = [[testPod("other", {}, { cpu: "1500m" }), "a"]];
    expect(decide(testPod("p", {}, { cpu: "1" }), [testNode("a"), testNode("b")], placed)).toBe("b");
  });

  it("prefers the emptier node, and the one that has the image", () => {
    expect(decide(testPod("p"), [testNode("a"), testNode("b")], [[testPod("other", {}, { cpu: "1" }), "a"]])).toBe("b");
    const holder = { ...testNode("b"), status: { ...testNode("b").status, images: [{ names: ["app:latest"], sizeBytes: 900_000_000 }] } };
    expect(decide(testPod("p"), [testNode("a"), holder])).toBe("b");
  });

  it("counts what each node lacks, in upstream's words", () => {
    const nodes = [
      testNode("a"),
      testNode("b", { spec: { unschedulable: true } }),
      testNode("c", { spec: { taints: [REPELLING] } }),
      testNode("d", { allocatable: { pods: "0" } }),
    ];
    expect(decide(testPod("p", {}, { cpu: "3", memory: "8Gi" }), nodes)).toBe(
      "0/4 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable, 2 Insufficient cpu, 2 Insufficient memory.",
    );
  });

  it.each<[string, Partial<Pod["spec"]>, string]>([
    ["node selector", { nodeSelector: { disk: "ssd" } }, "b"],
    ["toleration", { tolerations: [{ key: "gpu", operator: "Exists" }], nodeSelector: { "kubernetes.io/hostname": "c" } }, "c"],
    [
      "required affinity",
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["a"] }] }] },
          },
        },
      },
      "a",
    ],
    [
      "preferred affinity",
      {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 5, preference: { matchExpressions: [{ key: "disk", operator: "Exists" }] } }],
          },
        },
      },
      "b",
    ],
    [
      "a label that no node has",
      { nodeSelector: { disk: "tape" } },
      "0/3 nodes are available: 2 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s).",
    ],
  ])("respects a %s", (_what, spec, expected) => {
    const nodes = [testNode("a"), testNode("b", { labels: { disk: "ssd" } }), testNode("c", { spec: { taints: [REPELLING] } })];
    const sorted = expected.startsWith("0/")
      ? "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector."
      : expected;
    expect(decide(testPod("p", spec), nodes)).toBe(sorted);
  });

  it("keeps host ports apart, where 0.0.0.0 takes all addresses", () => {
    const withPort = (name: string, hostIP?: string, protocol = "TCP"): Pod =>
      testPod(name, {
        containers: [{ name: "main", image: "app", ports: [{ containerPort: 80, hostPort: 8080, protocol, ...(hostIP === undefined ? {} : { hostIP }) }] }],
      });
    const taken: [Pod, string][] = [[withPort("first", "127.0.0.1"), "a"]];
    expect(decide(withPort("p"), [testNode("a")], taken)).toBe("0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.");
    expect(decide(withPort("p", "192.0.2.1"), [testNode("a")], taken)).toBe("a");
    expect(decide(withPort("p", undefined, "UDP"), [testNode("a")], taken)).toBe("a");
  });

  it("looks at all of few nodes and at a share of many", () => {
    expect([5, 99, 100, 1000, 5000, 10_000].map((all) => enoughNodes(all))).toEqual([5, 99, 100, 420, 500, 500]);
    expect([50, 200, 1000].map((all) => enoughNodes(all, 30))).toEqual([50, 100, 300]);
  });
});
