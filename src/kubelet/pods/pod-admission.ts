// The node's last word on whether a pod may run here: what the scheduler checked is checked again, for the node may have
// changed since, and pods may be bound by others than the scheduler.
import { appArmorProfileOf, findUntoleratedTaint, hostPortsConflict, type Node, type Pod, podHostPorts, podMatchesNode, podRequests } from "../../api/index.ts";
import { parseQuantity, Quantity } from "../../base/index.ts";
import { allContainers } from "./pod-spec.ts";
import type { Shortage } from "./preemption.ts";
import { forbiddenSysctl } from "./sysctls.ts";

export type AdmissionResult =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      readonly reason: string;
      readonly message: string;
      /** It is only for these that there is no room. */
      readonly shortages?: readonly Shortage[];
    };

const YES: AdmissionResult = { admitted: true };
const REASONS: Readonly<Record<string, string>> = {
  cpu: "OutOfcpu",
  memory: "OutOfmemory",
  "ephemeral-storage": "OutOfephemeral-storage",
  pods: "OutOfpods",
};

export interface AdmissionContext {
  readonly node: Node;
  /** The pods that run here already. */
  readonly others: readonly Pod[];
  /** The kernel confines programs by AppArmor profiles. */
  readonly hasAppArmor: boolean;
}

/** Features that this kubelet does not have are refused, never ignored. */
export function admitPod(pod: Pod, { node, others, hasAppArmor }: AdmissionContext): AdmissionResult {
  const refused = unsupported(pod, hasAppArmor) ?? wrongPlatform(pod);
  if (refused !== undefined) return refused;
  const mismatched = mismatch(pod, node, others);
  const insufficient = insufficientResources(pod, node, others);
  const [first] = insufficient;
  if (first === undefined) return mismatched ?? YES;
  const result = outOf(first);
  if (mismatched !== undefined || result.admitted) return result;
  return { ...result, shortages: insufficient.map(({ name, requested, used, capacity }) => ({ name, amount: requested + used - capacity })) };
}

function no(reason: string, message: string): AdmissionResult {
  return { admitted: false, reason, message };
}

function unsupported(pod: Pod, hasAppArmor: boolean): AdmissionResult | undefined {
  const refuse = (what: string): AdmissionResult => no("PodFeatureUnsupported", `${what} is not supported on this node`);
  if (pod.spec.hostUsers === false) return refuse("hostUsers: false (a user namespace)");
  if (pod.spec.securityContext?.supplementalGroupsPolicy === "Strict") {
    return no("SupplementalGroupsPolicyNotSupported", "SupplementalGroupsPolicy=Strict is not supported in this node");
  }
  const sysctl = forbiddenSysctl(pod);
  if (sysctl !== undefined) return no("SysctlForbidden", sysctl);
  if ((pod.spec.resourceClaims ?? []).length > 0) return refuse("a resource claim");
  for (const container of allContainers(pod)) {
    const profile = appArmorProfileOf(pod, container);
    if (!hasAppArmor && profile !== undefined && profile.type !== "Unconfined") {
      return no("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host");
    }
  }
  return undefined;
}

function wrongPlatform(pod: Pod): AdmissionResult | undefined {
  const selected = pod.metadata.labels?.["kubernetes.io/os"];
  if (selected !== undefined && selected !== "linux") {
    return no("PodOSSelectorNodeLabelDoesNotMatch", "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label");
  }
  if (pod.spec.os !== undefined && pod.spec.os.name !== "linux") return no("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS");
  return undefined;
}

interface Insufficient {
  readonly name: string;
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
}

function insufficientResources(pod: Pod, node: Node, others: readonly Pod[]): Insufficient[] {
  const found: Insufficient[] = [];
  const allocatable = node.status?.allocatable ?? {};
  const podsAllowed = amount(allocatable["pods"], "pods");
  if (others.length + 1 > podsAllowed) found.push({ name: "pods", requested: 1, used: others.length, capacity: podsAllowed });
  for (const [name, requested] of podRequests(pod)) {
    // An extended resource that the node does not know is somebody else's to give.
    if (requested.isZero() || allocatable[name] === undefined) continue;
    const used = others.reduce((sum, other) => sum.add(podRequests(other).get(name) ?? Quantity.zero), Quantity.zero);
    const inUnits = (quantity: Quantity): number => (name === "cpu" ? quantity.milliValue() : quantity.value());
    const capacity = amount(allocatable[name], name);
    if (inUnits(used) + inUnits(requested) > capacity) found.push({ name, requested: inUnits(requested), used: inUnits(used), capacity });
  }
  return found;
}

function outOf({ name, requested, used, capacity }: Insufficient): AdmissionResult {
  const message = `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
  return no(REASONS[name] ?? `OutOf${name}`, message);
}

function mismatch(pod: Pod, node: Node, others: readonly Pod[]): AdmissionResult | undefined {
  const predicate = (name: string, description: string): AdmissionResult => no(name, `Predicate ${name} failed: ${description}`);
  if (!podMatchesNode(pod, node)) return predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector");
  if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== node.metadata.name) return predicate("NodeName", "node(s) didn't match the requested node name");
  const taken = others.flatMap(podHostPorts);
  if (podHostPorts(pod).some((port) => taken.some((other) => hostPortsConflict(port, other)))) {
    return predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports");
  }
  if (findUntoleratedTaint(node.spec.taints, pod.spec.tolerations, ["NoExecute"]) !== undefined) {
    return predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate");
  }
  return undefined;
}

function amount(text: string | undefined, name: string): number {
  if (text === undefined) return name === "pods" ? Infinity : 0;
  const quantity = parseQuantity(text);
  return name === "cpu" ? quantity.milliValue() : quantity.value();
}
