// Pods that need what not every node, or no scheduler, can give.
import { describe, expect, it } from "vitest";
import type { Node } from "../../api/index.ts";
import { podInfo } from "../pod-info.ts";
import { decide, testCluster, testNode, testPod } from "../testing.ts";
import { nodeDeclaredFeatures } from "./node-declared-features.ts";

function withFeatures(name: string, ...declaredFeatures: string[]): Node {
  const node = testNode(name);
  return { ...node, status: { ...node.status, declaredFeatures } };
}

describe("NodeDeclaredFeatures", () => {
  const needy = testPod("p", { hostNetwork: true, hostUsers: false });

  it("takes nodes that declare what the pod needs", () => {
    expect(decide(testCluster([testNode("a"), withFeatures("b", "UserNamespacesHostNetworkSupport")]), needy)).toBe("b");
    expect(decide(testCluster([testNode("a"), withFeatures("b", "Other")]), needy)).toBe(
      "0/2 nodes are available: 2 node(s) didn't match Pod's required features.",
    );
    const rules = [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [1] } }];
    const restarting = testPod("p", { containers: [{ name: "main", image: "app", restartPolicyRules: rules }] });
    expect(decide(testCluster([testNode("a"), withFeatures("b", "RestartAllContainersOnContainerExits")]), restarting)).toBe("b");
  });

  it("is helped by a node that declares something else than before", () => {
    const helps = (node: Node, old: Node) => nodeDeclaredFeatures.helps?.(podInfo(needy), { type: "nodeUpdated", node, old }, testCluster([]));
    expect(helps(withFeatures("a", "X"), testNode("a"))).toBe(true);
    expect(helps(withFeatures("a", "X"), withFeatures("a", "X"))).toBe(false);
  });
});

describe("DynamicResources", () => {
  it("does not place a pod without the devices that it claims", () => {
    const pod = testPod("p", { resourceClaims: [{ name: "gpu", resourceClaimName: "gpu" }] });
    expect(decide(testCluster([testNode("a")]), pod)).toBe(
      "0/1 nodes are available: the pod has resource claims, and this scheduler does not allocate devices (dynamic resource allocation).",
    );
  });
});

describe("NodeAffinity", () => {
  const named = (...names: string[][]) =>
    testPod("p", {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: names.map((values) => ({ key: "metadata.name", operator: "In", values })) }],
          },
        },
      },
    });

  it.each<[string, string[][], string]>([
    ["a node", [["b"]], "b"],
    ["a node that is not there", [["x"]], "0/2 nodes are available: 2 node(s) didn't satisfy plugin(s) [NodeAffinity]."],
    ["two nodes at once", [["a"], ["b"]], "0/2 nodes are available: pod affinity terms conflict."],
  ])("looks at no other nodes for a pod that names %s", (_what, names, expected) => {
    expect(decide(testCluster([testNode("a"), testNode("b")]), named(...names))).toBe(expected);
  });
});
