// Small questions about a pod's spec that many parts of the kubelet ask.
import type { Container, Pod } from "../../api/index.ts";

export function podName(pod: Pod): string {
  return pod.metadata.name;
}
export function podNamespace(pod: Pod): string {
  return pod.metadata.namespace ?? "default";
}
export function podUid(pod: Pod): string {
  return pod.metadata.uid ?? "";
}
/** `name_namespace(uid)`: how the kubelet's messages name a pod. */
export function podFullName(pod: Pod): string {
  return `${podName(pod)}_${podNamespace(pod)}(${podUid(pod)})`;
}

export function initContainers(pod: Pod): readonly Container[] {
  return pod.spec.initContainers ?? [];
}
/** Ephemeral containers, seen as containers; they have all the fields that matter. */
export function ephemeralContainers(pod: Pod): readonly Container[] {
  return pod.spec.ephemeralContainers ?? [];
}
export function allContainers(pod: Pod): readonly Container[] {
  return [...initContainers(pod), ...pod.spec.containers, ...ephemeralContainers(pod)];
}
export function findContainer(pod: Pod, name: string): Container | undefined {
  return allContainers(pod).find((container) => container.name === name);
}
/** An init container that runs beside the others (https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/** The part of the pod that an event speaks of, e.g. `spec.containers{web}`. */
export function containerFieldPath(pod: Pod, container: { readonly name: string }): string {
  if (initContainers(pod).some(({ name }) => name === container.name)) return `spec.initContainers{${container.name}}`;
  if (ephemeralContainers(pod).some(({ name }) => name === container.name)) return `spec.ephemeralContainers{${container.name}}`;
  return `spec.containers{${container.name}}`;
}

export function isHostNetwork(pod: Pod): boolean {
  return pod.spec.hostNetwork === true;
}
export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === "Succeeded" || phase === "Failed";
}
