// The wishes of a pod to be near others, or far from them, made ready to be asked
// (https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity).
//
// The API server has merged `matchLabelKeys` and `mismatchLabelKeys` into the selectors by the time a pod comes here.
import { compileLabelSelector, type Pod, type PodAffinityTerm, type Selector, type WeightedPodAffinityTerm } from "../api/index.ts";
import type { PodInfo } from "./pod-info.ts";

/** Labels of a namespace; none of one that is not known. */
export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>>;

export interface AffinityTerm {
  /** The same for terms that mean the same pods in the same domains. */
  readonly key: string;
  readonly topologyKey: string;
  /** The one namespace whose pods are meant, where it is only one whatever its labels. */
  readonly onlyNamespace: string | undefined;
  /** Which namespaces are meant depends on their labels. */
  readonly asksNamespaceLabels: boolean;
  selects(pod: PodInfo, namespaceLabels: NamespaceLabels): boolean;
}

export interface WeightedTerm extends AffinityTerm {
  /** Negative for wishes to be far away. */
  readonly weight: number;
}

export interface AffinityTerms {
  readonly requiredNear: readonly AffinityTerm[];
  readonly requiredFar: readonly AffinityTerm[];
  readonly preferred: readonly WeightedTerm[];
}

const NO_TERMS: AffinityTerms = { requiredNear: [], requiredFar: [], preferred: [] };

export function affinityTermsOf(pod: Pod): AffinityTerms {
  const { podAffinity: near, podAntiAffinity: far } = pod.spec.affinity ?? {};
  if (near === undefined && far === undefined) return NO_TERMS;
  const term = (declared: PodAffinityTerm): AffinityTerm => termOf(pod, declared);
  const weighted =
    (sign: 1 | -1) =>
    ({ weight, podAffinityTerm }: WeightedPodAffinityTerm): WeightedTerm => ({ ...term(podAffinityTerm), weight: sign * weight });
  return {
    requiredNear: (near?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    requiredFar: (far?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    preferred: [
      ...(near?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(weighted(1)),
      ...(far?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(weighted(-1)),
    ],
  };
}

/** Neither names nor a selector of namespaces: the owner's own is meant. */
function termOf(owner: Pod, { topologyKey, labelSelector, namespaces = [], namespaceSelector }: PodAffinityTerm): AffinityTerm {
  const selector = compileLabelSelector(labelSelector);
  const named = namespaces.length === 0 && namespaceSelector === undefined ? [owner.metadata.namespace ?? ""] : namespaces;
  const bySelector = namespaceSelector === undefined ? undefined : compileLabelSelector(namespaceSelector);
  const names = new Set(named);
  const [only] = named;
  return {
    key: JSON.stringify([topologyKey, [...names].sort(), selectorKey(bySelector), selectorKey(selector)]),
    topologyKey,
    onlyNamespace: bySelector === undefined && names.size === 1 ? only : undefined,
    asksNamespaceLabels: bySelector !== undefined && !bySelector.isEmpty,
    selects: (pod, namespaceLabels) => {
      if (!names.has(pod.namespace) && (bySelector === undefined || !bySelector.matches(bySelector.isEmpty ? undefined : namespaceLabels(pod.namespace))))
        return false;
      return selector.matches(pod.labels);
    },
  };
}

/** The same for selectors that select the same way. */
export function selectorKey(selector: Selector | undefined): string {
  return selector === undefined || selector.matchesNothing ? "nothing" : `only ${selector.toString()}`;
}
