// Pods that preemption makes room for: until the room is free it is kept for them against pods of lower or equal priority
// (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/#user-exposed-information).
//
// Invariant: a pod is nominated to at most one node, and to none once it counts on one.
import type { Pod } from "../api/index.ts";
import type { PodInfo } from "./pod-info.ts";

export class Nominations {
  /** Pod UID → node name. */
  private readonly nodes = new Map<string, string>();
  /** Node name → pod UID → pod. */
  private readonly pods = new Map<string, Map<string, PodInfo>>();

  get isEmpty(): boolean {
    return this.nodes.size === 0;
  }

  nodeOf(uid: string): string | undefined {
    return this.nodes.get(uid);
  }

  /** The pods that wait for room on the node. */
  on(nodeName: string): readonly PodInfo[] {
    return [...(this.pods.get(nodeName)?.values() ?? [])];
  }

  set(pod: PodInfo, nodeName: string): void {
    this.delete(pod.uid);
    this.nodes.set(pod.uid, nodeName);
    const there = this.pods.get(nodeName);
    if (there === undefined) this.pods.set(nodeName, new Map([[pod.uid, pod]]));
    else there.set(pod.uid, pod);
  }

  /** True when the pod was nominated. */
  delete(uid: string): boolean {
    const nodeName = this.nodes.get(uid);
    if (nodeName === undefined) return false;
    this.nodes.delete(uid);
    const there = this.pods.get(nodeName);
    there?.delete(uid);
    if (there?.size === 0) this.pods.delete(nodeName);
    return true;
  }

  /** What the API says of a pod without a node. Where it says nothing, before or now, our own decision is not there yet and stands. */
  observe(pod: PodInfo, old: Pod | undefined): void {
    const named = pod.pod.status?.nominatedNodeName ?? "";
    const before = old?.status?.nominatedNodeName ?? "";
    const own = this.nodes.get(pod.uid);
    if (named !== "") this.set(pod, named);
    else if (before !== "") this.delete(pod.uid);
    else if (own !== undefined) this.set(pod, own);
  }
}
