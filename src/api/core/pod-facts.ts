// Facts about a pod that the scheduler, the kubelet and the controllers read the same way. All pure.
import { parseTime } from "../../base/index.ts";
import type { Container, ContainerPort, ContainerStatus, Node, Pod, PodCondition, Taint, Toleration } from "../generated/types.ts";
import { podConditions, systemCriticalPriority } from "../well-known.ts";
import { isRestartableInit } from "./pod-resources.ts";

export * from "./node-selection.ts";
export * from "./pod-resources.ts";
export * from "./resource-amounts.ts";

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

/** May receive traffic. */
export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, podConditions.ready)?.status === "True";
}

/** Ready, and for at least `minReadySeconds` by `nowMs`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const condition = podCondition(pod, podConditions.ready);
  if (condition?.status !== "True") return false;
  if (minReadySeconds === 0) return true;
  const since = parseTime(condition.lastTransitionTime);
  return since !== undefined && since + minReadySeconds * 1000 <= nowMs;
}

/** Succeeded or Failed: no container will run again. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** Neither ended nor being deleted: what workload controllers count. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** Bound to a node, by its name. */
export function isPodBound(pod: Pod): boolean {
  return pod.spec.nodeName !== undefined && pod.spec.nodeName !== "";
}

/** Made by a kubelet from a file, mirrored here for all to see. */
export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined;
}

export function podPriority(pod: Pod): number {
  return pod.spec.priority ?? 0;
}

/** Of the system's priority: not evicted in need. */
export function isCriticalPod(pod: Pod): boolean {
  return isMirrorPod(pod) || podPriority(pod) >= systemCriticalPriority;
}

/** The status of the named container, init and ephemeral ones included. */
export function containerStatus(pod: Pod, name: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find((status) => status.name === name);
}

/** Every container by whatever list it stands in; ephemeral ones carry the same fields. */
export function allContainers(pod: Pod): readonly Container[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers, ...(pod.spec.ephemeralContainers ?? [])];
}

export interface HostPort {
  readonly hostIP: string;
  readonly protocol: string;
  readonly port: number;
  /** Where it leads to, in the pod. */
  readonly containerPort: number;
}

/** Ports of the node that the pod takes: of its containers and sidecars. An absent host address is all of them, `0.0.0.0`. */
export function podHostPorts(pod: Pod): readonly HostPort[] {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isRestartableInit)];
  return containers.flatMap(({ ports = [] }) => ports.flatMap(hostPortOf));
}

function hostPortOf({ hostIP, hostPort, protocol, containerPort }: ContainerPort): HostPort[] {
  if (hostPort === undefined || hostPort === 0) return [];
  return [{ hostIP: hostIP === undefined || hostIP === "" ? "0.0.0.0" : hostIP, protocol: protocol ?? "TCP", port: hostPort, containerPort }];
}

/** Tells whether two pods cannot have these ports on one node. */
export function hostPortsConflict(one: Omit<HostPort, "containerPort">, other: Omit<HostPort, "containerPort">): boolean {
  if (one.port !== other.port || one.protocol !== other.protocol) return false;
  return one.hostIP === other.hostIP || one.hostIP === "0.0.0.0" || other.hostIP === "0.0.0.0";
}

/** Tells whether `toleration` lets a pod be where `taint` is. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== "" && toleration.effect !== taint.effect) return false;
  if (toleration.key !== undefined && toleration.key !== "" && toleration.key !== taint.key) return false;
  const operator = toleration.operator === undefined || toleration.operator === "" ? "Equal" : toleration.operator;
  if (operator === "Equal") return (toleration.value ?? "") === (taint.value ?? "");
  return operator === "Exists";
}

/** The first taint with one of `effects` that none of `tolerations` covers. */
export function findUntoleratedTaint(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return taints?.find((taint) => effects.includes(taint.effect) && !(tolerations ?? []).some((toleration) => tolerates(toleration, taint)));
}

/** Tells whether the node is reported Ready. */
export function isNodeReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}
