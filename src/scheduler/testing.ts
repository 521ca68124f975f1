// Pods and nodes for the scheduler's tests.
import type { Node, NodeSpec, Pod, PodSpec } from "../api/index.ts";

export function testNode(
  name: string,
  more: { readonly spec?: NodeSpec; readonly labels?: Record<string, string>; readonly allocatable?: Record<string, string> } = {},
): Node {
  const { spec = {}, labels = {}, allocatable = {} } = more;
  const amounts = { cpu: "2", memory: "4Gi", pods: "110", ...allocatable };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } },
    spec,
    status: { allocatable: amounts, capacity: amounts },
  };
}

export function testPod(name: string, spec: Partial<PodSpec> = {}, requests: Record<string, string> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: `uid-${name}` },
    spec: { schedulerName: "default-scheduler", containers: [{ name: "main", image: "app", resources: { requests } }], ...spec },
    status: { phase: "Pending" },
  };
}
