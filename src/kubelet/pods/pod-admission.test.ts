import { describe, expect, it } from "vitest";
import type { Container, Node, Pod } from "../../api/index.ts";
import { admitPod } from "./pod-admission.ts";

const container = (more: Partial<Container> = {}): Container => ({ name: "c", image: "i", ...more });
const pod = (spec: Partial<Pod["spec"]>, labels: Record<string, string> = {}): Pod => ({
  ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default", uid: "u", labels } },
  spec: { containers: [container()], ...spec },
});
const requests = (amounts: Record<string, string>): Partial<Pod["spec"]> => ({ containers: [container({ resources: { requests: amounts } })] });
const node: Node = {
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "n", labels: { zone: "a" } },
  spec: {},
  status: { allocatable: { cpu: "1", memory: "1Gi", pods: "2", "example.com/thing": "1" } },
};
const port = (hostPort: number, hostIP = ""): Partial<Pod["spec"]> => ({ containers: [container({ ports: [{ containerPort: 80, hostPort, hostIP }] })] });
const sysctl = (name: string, more: Partial<Pod["spec"]> = {}): Partial<Pod["spec"]> => ({ securityContext: { sysctls: [{ name, value: "1" }] }, ...more });
const appArmor: Partial<Pod["spec"]> = { containers: [container({ securityContext: { appArmorProfile: { type: "RuntimeDefault" } } })] };

describe("a node refuses a pod", () => {
  it.each<[what: string, pod: Pod, others: readonly Pod[], reason: string, message: string]>([
    [
      "that needs more CPU than is left",
      pod(requests({ cpu: "600m" })),
      [pod(requests({ cpu: "500m" }))],
      "OutOfcpu",
      "Node didn't have enough resource: cpu, requested: 600, used: 500, capacity: 1000",
    ],
    [
      "that needs more memory than there is",
      pod(requests({ memory: "2Gi" })),
      [],
      "OutOfmemory",
      "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
    ],
    ["past the number of pods", pod({}), [pod({}), pod({})], "OutOfpods", "Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2"],
    [
      "that needs more of an extended resource",
      pod(requests({ "example.com/thing": "2" })),
      [],
      "OutOfexample.com/thing",
      "Node didn't have enough resource: example.com/thing, requested: 2, used: 0, capacity: 1",
    ],
    [
      "whose node selector it does not match",
      pod({ nodeSelector: { zone: "b" } }),
      [],
      "NodeAffinity",
      "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ],
    ["that names another node", pod({ nodeName: "m" }), [], "NodeName", "Predicate NodeName failed: node(s) didn't match the requested node name"],
    [
      "whose port is taken",
      pod(port(8080)),
      [pod(port(8080, "127.0.0.1"))],
      "NodePorts",
      "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    ],
    ["of another system", pod({ os: { name: "windows" } }), [], "PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS"],
    [
      "labelled for another system",
      pod({}, { "kubernetes.io/os": "windows" }),
      [],
      "PodOSSelectorNodeLabelDoesNotMatch",
      "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    ],
    ["with an unsafe sysctl", pod(sysctl("kernel.msgmax")), [], "SysctlForbidden", 'forbidden sysctl: "kernel.msgmax" not allowlisted'],
    [
      "with a network sysctl on the host's network",
      pod(sysctl("net/ipv4/tcp_syncookies", { hostNetwork: true })),
      [],
      "SysctlForbidden",
      'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled',
    ],
    [
      "with an IPC sysctl in the host's IPC",
      pod(sysctl("kernel.shm_rmid_forced", { hostIPC: true })),
      [],
      "SysctlForbidden",
      'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host IPC enabled',
    ],
    ["with an AppArmor profile", pod(appArmor), [], "AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host"],
    [
      "with strict supplemental groups",
      pod({ securityContext: { supplementalGroupsPolicy: "Strict" } }),
      [],
      "SupplementalGroupsPolicyNotSupported",
      "SupplementalGroupsPolicy=Strict is not supported in this node",
    ],
    ["in a user namespace", pod({ hostUsers: false }), [], "PodFeatureUnsupported", "hostUsers: false (a user namespace) is not supported on this node"],
  ])("%s", (_what, asked, others, reason, message) => {
    expect(admitPod(asked, { node, others, hasAppArmor: false })).toMatchObject({ admitted: false, reason, message });
  });

  it("tainted NoExecute, unless it tolerates that", () => {
    const tainted: Node = { ...node, spec: { taints: [{ key: "k", effect: "NoExecute" }] } };
    const context = { node: tainted, others: [], hasAppArmor: false };
    expect(admitPod(pod({}), context)).toMatchObject({ reason: "TaintToleration" });
    expect(admitPod(pod({ tolerations: [{ key: "k", operator: "Exists" }] }), context)).toEqual({ admitted: true });
  });
});

describe("a node takes", () => {
  it.each<[what: string, pod: Pod]>([
    ["an extended resource that it does not know", pod(requests({ "other.com/thing": "5" }))],
    ["the same port on another address", pod(port(8080, "127.0.0.2"))],
    ["safe sysctls", pod(sysctl("kernel.shm_rmid_forced"))],
    ["an AppArmor profile where there is AppArmor", pod(appArmor)],
  ])("%s", (_what, asked) => {
    expect(admitPod(asked, { node, others: [pod(port(8080, "127.0.0.1"))], hasAppArmor: true })).toEqual({ admitted: true });
  });
});
