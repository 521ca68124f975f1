// The wishes that placed pods have about others, by wish and topology domain, kept up to date pod by pod. Pods of one template share
// their wishes: a decision asks each wish once, however many pods have it.
//
// Invariant: only pods on nodes that exist count, in the domains that those nodes' labels name.
import type { AffinityTerm, AffinityTerms, NamespaceLabels } from "./affinity-terms.ts";
import { addTo } from "./counts.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";

export interface PlacedTerm {
  readonly term: AffinityTerm;
  /** Of preferences; 0 of what is required. */
  readonly weight: number;
  /** How many pods have the wish, by domain. */
  readonly byDomain: ReadonlyMap<string, number>;
}

export type TermKind = keyof AffinityTerms;
const KINDS: readonly TermKind[] = ["requiredNear", "requiredFar", "preferred"];

interface Counted extends PlacedTerm {
  readonly byDomain: Map<string, number>;
}
/** By the namespace of the pods that can be meant, "" for any; then by wish. */
type Index = Map<string, Map<string, Counted>>;

export class PlacedTerms {
  private readonly indexes: Record<TermKind, Index> = { requiredNear: new Map(), requiredFar: new Map(), preferred: new Map() };

  podAdded(node: NodeInfo, pod: PodInfo): void {
    this.count(node, pod, 1);
  }

  podRemoved(node: NodeInfo, pod: PodInfo): void {
    this.count(node, pod, -1);
  }

  nodeAdded(node: NodeInfo): void {
    for (const pod of node.pods.values()) this.count(node, pod, 1);
  }

  /** Called while the node still has the pods and labels that it was counted with. */
  nodeRemoved(node: NodeInfo): void {
    for (const pod of node.pods.values()) this.count(node, pod, -1);
  }

  /** The wishes that mean this pod. */
  about(pod: PodInfo, kind: TermKind, namespaceLabels: NamespaceLabels): PlacedTerm[] {
    const index = this.indexes[kind];
    if (index.size === 0) return [];
    const found: PlacedTerm[] = [];
    for (const namespace of [pod.namespace, ""]) {
      for (const counted of index.get(namespace)?.values() ?? []) if (counted.term.selects(pod, namespaceLabels)) found.push(counted);
    }
    return found;
  }

  private count(node: NodeInfo, pod: PodInfo, amount: 1 | -1): void {
    for (const kind of KINDS) for (const term of pod.affinity[kind]) countTerm(this.indexes[kind], node, term, amount);
  }
}

function countTerm(index: Index, node: NodeInfo, term: AffinityTerm & { readonly weight?: number }, amount: 1 | -1): void {
  const domain = node.label(term.topologyKey);
  if (domain === undefined) return;
  const { onlyNamespace = "", weight = 0 } = term;
  const key = `${weight} ${term.key}`;
  const terms = index.get(onlyNamespace) ?? new Map<string, Counted>();
  const counted = terms.get(key) ?? { term, weight, byDomain: new Map<string, number>() };
  addTo(counted.byDomain, domain, amount);
  if (counted.byDomain.size === 0) terms.delete(key);
  else terms.set(key, counted);
  if (terms.size === 0) index.delete(onlyNamespace);
  else index.set(onlyNamespace, terms);
}
