// InterPodAffinity: pods that want to be near others, or far from them, by topology domain
// (https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity).
import { compileLabelSelector, type LabelSelectorRequirement, type Pod, type PodAffinityTerm, type WeightedPodAffinityTerm } from "../../api/index.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { NodeInfo } from "../node-info.ts";
import { LARGEST_SCORE, plugin, unresolvable, unschedulable } from "../plugin.ts";
import type { PodInfo } from "../pod-info.ts";
import { countByDomain, countPods, domainOf, type PodTest, trialDifference } from "./topology-domains.ts";

/** What a pod's wish to be near existing pods that require it counts, when the wish is theirs. */
const HARD_AFFINITY_WEIGHT = 1;

interface Term {
  readonly topologyKey: string;
  readonly matches: PodTest;
}
interface CountedTerm extends Term {
  readonly counts: ReadonlyMap<string, number>;
}
interface AffinityState {
  readonly cluster: ClusterState;
  readonly near: readonly CountedTerm[];
  /** No pod anywhere that `near` could mean, and the pod itself would be one. */
  readonly isFirst: boolean;
  readonly far: readonly CountedTerm[];
  /** Whether an existing pod wants the new one far away, by topology key and domain. */
  readonly guarded: ReadonlyMap<string, number>;
}

function termOf(owner: Pod, term: PodAffinityTerm, cluster: ClusterState): Term {
  const selector = selectorOf(owner, term);
  const isMeant = namespaceTest(owner, term, cluster);
  return {
    topologyKey: term.topologyKey,
    matches: ({ pod }) => selector?.matches(pod.metadata.labels ?? {}) === true && isMeant(pod.metadata.namespace ?? ""),
  };
}

/** Without a selector no pod is meant. Keys to match stand for the values that the owner has. */
function selectorOf(owner: Pod, { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] }: PodAffinityTerm) {
  if (labelSelector === undefined) return undefined;
  const labels = owner.metadata.labels ?? {};
  const requirements = (keys: readonly string[], operator: string): LabelSelectorRequirement[] =>
    keys.flatMap((key) => (labels[key] === undefined ? [] : [{ key, operator, values: [labels[key]] }]));
  const matchExpressions = [...(labelSelector.matchExpressions ?? []), ...requirements(matchLabelKeys, "In"), ...requirements(mismatchLabelKeys, "NotIn")];
  return compileLabelSelector({ ...labelSelector, matchExpressions });
}

function namespaceTest(owner: Pod, { namespaces = [], namespaceSelector }: PodAffinityTerm, cluster: ClusterState): (namespace: string) => boolean {
  if (namespaces.length === 0 && namespaceSelector === undefined) return (namespace) => namespace === owner.metadata.namespace;
  const selector = namespaceSelector === undefined ? undefined : compileLabelSelector(namespaceSelector);
  return (namespace) => namespaces.includes(namespace) || selector?.matches(cluster.namespaceLabels(namespace)) === true;
}

function requiredTerms(pod: Pod, which: "podAffinity" | "podAntiAffinity"): readonly PodAffinityTerm[] {
  return pod.spec.affinity?.[which]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}
function preferredTerms(pod: Pod, which: "podAffinity" | "podAntiAffinity"): readonly WeightedPodAffinityTerm[] {
  return pod.spec.affinity?.[which]?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
}

function prepareFilter(pod: PodInfo, cluster: ClusterState): AffinityState {
  const nodes = cluster.list();
  const counted = (term: Term): CountedTerm => ({ ...term, counts: countByDomain(nodes, term.topologyKey, term.matches) });
  const wanted = requiredTerms(pod.pod, "podAffinity").map((term) => termOf(pod.pod, term, cluster));
  // A pod counts as company only if it is meant by every term.
  const isCompany: PodTest = (other) => wanted.every(({ matches }) => matches(other));
  const near = wanted.map(({ topologyKey }) => counted({ topologyKey, matches: isCompany }));
  const isFirst = near.every(({ counts }) => [...counts.values()].every((count) => count === 0)) && isCompany(pod);
  const far = requiredTerms(pod.pod, "podAntiAffinity").map((term) => counted(termOf(pod.pod, term, cluster)));
  const guarded = new Map<string, number>();
  for (const node of nodes) for (const key of guardsOf(node, node.podsWithAffinity.values(), pod, cluster)) guarded.set(key, (guarded.get(key) ?? 0) + 1);
  return { cluster, near, isFirst, far, guarded };
}

/** The domains of `node` that its pods' anti-affinity closes to the new pod; one that several close stands there as often. */
function guardsOf(node: NodeInfo, pods: Iterable<PodInfo>, pod: PodInfo, cluster: ClusterState): string[] {
  const keys: string[] = [];
  for (const { pod: existing } of pods) {
    for (const term of requiredTerms(existing, "podAntiAffinity")) {
      const domain = domainOf(node, term.topologyKey);
      if (domain !== undefined && termOf(existing, term, cluster).matches(pod)) keys.push(guardKey(term.topologyKey, domain));
    }
  }
  return keys;
}

function guardKey(topologyKey: string, domain: string): string {
  return `${topologyKey}=${domain}`;
}

function hasCompany(node: NodeInfo, { cluster, near, isFirst }: AffinityState): boolean {
  if (near.some(({ topologyKey }) => domainOf(node, topologyKey) === undefined)) return false;
  return (
    isFirst ||
    near.every(({ topologyKey, matches, counts }) => (counts.get(domainOf(node, topologyKey) ?? "") ?? 0) + trialDifference(cluster, node, matches) > 0)
  );
}

function meetsUnwanted(node: NodeInfo, { cluster, far }: AffinityState): boolean {
  return far.some(({ topologyKey, matches, counts }) => {
    const domain = domainOf(node, topologyKey);
    return domain !== undefined && (counts.get(domain) ?? 0) + trialDifference(cluster, node, matches) > 0;
  });
}

function isUnwanted(pod: PodInfo, node: NodeInfo, { cluster, guarded }: AffinityState): boolean {
  const open = new Map(guarded);
  const real = cluster.node(node.name);
  if (real !== undefined && real !== node) {
    for (const key of guardsOf(real, real.podsWithAffinity.values(), pod, cluster)) open.set(key, (open.get(key) ?? 0) - 1);
    for (const key of guardsOf(node, node.podsWithAffinity.values(), pod, cluster)) open.set(key, (open.get(key) ?? 0) + 1);
  }
  for (const [key, value] of Object.entries(node.node?.metadata.labels ?? {})) if ((open.get(guardKey(key, value)) ?? 0) > 0) return true;
  return false;
}

/** What the domains of a node are worth to the pod, and the pod to the pods that are there; by topology key and domain. */
function prepareScore(pod: PodInfo, cluster: ClusterState): ReadonlyMap<string, number> {
  const worth = new Map<string, number>();
  const add = (node: NodeInfo, topologyKey: string, amount: number): void => {
    const domain = domainOf(node, topologyKey);
    if (domain === undefined || amount === 0) return;
    const key = guardKey(topologyKey, domain);
    worth.set(key, (worth.get(key) ?? 0) + amount);
  };
  const own = [
    ...preferredTerms(pod.pod, "podAffinity").map(({ weight, podAffinityTerm }) => ({ weight, term: termOf(pod.pod, podAffinityTerm, cluster) })),
    ...preferredTerms(pod.pod, "podAntiAffinity").map(({ weight, podAffinityTerm }) => ({ weight: -weight, term: termOf(pod.pod, podAffinityTerm, cluster) })),
  ];
  for (const node of cluster.list()) {
    for (const { weight, term } of own) add(node, term.topologyKey, weight * countPods(node, term.matches));
    for (const { pod: existing } of node.podsWithAffinity.values()) {
      const wish = (term: PodAffinityTerm, weight: number): void => {
        if (termOf(existing, term, cluster).matches(pod)) add(node, term.topologyKey, weight);
      };
      for (const term of requiredTerms(existing, "podAffinity")) wish(term, HARD_AFFINITY_WEIGHT);
      for (const { weight, podAffinityTerm } of preferredTerms(existing, "podAffinity")) wish(podAffinityTerm, weight);
      for (const { weight, podAffinityTerm } of preferredTerms(existing, "podAntiAffinity")) wish(podAffinityTerm, -weight);
    }
  }
  return worth;
}

export const interPodAffinity = plugin<AffinityState | ReadonlyMap<string, number>>("InterPodAffinity", {
  preFilter: prepareFilter,
  filter: (pod, node, prepared) => {
    const state = prepared as AffinityState;
    if (!hasCompany(node, state)) return unresolvable("node(s) didn't match pod affinity rules");
    if (meetsUnwanted(node, state)) return unschedulable("node(s) didn't match pod anti-affinity rules");
    return isUnwanted(pod, node, state) ? unschedulable("node(s) didn't satisfy existing pods anti-affinity rules") : undefined;
  },
  preScore: prepareScore,
  score: (_pod, node, prepared) => {
    const worth = prepared as ReadonlyMap<string, number>;
    if (worth.size === 0) return 0;
    return Object.entries(node.node?.metadata.labels ?? {}).reduce((sum, [key, value]) => sum + (worth.get(guardKey(key, value)) ?? 0), 0);
  },
  normalize: (scores) => {
    const [least, most] = [Math.min(...scores), Math.max(...scores)];
    return scores.map((score) => (most === least ? 0 : Math.trunc((LARGEST_SCORE * (score - least)) / (most - least))));
  },
});
