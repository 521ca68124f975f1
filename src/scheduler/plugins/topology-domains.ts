// Counting pods by topology domain (the nodes with one value of a label): what pod affinity and topology spreading have in common.
//
// A filter is also asked about a node with some of its pods taken away or added (preemption, nominated pods). The counts are made once an
// attempt from the nodes as they are; the difference of such a trial node is added when it is looked at.
import type { ClusterState } from "../cluster-state.ts";
import type { NodeInfo } from "../node-info.ts";
import type { PodInfo } from "../pod-info.ts";

export type PodTest = (pod: PodInfo) => boolean;

export function domainOf(node: NodeInfo, topologyKey: string): string | undefined {
  return node.node?.metadata.labels?.[topologyKey];
}

export function countPods(node: NodeInfo, test: PodTest): number {
  let count = 0;
  for (const pod of node.pods.values()) if (test(pod)) count++;
  return count;
}

/** How many more pods pass on this node than on the cluster's own node of its name. */
export function trialDifference(cluster: ClusterState, node: NodeInfo, test: PodTest): number {
  const real = cluster.node(node.name);
  return real === node || real === undefined ? 0 : countPods(node, test) - countPods(real, test);
}

/** Pods that pass, by domain. Domains without any are there with 0. */
export function countByDomain(nodes: readonly NodeInfo[], topologyKey: string, test: PodTest): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const domain = domainOf(node, topologyKey);
    if (domain !== undefined) counts.set(domain, (counts.get(domain) ?? 0) + countPods(node, test));
  }
  return counts;
}
