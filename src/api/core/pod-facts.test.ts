import { describe, expect, test } from "vitest";
import type { Node, Pod, Taint, Toleration } from "../generated/types.ts";
import {
  computeQosClass,
  findUntoleratedTaint,
  hostPortsConflict,
  podHostPorts,
  podLimits,
  podMatchesNode,
  podRequests,
  resourceList,
  tolerates,
} from "./pod-facts.ts";

function pod(spec: Partial<Pod["spec"]>): Pod {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { containers: [], ...spec } };
}

function container(name: string, cpu: string | undefined, memory?: string, more: object = {}): Pod["spec"]["containers"][number] {
  const requests = { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
  return { name, resources: { requests }, ...more };
}

describe("what a pod asks for", () => {
  test.each<[string, Partial<Pod["spec"]>, Record<string, string>]>([
    ["the sum of its containers", { containers: [container("a", "100m", "1Gi"), container("b", "200m")] }, { cpu: "300m", memory: "1Gi" }],
    [
      "the largest init container, if that is more",
      { containers: [container("a", "100m")], initContainers: [container("i", "1"), container("j", "500m")] },
      { cpu: "1" },
    ],
    [
      "sidecars beside all that comes after them",
      {
        containers: [container("a", "100m")],
        initContainers: [container("i", "150m"), container("s", "100m", undefined, { restartPolicy: "Always" }), container("j", "150m")],
      },
      { cpu: "250m" },
    ],
    ["overhead on top", { containers: [container("a", "100m")], overhead: { cpu: "50m" } }, { cpu: "150m" }],
    ["what it says for itself as a whole", { containers: [container("a", "100m", "1Gi")], resources: { requests: { cpu: "2" } } }, { cpu: "2", memory: "1Gi" }],
  ])("is %s", (_what, spec, amounts) => {
    expect(resourceList(podRequests(pod(spec)))).toEqual(amounts);
  });

  test("overhead raises limits that there are", () => {
    const limited = { name: "a", resources: { limits: { cpu: "1" } } };
    expect(resourceList(podLimits(pod({ containers: [limited], overhead: { cpu: "100m", memory: "1Mi" } })))).toEqual({ cpu: "1100m" });
  });

  test("while it is resized it holds the most of what was, is and shall be", () => {
    const status = { containerStatuses: [{ name: "a", resources: { requests: { cpu: "400m" } } }] } as unknown as Pod["status"];
    const resized = { ...pod({ containers: [container("a", "100m")] }), status };
    expect(resourceList(podRequests(resized, { useStatus: true }))).toEqual({ cpu: "400m" });
  });
});

describe("the class of service", () => {
  const all = { cpu: "1", memory: "1Gi" };
  test.each<[string, Partial<Pod["spec"]>]>([
    ["BestEffort", { containers: [{ name: "a" }] }],
    ["Guaranteed", { containers: [{ name: "a", resources: { requests: all, limits: all } }] }],
    ["Burstable", { containers: [{ name: "a", resources: { requests: all, limits: all } }, { name: "b" }] }],
    ["Burstable", { containers: [{ name: "a", resources: { requests: { cpu: "1" }, limits: { cpu: "1" } } }] }],
    ["Guaranteed", { containers: [{ name: "a" }], resources: { requests: all, limits: all } }],
    ["BestEffort", { containers: [{ name: "a", resources: { requests: { "example.com/gpu": "1" }, limits: { "example.com/gpu": "1" } } }] }],
  ])("is %s", (expected, spec) => {
    expect(computeQosClass(pod(spec))).toBe(expected);
  });
});

describe("where a pod may run", () => {
  const taint: Taint = { key: "disk", value: "full", effect: "NoSchedule" };
  test.each<[Toleration, boolean]>([
    [{ key: "disk", operator: "Equal", value: "full" }, true],
    [{ key: "disk", value: "full", effect: "NoSchedule" }, true],
    [{ key: "disk", value: "empty" }, false],
    [{ key: "disk", operator: "Exists" }, true],
    [{ operator: "Exists" }, true],
    [{ operator: "Exists", effect: "NoExecute" }, false],
    [{ key: "disk", operator: "Gt", value: "1" }, false],
  ])("%o tolerates: %s", (toleration, expected) => {
    expect(tolerates(toleration, taint)).toBe(expected);
  });

  test("finds the first taint in the way", () => {
    const soft: Taint = { key: "soft", effect: "PreferNoSchedule" };
    expect(findUntoleratedTaint([soft, taint], [], ["NoSchedule", "NoExecute"])).toBe(taint);
    expect(findUntoleratedTaint([taint], [{ operator: "Exists" }], ["NoSchedule"])).toBeUndefined();
  });

  const node: Node = { apiVersion: "v1", kind: "Node", metadata: { name: "n1", labels: { zone: "a", cpus: "8" } }, spec: {} };
  const requires = (...terms: object[]): Partial<Pod["spec"]> => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms as never } } },
  });
  test.each<[string, Partial<Pod["spec"]>, boolean]>([
    ["a selector that fits", { nodeSelector: { zone: "a" } }, true],
    ["a selector that does not", { nodeSelector: { zone: "b" } }, false],
    [
      "one of two terms",
      requires({ matchExpressions: [{ key: "zone", operator: "In", values: ["b"] }] }, { matchExpressions: [{ key: "cpus", operator: "Gt", values: ["4"] }] }),
      true,
    ],
    [
      "both of a term",
      requires({ matchExpressions: [{ key: "zone", operator: "Exists" }], matchFields: [{ key: "metadata.name", operator: "In", values: ["n2"] }] }),
      false,
    ],
    ["an empty term", requires({}), false],
    ["the absence of a label", requires({ matchExpressions: [{ key: "gpu", operator: "NotIn", values: ["x"] }] }), true],
    ["a number of no number", requires({ matchExpressions: [{ key: "zone", operator: "Lt", values: ["4"] }] }), false],
  ])("%s", (_what, spec, expected) => {
    expect(podMatchesNode(pod(spec), node)).toBe(expected);
  });

  test("ports of the node clash on one address, and on all of them", () => {
    const ports = podHostPorts(pod({ containers: [{ name: "a", ports: [{ containerPort: 80, hostPort: 80 }, { containerPort: 81 }] }] }));
    expect(ports).toEqual([{ hostIP: "0.0.0.0", protocol: "TCP", port: 80, containerPort: 80 }]);
    const local = { hostIP: "127.0.0.1", protocol: "TCP", port: 80 };
    expect([local, { ...local, protocol: "UDP" }, { ...local, port: 81 }].map((port) => ports.some((own) => hostPortsConflict(own, port)))).toEqual([
      true,
      false,
      false,
    ]);
    expect(hostPortsConflict(local, { ...local, hostIP: "127.0.0.2" })).toBe(false);
  });
});
