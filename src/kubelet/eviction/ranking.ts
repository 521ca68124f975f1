// Which pod has to go first: those that use more than they asked for, then the less important, then those that are furthest above
// their requests (https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#pod-selection-for-kubelet-eviction).
import { type Pod, podPriority, podRequests } from "../../api/index.ts";
import type { StarvedResource } from "./thresholds.ts";

/** What a pod takes of its node. */
export interface PodUsage {
  readonly memoryBytes: number;
  /** Of the file system that is short. */
  readonly diskBytes: number;
  readonly inodes: number;
  readonly processes: number;
  readonly containers: ReadonlyMap<string, { readonly memoryBytes: number; readonly diskBytes: number }>;
}

export interface RankedPod {
  readonly pod: Pod;
  /** Absent: nothing is known, which is a reason to begin with it. */
  readonly usage?: PodUsage;
}

/** The first goes first. */
export function rankPods<Candidate extends RankedPod>(resource: StarvedResource, candidates: readonly Candidate[]): Candidate[] {
  return [...candidates].sort((a, b) => {
    if (a.usage === undefined || b.usage === undefined) return Number(b.usage === undefined) - Number(a.usage === undefined);
    const exceeding = Number(exceeds(resource, b)) - Number(exceeds(resource, a));
    if (resource !== "pids" && exceeding !== 0) return exceeding;
    return podPriority(a.pod) - podPriority(b.pod) || excess(resource, b) - excess(resource, a);
  });
}

function exceeds(resource: StarvedResource, candidate: RankedPod): boolean {
  return excess(resource, candidate) > 0;
}

/** How much more it uses than it asked for. */
function excess(resource: StarvedResource, { pod, usage }: RankedPod): number {
  if (usage === undefined) return 0;
  switch (resource) {
    case "memory":
      return usage.memoryBytes - (podRequests(pod).get("memory")?.value() ?? 0);
    case "ephemeral-storage":
      return usage.diskBytes - (podRequests(pod).get("ephemeral-storage")?.value() ?? 0);
    case "inodes":
      return usage.inodes;
    case "pids":
      return usage.processes;
  }
}
