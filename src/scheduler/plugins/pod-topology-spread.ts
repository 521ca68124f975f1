// PodTopologySpread: keeps the numbers of matching pods in different domains within `maxSkew` of each other
// (https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/).
//
// Pods that say nothing get the cluster's default constraints, for the pods that their service and their controller select. Where
// every node counts, the counts are at hand (see pod-sets.ts); where the pod's own limits leave nodes out, they are made from the nodes.
import { findUntoleratedTaint, type Node, type Pod, podMatchesNode, type TopologySpreadConstraint } from "../../api/index.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { NodeInfo } from "../node-info.ts";
import { type ClusterEvent, LARGEST_SCORE, type Plugin, PreFilterVerdict, plugin, type Rejection, SKIP_SCORE, unresolvable, unschedulable } from "../plugin.ts";
import { type PodInfo, type PodTest, sameLabels } from "../pod-info.ts";
import type { PodSet } from "../pod-sets.ts";
import { constraintsOf, type SpreadConstraint, type SpreadDefaults, SYSTEM_DEFAULTS } from "./spread-constraints.ts";

const MISMATCH = unschedulable("node(s) didn't match pod topology spread constraints");
const UNLABELLED = unresolvable("node(s) didn't match pod topology spread constraints (missing required label)");
const REPELLING = ["NoSchedule", "NoExecute"];
const HOSTNAME = "kubernetes.io/hostname";

interface CountedConstraint {
  readonly constraint: SpreadConstraint;
  readonly test: PodTest;
  /** 1 when the pod itself matches, and so would count where it goes. */
  readonly self: number;
  /** Matching pods in a domain; 0 in one that does not count. */
  readonly count: (domain: string) => number;
  readonly isCounted: (node: NodeInfo) => boolean;
  readonly domains: number;
  /** The smallest count, and the smallest outside that domain. */
  readonly smallest: Smallest;
}
interface Smallest {
  readonly domain: string | undefined;
  readonly count: number;
  readonly next: number;
}

function podSet(pod: PodInfo, { key, selector }: SpreadConstraint, cluster: ClusterState): PodSet {
  const { namespace } = pod;
  const test: PodTest = (other) => other.namespace === namespace && other.pod.metadata.deletionTimestamp === undefined && selector.matches(other.labels);
  return cluster.podSets.get({ key: `spread in ${namespace} ${key}`, namespace, test });
}

/** The nodes whose pods count: those that the pod could go to, as far as the constraint's policies say. */
function policyTest({ pod }: PodInfo, { nodeAffinityPolicy, nodeTaintsPolicy }: SpreadConstraint): ((node: Node) => boolean) | undefined {
  const isChoosy = pod.spec.nodeSelector !== undefined || pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined;
  const asksAffinity = nodeAffinityPolicy === "Honor" && isChoosy;
  const asksTaints = nodeTaintsPolicy === "Honor";
  if (!asksAffinity && !asksTaints) return undefined;
  return (node) =>
    (!asksAffinity || podMatchesNode(pod, node)) && (!asksTaints || findUntoleratedTaint(node.spec.taints, pod.spec.tolerations, REPELLING) === undefined);
}

function hasAll(node: NodeInfo, constraints: readonly SpreadConstraint[]): boolean {
  return constraints.every(({ topologyKey }) => node.label(topologyKey) !== undefined);
}

function prepareFilter(pod: PodInfo, cluster: ClusterState, defaults: SpreadDefaults): readonly CountedConstraint[] | PreFilterVerdict {
  const constraints = constraintsOf(pod, "DoNotSchedule", defaults, cluster);
  if (constraints.length === 0) return PreFilterVerdict.skip;
  const nodeCount = cluster.list().length;
  const allLabelled = constraints.every(({ topologyKey }) => sumOf(cluster.domains(topologyKey).values()) === nodeCount);
  return constraints.map((constraint) => {
    const set = podSet(pod, constraint, cluster);
    const policy = policyTest(pod, constraint);
    const self = constraint.selector.matches(pod.labels) ? 1 : 0;
    const { test } = set.selection;
    if (allLabelled && policy === undefined) {
      const counts = set.byDomain(constraint.topologyKey);
      const domains = cluster.domains(constraint.topologyKey);
      const count = (domain: string): number => counts.get(domain) ?? 0;
      return { constraint, test, self, count, isCounted: () => true, domains: domains.size, smallest: smallestOf(domains.keys(), count) };
    }
    const isCounted = (node: NodeInfo): boolean => node.node !== undefined && hasAll(node, constraints) && (policy === undefined || policy(node.node));
    const counts = countNodes(cluster.list().filter(isCounted), constraint.topologyKey, set);
    const count = (domain: string): number => counts.get(domain) ?? 0;
    return { constraint, test, self, count, isCounted, domains: counts.size, smallest: smallestOf(counts.keys(), count) };
  });
}

/** By domain; domains without any are there with 0. */
function countNodes(nodes: readonly NodeInfo[], topologyKey: string, set: PodSet): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const domain = node.label(topologyKey) ?? "";
    counts.set(domain, (counts.get(domain) ?? 0) + set.onNode(node.name));
  }
  return counts;
}

function sumOf(numbers: Iterable<number>): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

function smallestOf(domains: Iterable<string>, countOf: (domain: string) => number): Smallest {
  let smallest: { domain: string | undefined; count: number; next: number } = {
    domain: undefined,
    count: Number.POSITIVE_INFINITY,
    next: Number.POSITIVE_INFINITY,
  };
  for (const domain of domains) {
    const count = countOf(domain);
    if (count < smallest.count) smallest = { domain, count, next: smallest.count };
    else if (count < smallest.next) smallest.next = count;
  }
  return smallest;
}

function whyNot(node: NodeInfo, { constraint, test, self, count, isCounted, domains, smallest }: CountedConstraint): Rejection | undefined {
  const domain = node.label(constraint.topologyKey);
  if (domain === undefined) return UNLABELLED;
  const counts = isCounted(node);
  const here = count(domain) + (counts ? node.trialDifference(test) : 0);
  const elsewhere = smallest.domain === domain ? smallest.next : smallest.count;
  const least = counts ? Math.min(here, elsewhere) : smallest.count;
  const fewest = domains < constraint.minDomains ? 0 : least;
  return here + self - fewest > constraint.maxSkew ? MISMATCH : undefined;
}

interface ScoredConstraint {
  readonly constraint: SpreadConstraint;
  /** Matching pods where the node is, or on it when its name is the domain. */
  readonly count: (node: NodeInfo, domain: string) => number;
  /** The more domains, the more a pod in one of them weighs. */
  readonly weight: number;
}
interface ScoreState {
  readonly constraints: readonly ScoredConstraint[];
  /** Those without all the labels, which are not scored. */
  readonly isIgnored: (node: NodeInfo) => boolean;
}

/** Of a node that is not scored. */
const IGNORED = -1;

function prepareScore(pod: PodInfo, cluster: ClusterState, nodes: readonly NodeInfo[], defaults: SpreadDefaults): ScoreState | typeof SKIP_SCORE {
  const constraints = constraintsOf(pod, "ScheduleAnyway", defaults, cluster);
  if (constraints.length === 0) return SKIP_SCORE;
  // With the system's own defaults, nodes without a zone are still spread by name.
  const asksAllLabels = (pod.pod.spec.topologySpreadConstraints ?? []).length > 0 || defaults !== SYSTEM_DEFAULTS;
  const isIgnored = (node: NodeInfo): boolean => asksAllLabels && !hasAll(node, constraints);
  const scored = nodes.filter((node) => !isIgnored(node));
  return {
    isIgnored,
    constraints: constraints.map((constraint) => {
      const { topologyKey } = constraint;
      const set = podSet(pod, constraint, cluster);
      if (topologyKey === HOSTNAME) return { constraint, count: (node) => set.onNode(node.name), weight: weightOf(scored.length) };
      const weight = weightOf(new Set(scored.map((node) => node.label(topologyKey) ?? "")).size);
      const policy = policyTest(pod, constraint);
      const isPlain =
        policy === undefined && (!asksAllLabels || constraints.every((other) => sumOf(cluster.domains(other.topologyKey).values()) === cluster.list().length));
      const isCounted = ({ node }: NodeInfo): boolean => policy === undefined || (node !== undefined && policy(node));
      const counts = isPlain
        ? set.byDomain(topologyKey)
        : countNodes(
            cluster.list().filter((node) => !isIgnored(node) && isCounted(node)),
            topologyKey,
            set,
          );
      return { constraint, count: (_node, domain) => counts.get(domain) ?? 0, weight };
    }),
  };
}

function weightOf(domains: number): number {
  return Math.log(domains + 2);
}

/** What a node costs: the matching pods that are there already. */
function costOf(node: NodeInfo, { constraints, isIgnored }: ScoreState): number {
  if (isIgnored(node)) return IGNORED;
  let cost = 0;
  for (const { constraint, count, weight } of constraints) {
    const domain = node.label(constraint.topologyKey);
    if (domain !== undefined) cost += count(node, domain) * weight + constraint.maxSkew - 1;
  }
  return Math.round(cost);
}

function normalize(costs: readonly number[]): number[] {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const cost of costs) {
    if (cost === IGNORED) continue;
    least = Math.min(least, cost);
    most = Math.max(most, cost);
  }
  return costs.map((cost) => {
    if (cost === IGNORED) return 0;
    return most === 0 ? LARGEST_SCORE : Math.trunc((LARGEST_SCORE * (most + least - cost)) / most);
  });
}

function helps(pod: PodInfo, event: ClusterEvent, constraints: readonly SpreadConstraint[]): boolean {
  const matches = (other: PodInfo): boolean => constraints.some(({ selector }) => selector.matches(other.labels));
  switch (event.type) {
    case "podChanged":
      return !sameLabels(event.pod, event.old) || tolerationCount(event.pod.pod) !== tolerationCount(event.old.pod);
    case "podPlaced":
    case "podRemoved":
      return event.pod.namespace === pod.namespace && matches(event.pod);
    case "podUpdated":
      if (event.pod.namespace !== pod.namespace) return false;
      return (
        constraints.some(({ selector }) => selector.matches(event.pod.labels) !== selector.matches(event.old.labels)) || isNowLeaving(event.pod, event.old)
      );
    case "nodeUpdated":
      return nodeHelps(event.node, event.old, constraints);
    case "nodeAdded":
    case "nodeRemoved":
      return constraints.every(({ topologyKey }) => event.node.metadata.labels?.[topologyKey] !== undefined);
    default:
      return false;
  }
}

/** A pod on its way out does not count any more. */
function isNowLeaving(one: PodInfo, old: PodInfo): boolean {
  return one.pod.metadata.deletionTimestamp !== undefined && old.pod.metadata.deletionTimestamp === undefined;
}

function tolerationCount(pod: Pod): number {
  return (pod.spec.tolerations ?? []).length;
}

function nodeHelps(node: Node, old: Node, constraints: readonly SpreadConstraint[]): boolean {
  const domain = ({ metadata }: Node, topologyKey: string): string | undefined => metadata.labels?.[topologyKey];
  const isMoved = constraints.some(({ topologyKey }) => domain(node, topologyKey) !== domain(old, topologyKey));
  const isIn = constraints.every(({ topologyKey }) => domain(node, topologyKey) !== undefined);
  return isMoved || (isIn && JSON.stringify(node.spec.taints ?? []) !== JSON.stringify(old.spec.taints ?? []));
}

export interface PodTopologySpreadArgs {
  readonly defaultingType: "System" | "List";
  /** Used with `List`. */
  readonly defaultConstraints: readonly TopologySpreadConstraint[];
}

export function createPodTopologySpread(args: Partial<PodTopologySpreadArgs> = {}): Plugin {
  const defaults: SpreadDefaults = args.defaultingType === "List" ? (args.defaultConstraints ?? []) : SYSTEM_DEFAULTS;
  return plugin<readonly CountedConstraint[] | ScoreState>("PodTopologySpread", {
    preFilter: (pod, cluster) => prepareFilter(pod, cluster, defaults),
    filter: (_pod, node, state) => {
      for (const constraint of state as readonly CountedConstraint[]) {
        const rejection = whyNot(node, constraint);
        if (rejection !== undefined) return rejection;
      }
      return undefined;
    },
    preScore: (pod, cluster, nodes) => prepareScore(pod, cluster, nodes, defaults),
    score: (_pod, node, state) => costOf(node, state as ScoreState),
    normalize,
    helps: (pod, event, cluster) => helps(pod, event, constraintsOf(pod, "DoNotSchedule", defaults, cluster)),
  });
}
