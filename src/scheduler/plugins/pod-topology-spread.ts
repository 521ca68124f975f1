// PodTopologySpread: keeps the numbers of matching pods in different domains within `maxSkew` of each other
// (https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/). The cluster-level default constraints are not built.
import { compileLabelSelector, findUntoleratedTaint, type Pod, podMatchesNode, type TopologySpreadConstraint } from "../../api/index.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { NodeInfo } from "../node-info.ts";
import { LARGEST_SCORE, plugin, type Rejection, unresolvable, unschedulable } from "../plugin.ts";
import type { PodInfo } from "../pod-info.ts";
import { countByDomain, domainOf, type PodTest, trialDifference } from "./topology-domains.ts";

const MISMATCH = "node(s) didn't match pod topology spread constraints";
const REPELLING = ["NoSchedule", "NoExecute"];

interface CountedConstraint {
  readonly constraint: TopologySpreadConstraint;
  readonly matches: PodTest;
  /** 1 when the pod itself matches, and so would count where it goes. */
  readonly self: number;
  readonly counts: ReadonlyMap<string, number>;
  /** The smallest count, and the smallest outside that domain. */
  readonly smallest: { readonly domain: string | undefined; readonly count: number; readonly next: number };
}

interface SpreadState {
  readonly cluster: ClusterState;
  readonly constraints: readonly CountedConstraint[];
}

function constraintsOf(pod: Pod, whenUnsatisfiable: string): readonly TopologySpreadConstraint[] {
  return (pod.spec.topologySpreadConstraints ?? []).filter((constraint) => constraint.whenUnsatisfiable === whenUnsatisfiable);
}

function matcher({ pod }: PodInfo, { labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint): PodTest {
  const labels = pod.metadata.labels ?? {};
  const selector = labelSelector === undefined ? undefined : compileLabelSelector(labelSelector);
  const keys = matchLabelKeys.filter((key) => labels[key] !== undefined);
  return (other) => {
    const { namespace, deletionTimestamp, labels: own = {} } = other.pod.metadata;
    if (selector === undefined || namespace !== pod.metadata.namespace || deletionTimestamp !== undefined) return false;
    return selector.matches(own) && keys.every((key) => own[key] === labels[key]);
  };
}

/** The nodes whose pods count: those that the pod could go to, as far as the constraint's policies say. */
function isCounted({ pod }: PodInfo, { node }: NodeInfo, { nodeAffinityPolicy, nodeTaintsPolicy }: TopologySpreadConstraint): boolean {
  if (node === undefined) return false;
  if (nodeAffinityPolicy !== "Ignore" && !podMatchesNode(pod, node)) return false;
  return nodeTaintsPolicy !== "Honor" || findUntoleratedTaint(node.spec.taints, pod.spec.tolerations, REPELLING) === undefined;
}

function countConstraints(pod: PodInfo, cluster: ClusterState, whenUnsatisfiable: string): SpreadState {
  const wanted = constraintsOf(pod.pod, whenUnsatisfiable);
  const constraints = wanted.map((constraint) => {
    const matches = matcher(pod, constraint);
    const nodes = cluster
      .list()
      .filter((node) => wanted.every(({ topologyKey }) => domainOf(node, topologyKey) !== undefined) && isCounted(pod, node, constraint));
    const counts = countByDomain(nodes, constraint.topologyKey, matches);
    return { constraint, matches, self: matches(pod) ? 1 : 0, counts, smallest: smallestOf(counts) };
  });
  return { cluster, constraints };
}

function smallestOf(counts: ReadonlyMap<string, number>): CountedConstraint["smallest"] {
  const [first, second] = [...counts].sort(([, a], [, b]) => a - b);
  return { domain: first?.[0], count: first?.[1] ?? 0, next: second?.[1] ?? Number.POSITIVE_INFINITY };
}

function whyNot(node: NodeInfo, cluster: ClusterState, { constraint, matches, self, counts, smallest }: CountedConstraint): Rejection | undefined {
  const domain = domainOf(node, constraint.topologyKey);
  if (domain === undefined) return unresolvable(`${MISMATCH} (missing required label)`);
  const here = (counts.get(domain) ?? 0) + trialDifference(cluster, node, matches);
  const elsewhere = smallest.domain === domain ? smallest.next : smallest.count;
  const fewest = counts.size < (constraint.minDomains ?? 1) ? 0 : Math.min(here, elsewhere);
  return here + self - fewest > constraint.maxSkew ? unschedulable(MISMATCH) : undefined;
}

export const podTopologySpread = plugin<SpreadState>("PodTopologySpread", {
  applies: ({ pod }) => (pod.spec.topologySpreadConstraints ?? []).length > 0,
  preFilter: (pod, cluster) => countConstraints(pod, cluster, "DoNotSchedule"),
  filter: (_pod, node, { cluster, constraints }) => {
    for (const constraint of constraints) {
      const rejection = whyNot(node, cluster, constraint);
      if (rejection !== undefined) return rejection;
    }
    return undefined;
  },
  preScore: (pod, cluster) => countConstraints(pod, cluster, "ScheduleAnyway"),
  // What a node costs: the pods that are there already, the more the fewer domains share them. Unlabelled nodes cost most.
  score: (_pod, node, { constraints }) =>
    constraints.reduce((sum, { constraint, counts }) => {
      const domain = domainOf(node, constraint.topologyKey);
      const here = domain === undefined ? Math.max(0, ...counts.values()) + constraint.maxSkew : (counts.get(domain) ?? 0);
      return sum + here * Math.log(counts.size + 2) + constraint.maxSkew - 1;
    }, 0),
  normalize: (costs) => {
    const [least, most] = [Math.min(...costs), Math.max(...costs)];
    return costs.map((cost) => (most === 0 ? LARGEST_SCORE : Math.trunc((LARGEST_SCORE * (most + least - cost)) / most)));
  },
});
