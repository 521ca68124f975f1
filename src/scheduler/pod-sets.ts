// Sets of placed pods that scheduling decisions ask about again and again ("those of this namespace with these labels"), counted by
// node and by topology domain (the nodes with one value of a label), and kept up to date pod by pod: a decision costs what it looks
// at, not what there is.
//
// Invariants: only pods on nodes that exist count; a set is built from all nodes when it is first asked for; the sets that were not
// asked for longest are forgotten beyond a bound.
import { DomainCounts } from "./domain-counts.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo, PodTest } from "./pod-info.ts";

export interface PodSetSelection {
  /** The same for selections of the same pods. */
  readonly key: string;
  /** Where the pods are that can match; absent: anywhere. */
  readonly namespace?: string | undefined;
  readonly test: PodTest;
  /** What the test says depends on the labels of namespaces. */
  readonly asksNamespaceLabels?: boolean;
}

const MOST_SETS = 1000;

export class PodSet {
  /** Matching pods by node name; without the nodes that have none. */
  private readonly nodes = new Map<string, { readonly node: NodeInfo; count: number }>();
  /** Matching pods; without the domains that have none. */
  private readonly domains = new DomainCounts();

  constructor(readonly selection: PodSetSelection) {}

  onNode(name: string): number {
    return this.nodes.get(name)?.count ?? 0;
  }

  /** Matching pods by domain. Nodes without the label have no domain. */
  byDomain(topologyKey: string): ReadonlyMap<string, number> {
    return this.domains.of(topologyKey, () => [...this.nodes.values()].map(({ node, count }) => [node, count] as const));
  }

  add(node: NodeInfo, amount: number): void {
    if (amount === 0) return;
    const entry = this.nodes.get(node.name);
    const count = (entry?.count ?? 0) + amount;
    if (count === 0) this.nodes.delete(node.name);
    else if (entry === undefined) this.nodes.set(node.name, { node, count });
    else entry.count = count;
    this.domains.add(node, amount);
  }
}

export class PodSets {
  /** In the order in which they were asked for, the latest last. */
  private readonly sets = new Map<string, PodSet>();
  /** By the namespace of the pods that can match; "" for any. */
  private readonly byNamespace = new Map<string, Set<PodSet>>();

  constructor(private readonly allNodes: () => Iterable<NodeInfo>) {}

  get(selection: PodSetSelection): PodSet {
    const known = this.sets.get(selection.key);
    if (known !== undefined) {
      this.sets.delete(selection.key);
      this.sets.set(selection.key, known);
      return known;
    }
    const created = new PodSet(selection);
    for (const node of this.allNodes()) created.add(node, countPods(node, selection.test));
    this.sets.set(selection.key, created);
    const neighbours = this.byNamespace.get(selection.namespace ?? "");
    if (neighbours === undefined) this.byNamespace.set(selection.namespace ?? "", new Set([created]));
    else neighbours.add(created);
    const [oldest] = this.sets.values();
    if (this.sets.size > MOST_SETS && oldest !== undefined) this.forget(oldest);
    return created;
  }

  podAdded(node: NodeInfo, pod: PodInfo): void {
    this.count(node, pod, 1);
  }

  podRemoved(node: NodeInfo, pod: PodInfo): void {
    this.count(node, pod, -1);
  }

  /** With its pods, and the labels it has now. */
  nodeAdded(node: NodeInfo): void {
    for (const pod of node.pods.values()) this.count(node, pod, 1);
  }

  /** Called while the node still has the pods and labels that it was counted with. */
  nodeRemoved(node: NodeInfo): void {
    for (const pod of node.pods.values()) this.count(node, pod, -1);
  }

  namespacesChanged(): void {
    for (const set of [...this.sets.values()]) if (set.selection.asksNamespaceLabels === true) this.forget(set);
  }

  private count(node: NodeInfo, pod: PodInfo, amount: 1 | -1): void {
    if (this.sets.size === 0) return;
    for (const namespace of [pod.namespace, ""]) {
      for (const set of this.byNamespace.get(namespace) ?? []) if (set.selection.test(pod)) set.add(node, amount);
    }
  }

  private forget(set: PodSet): void {
    const { key, namespace = "" } = set.selection;
    this.sets.delete(key);
    const neighbours = this.byNamespace.get(namespace);
    neighbours?.delete(set);
    if (neighbours?.size === 0) this.byNamespace.delete(namespace);
  }
}

function countPods(node: NodeInfo, test: PodTest): number {
  let count = 0;
  for (const pod of node.pods.values()) if (test(pod)) count++;
  return count;
}
