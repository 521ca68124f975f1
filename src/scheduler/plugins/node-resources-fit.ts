// NodeResourcesFit: what the pod asks for must fit into what the node has left; emptier nodes score higher (LeastAllocated)
// (https://kubernetes.io/docs/concepts/scheduling-eviction/resource-bin-packing/).
import { type Node, resourceAmounts } from "../../api/index.ts";
import type { NodeInfo } from "../node-info.ts";
import { LARGEST_SCORE, plugin, type Rejection } from "../plugin.ts";
import { numbers, type PodInfo } from "../pod-info.ts";

/** Resources that count in scores, with equal weight. */
export const SCORED_RESOURCES = ["cpu", "memory"] as const;

function fit(pod: PodInfo, node: NodeInfo): Rejection | undefined {
  const reasons: string[] = [];
  let resolvable = true;
  if (node.pods.size + 1 > (node.allocatable.get("pods") ?? 0)) reasons.push("Too many pods");
  for (const [resource, wanted] of pod.requests) {
    if (wanted === 0) continue;
    const total = node.allocatable.get(resource) ?? 0;
    if (wanted <= total - (node.requested.get(resource) ?? 0)) continue;
    reasons.push(`Insufficient ${resource}`);
    if (wanted > total) resolvable = false;
  }
  return reasons.length === 0 ? undefined : { reasons, resolvable };
}

function asks({ requests }: PodInfo, resource: string): number {
  return requests.get(resource) ?? 0;
}

function couldHold(pod: PodInfo, node: Node): boolean {
  const total = numbers(resourceAmounts(node.status?.allocatable));
  return [...pod.requests].every(([resource, wanted]) => wanted <= (total.get(resource) ?? 0));
}

export const nodeResourcesFit = plugin("NodeResourcesFit", {
  filter: fit,
  score: (pod, node) => {
    const shares = SCORED_RESOURCES.flatMap((resource) => {
      const total = node.allocatable.get(resource) ?? 0;
      if (total === 0) return [];
      const used = (node.scoredRequested.get(resource) ?? 0) + (pod.scoredRequests.get(resource) ?? 0);
      return [used > total ? 0 : Math.trunc(((total - used) * LARGEST_SCORE) / total)];
    });
    return shares.length === 0 ? 0 : Math.trunc(shares.reduce((sum, share) => sum + share, 0) / shares.length);
  },
  helps: (pod, event) => {
    if (event.type === "podRemoved") return true;
    if (event.type === "nodeAdded") return couldHold(pod, event.node);
    if (event.type === "nodeUpdated")
      return JSON.stringify(event.node.status?.allocatable) !== JSON.stringify(event.old.status?.allocatable) && couldHold(pod, event.node);
    // A pod resized downwards frees room as well.
    if (event.type === "podUpdated") return [...pod.requests].some(([resource, wanted]) => wanted > 0 && asks(event.old, resource) > asks(event.pod, resource));
    return false;
  },
});
