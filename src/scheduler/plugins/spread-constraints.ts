// The topology spread constraints that hold for a pod: its own, or the cluster's defaults with a selector deduced from the services
// and the controller that select it
// (https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/#cluster-level-default-constraints).
import { compileLabelSelector, Selector, type SelectorRequirement, selectorFromLabels, type TopologySpreadConstraint } from "../../api/index.ts";
import { selectorKey } from "../affinity-terms.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { PodInfo } from "../pod-info.ts";

export interface SpreadConstraint {
  /** The same for constraints that count the same pods. */
  readonly key: string;
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selector: Selector;
  readonly nodeAffinityPolicy: string;
  readonly nodeTaintsPolicy: string;
}

export type SpreadDefaults = readonly TopologySpreadConstraint[];

/** What kube-scheduler does by itself: pods of one service or controller on different nodes and in different zones, if it can be had. */
export const SYSTEM_DEFAULTS: SpreadDefaults = [
  { topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway", maxSkew: 3 },
  { topologyKey: "topology.kubernetes.io/zone", whenUnsatisfiable: "ScheduleAnyway", maxSkew: 5 },
];

export function constraintsOf(pod: PodInfo, whenUnsatisfiable: string, defaults: SpreadDefaults, cluster: ClusterState): readonly SpreadConstraint[] {
  const own = pod.pod.spec.topologySpreadConstraints ?? [];
  const wanted = (own.length > 0 ? own : defaults).filter((constraint) => constraint.whenUnsatisfiable === whenUnsatisfiable);
  if (wanted.length === 0) return [];
  const deduced = own.length > 0 ? undefined : deduceSelector(pod, cluster);
  // Nothing selects the pod: there is nothing to spread it among.
  if (deduced?.isEmpty === true) return [];
  return wanted.map((constraint) => {
    const selector = deduced ?? selectorOf(pod, constraint);
    return {
      key: selectorKey(selector),
      topologyKey: constraint.topologyKey,
      maxSkew: constraint.maxSkew,
      minDomains: constraint.minDomains ?? 1,
      // An empty selector counts no pods here.
      selector: selector.isEmpty ? Selector.nothing : selector,
      nodeAffinityPolicy: constraint.nodeAffinityPolicy ?? "Honor",
      nodeTaintsPolicy: constraint.nodeTaintsPolicy ?? "Ignore",
    };
  });
}

/** Keys to match stand for the values that the pod has. */
function selectorOf({ labels }: PodInfo, { labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint): Selector {
  const selector = compileLabelSelector(labelSelector);
  const keys = matchLabelKeys.filter((key) => Object.hasOwn(labels, key));
  if (keys.length === 0 || selector.matchesNothing) return selector;
  const own = keys.map((key): SelectorRequirement => ({ key, operator: "=", values: [labels[key] ?? ""] }));
  return new Selector([...selector.requirements, ...own]);
}

/** Everything that the pod's services and its controller ask for. */
function deduceSelector({ pod, namespace, labels }: PodInfo, { listers }: ClusterState): Selector {
  const requirements: SelectorRequirement[] = [];
  const asked: Record<string, string> = {};
  for (const { spec } of listers.services(namespace)) {
    if (spec?.selector !== undefined && selectsAll(spec.selector, labels)) Object.assign(asked, spec.selector);
  }
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true);
  const key = `${namespace}/${owner?.name ?? ""}`;
  switch (`${owner?.apiVersion} ${owner?.kind}`) {
    case "v1 ReplicationController":
      Object.assign(asked, listers.replicationController(key)?.spec?.selector);
      break;
    case "apps/v1 ReplicaSet":
      requirements.push(...selectedBy(listers.replicaSet(key)?.spec?.selector));
      break;
    case "apps/v1 StatefulSet":
      requirements.push(...selectedBy(listers.statefulSet(key)?.spec?.selector));
      break;
  }
  return new Selector([...selectorFromLabels(asked).requirements, ...requirements]);
}

function selectsAll(wanted: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  for (const key of Object.keys(wanted)) if (!Object.hasOwn(labels, key) || labels[key] !== wanted[key]) return false;
  return true;
}

function selectedBy(selector: Parameters<typeof compileLabelSelector>[0]): readonly SelectorRequirement[] {
  return compileLabelSelector(selector).requirements;
}
