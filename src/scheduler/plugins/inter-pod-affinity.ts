// InterPodAffinity: pods that want to be near others, or far from them, by topology domain
// (https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity).
//
// A filter is also asked about a node with some of its pods taken away or added (preemption, nominated pods): what such a trial node
// has more or less is added to what is counted.
import type { AffinityTerm, NamespaceLabels } from "../affinity-terms.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { NodeInfo } from "../node-info.ts";
import type { PlacedTerm } from "../placed-terms.ts";
import { type ClusterEvent, LARGEST_SCORE, type Plugin, PreFilterVerdict, plugin, SKIP_SCORE, unresolvable, unschedulable } from "../plugin.ts";
import { type PodInfo, type PodTest, sameLabels } from "../pod-info.ts";
import type { PodSet } from "../pod-sets.ts";

export interface InterPodAffinityArgs {
  /** What a required wish of a placed pod to be near the new one counts in the score. */
  readonly hardPodAffinityWeight: number;
  /** Preferences of placed pods count only when the new pod has some itself. */
  readonly ignorePreferredTermsOfExistingPods: boolean;
}

interface CountedTerm {
  readonly topologyKey: string;
  readonly test: PodTest;
  readonly byDomain: ReadonlyMap<string, number>;
}
interface FilterState {
  /** All terms count the pods that every one of them means. */
  readonly near: readonly CountedTerm[];
  /** The pod itself would be such a pod. */
  readonly meansItself: boolean;
  readonly far: readonly CountedTerm[];
  /** Wishes of placed pods that the new one be far away. */
  readonly unwanted: readonly PlacedTerm[];
  readonly namespaceLabels: NamespaceLabels;
}
const NO_COMPANY = unresolvable("node(s) didn't match pod affinity rules");
const BAD_COMPANY = unschedulable("node(s) didn't match pod anti-affinity rules");
const UNWANTED = unschedulable("node(s) didn't satisfy existing pods anti-affinity rules");

/** What the domains of a node are worth, by topology key. */
type ScoreState = readonly { readonly topologyKey: string; readonly weight: number; readonly byDomain: ReadonlyMap<string, number> }[];

function podSet(cluster: ClusterState, terms: readonly AffinityTerm[]): PodSet {
  const { namespaceLabels } = cluster.listers;
  return cluster.podSets.get({
    key: terms.map(({ key }) => key).join(" and "),
    namespace: terms.find(({ onlyNamespace }) => onlyNamespace !== undefined)?.onlyNamespace,
    asksNamespaceLabels: terms.some(({ asksNamespaceLabels }) => asksNamespaceLabels),
    test: (pod) => terms.every((term) => term.selects(pod, namespaceLabels)),
  });
}

function counted(set: PodSet, { topologyKey }: AffinityTerm): CountedTerm {
  return { topologyKey, test: set.selection.test, byDomain: set.byDomain(topologyKey) };
}

function prepareFilter(pod: PodInfo, cluster: ClusterState): FilterState | PreFilterVerdict {
  const { requiredNear, requiredFar } = pod.affinity;
  const { namespaceLabels } = cluster.listers;
  const unwanted = cluster.placedTerms.about(pod, "requiredFar", namespaceLabels);
  if (requiredNear.length + requiredFar.length + unwanted.length === 0) {
    // Pods that are nominated to a node may mind too; they are not placed yet.
    if (cluster.nominations.isEmpty) return PreFilterVerdict.skip;
    return { near: [], meansItself: false, far: [], unwanted, namespaceLabels };
  }
  const company = requiredNear.length === 0 ? undefined : podSet(cluster, requiredNear);
  return {
    near: company === undefined ? [] : requiredNear.map((term) => counted(company, term)),
    meansItself: company?.selection.test(pod) ?? false,
    far: requiredFar.map((term) => counted(podSet(cluster, [term]), term)),
    unwanted,
    namespaceLabels,
  };
}

function countAt(node: NodeInfo, { topologyKey, test, byDomain }: CountedTerm): number {
  const domain = node.label(topologyKey);
  return domain === undefined ? 0 : (byDomain.get(domain) ?? 0) + node.trialDifference(test);
}

function hasCompany(node: NodeInfo, { near, meansItself }: FilterState): boolean {
  if (near.some(({ topologyKey }) => node.label(topologyKey) === undefined)) return false;
  return near.every((term) => countAt(node, term) > 0) || (meansItself && near.every((term) => isNowhere(node, term)));
}

function isNowhere(node: NodeInfo, { test, byDomain }: CountedTerm): boolean {
  const difference = node.trialDifference(test);
  if (difference === 0) return byDomain.size === 0;
  return [...byDomain.values()].reduce((sum, count) => sum + count, difference) === 0;
}

function isUnwanted(pod: PodInfo, node: NodeInfo, { unwanted, namespaceLabels }: FilterState): boolean {
  const changes = node.trialChanges;
  for (const { term, byDomain } of unwanted) {
    const domain = node.label(term.topologyKey);
    if (domain === undefined) continue;
    let gone = 0;
    for (const { affinity } of changes?.removed ?? []) if (affinity.requiredFar.some(({ key }) => key === term.key)) gone++;
    if ((byDomain.get(domain) ?? 0) > gone) return true;
  }
  for (const { affinity } of changes?.added ?? []) {
    if (affinity.requiredFar.some((term) => node.label(term.topologyKey) !== undefined && term.selects(pod, namespaceLabels))) return true;
  }
  return false;
}

/** What the placed pods are worth to the new one, and the new one to them. */
function prepareScore(args: InterPodAffinityArgs, pod: PodInfo, cluster: ClusterState): ScoreState | typeof SKIP_SCORE {
  const { preferred } = pod.affinity;
  if (args.ignorePreferredTermsOfExistingPods && preferred.length === 0) return SKIP_SCORE;
  const { namespaceLabels } = cluster.listers;
  const own = preferred.map((term) => ({ topologyKey: term.topologyKey, weight: term.weight, byDomain: podSet(cluster, [term]).byDomain(term.topologyKey) }));
  const theirs = (kind: "requiredNear" | "preferred"): ScoreState =>
    cluster.placedTerms
      .about(pod, kind, namespaceLabels)
      .map(({ term, weight, byDomain }) => ({ topologyKey: term.topologyKey, weight: kind === "preferred" ? weight : args.hardPodAffinityWeight, byDomain }));
  const all = [...own, ...theirs("requiredNear"), ...theirs("preferred")].filter(({ weight, byDomain }) => weight !== 0 && byDomain.size > 0);
  return all.length === 0 ? SKIP_SCORE : all;
}

/** A pod near which others want to be, or that kept others away, has come, gone or changed. */
function podHelps(waiting: PodInfo, event: ClusterEvent, namespaceLabels: NamespaceLabels): boolean {
  const { affinity } = waiting;
  const isCompany = (other: PodInfo): boolean =>
    affinity.requiredNear.length > 0 && affinity.requiredNear.every((term) => term.selects(other, namespaceLabels));
  const isAvoided = (other: PodInfo): boolean => affinity.requiredFar.some((term) => term.selects(other, namespaceLabels));
  switch (event.type) {
    case "podPlaced":
      return isCompany(event.pod);
    case "podUpdated":
      return (!isCompany(event.old) && isCompany(event.pod)) || (isAvoided(event.old) && !isAvoided(event.pod));
    case "podRemoved":
      return isAvoided(event.pod) || event.pod.affinity.requiredFar.some((term) => term.selects(waiting, namespaceLabels));
    default:
      return false;
  }
}

function nodeHelps({ affinity }: PodInfo, event: Extract<ClusterEvent, { type: "nodeAdded" | "nodeUpdated" }>): boolean {
  const labels = event.node.metadata.labels ?? {};
  const old = event.type === "nodeUpdated" ? (event.old.metadata.labels ?? {}) : undefined;
  const isNear = ({ topologyKey }: AffinityTerm): boolean => labels[topologyKey] !== undefined && labels[topologyKey] !== old?.[topologyKey];
  const isFree = ({ topologyKey }: AffinityTerm): boolean => old === undefined || labels[topologyKey] !== old[topologyKey];
  // Of a pod that only others mind, a new node or a moved one may be far enough from them.
  if (affinity.requiredNear.length + affinity.requiredFar.length === 0) return old === undefined || JSON.stringify(labels) !== JSON.stringify(old);
  return affinity.requiredNear.some(isNear) || affinity.requiredFar.some(isFree);
}

export function createInterPodAffinity(args: Partial<InterPodAffinityArgs> = {}): Plugin {
  const settings = { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false, ...args };
  return plugin<FilterState | ScoreState>("InterPodAffinity", {
    preFilter: prepareFilter,
    filter: (pod, node, prepared) => {
      const state = prepared as FilterState;
      if (!hasCompany(node, state)) return NO_COMPANY;
      if (state.far.some((term) => countAt(node, term) > 0)) return BAD_COMPANY;
      return isUnwanted(pod, node, state) ? UNWANTED : undefined;
    },
    preScore: (pod, cluster) => prepareScore(settings, pod, cluster),
    score: (_pod, node, prepared) => {
      let sum = 0;
      for (const { topologyKey, weight, byDomain } of prepared as ScoreState) sum += weight * (byDomain.get(node.label(topologyKey) ?? "") ?? 0);
      return sum;
    },
    normalize: (scores) => {
      const least = scores.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
      const most = scores.reduce((one, other) => Math.max(one, other), Number.NEGATIVE_INFINITY);
      return scores.map((score) => (most === least ? 0 : Math.trunc(LARGEST_SCORE * ((score - least) / (most - least)))));
    },
    helpedBy: ["podPlaced", "podUpdated", "podRemoved", "podChanged", "nodeAdded", "nodeUpdated"],
    helps: (pod, event, { listers }) => {
      if (event.type === "podChanged") return !sameLabels(event.pod, event.old);
      if (event.type === "nodeAdded" || event.type === "nodeUpdated") return nodeHelps(pod, event);
      return podHelps(pod, event, listers.namespaceLabels);
    },
  });
}
