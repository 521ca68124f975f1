// The scheduler's view of the cluster: nodes with their pods, including pods that were assumed to be on a node before the API
// server has told so.
//
// Invariants: a pod counts on exactly one node. An assumed pod counts until it is confirmed by the API or forgotten. What is counted
// by label and by domain (`podSets`, `placedTerms`, `domains`) holds for the nodes that exist.
import type { Node, PodDisruptionBudget, ReplicaSet, ReplicationController, Service, StatefulSet } from "../api/index.ts";
import type { NamespaceLabels } from "./affinity-terms.ts";
import { addTo } from "./counts.ts";
import { DomainCounts } from "./domain-counts.ts";
import { NodeInfo } from "./node-info.ts";
import { Nominations } from "./nominations.ts";
import { PlacedTerms } from "./placed-terms.ts";
import type { PodInfo } from "./pod-info.ts";
import { PodSets } from "./pod-sets.ts";
import { StorageState } from "./storage-state.ts";

/** What decisions look up beside nodes and pods. Keys are `namespace/name`. */
export interface Listers {
  readonly namespaceLabels: NamespaceLabels;
  readonly budgets: () => readonly PodDisruptionBudget[];
  readonly services: (namespace: string) => readonly Service[];
  readonly replicationController: (key: string) => ReplicationController | undefined;
  readonly replicaSet: (key: string) => ReplicaSet | undefined;
  readonly statefulSet: (key: string) => StatefulSet | undefined;
}

const NOTHING: Listers = {
  namespaceLabels: () => ({}),
  budgets: () => [],
  services: () => [],
  replicationController: () => undefined,
  replicaSet: () => undefined,
  statefulSet: () => undefined,
};

export class ClusterState {
  readonly nominations = new Nominations();
  readonly podSets = new PodSets(() => this.list());
  readonly placedTerms = new PlacedTerms();
  readonly storage = new StorageState();
  readonly listers: Listers;
  private readonly nodes = new Map<string, NodeInfo>();
  /** Pod UID → node name. */
  private readonly places = new Map<string, string>();
  private readonly assumed = new Set<string>();
  /** Image name → how many nodes have it. */
  private readonly imageHolders = new Map<string, number>();
  /** How many nodes each domain has. */
  private readonly nodesByDomain = new DomainCounts();
  private existing: readonly NodeInfo[] | undefined;

  constructor(listers: Partial<Listers> = {}) {
    this.listers = { ...NOTHING, ...listers };
  }

  /** Nodes that exist, in the order in which they came. */
  list(): readonly NodeInfo[] {
    this.existing ??= [...this.nodes.values()].filter(({ node }) => node !== undefined);
    return this.existing;
  }

  node(name: string): NodeInfo | undefined {
    return this.nodes.get(name);
  }

  setNode(node: Node): void {
    const info = this.infoOf(node.metadata.name);
    const isMoved = info.node === undefined || !sameLabels(info.labels, node.metadata.labels ?? {});
    if (isMoved) this.leaveDomains(info);
    this.countImages(info, -1);
    info.setNode(node);
    this.countImages(info, 1);
    this.existing = undefined;
    if (isMoved) this.enterDomains(info);
  }

  removeNode(name: string): void {
    const info = this.nodes.get(name);
    if (info === undefined) return;
    this.leaveDomains(info);
    this.countImages(info, -1);
    info.setNode(undefined);
    if (info.pods.size === 0) this.nodes.delete(name);
    this.existing = undefined;
  }

  /** How many nodes have the image. */
  nodesWithImage(name: string): number {
    return this.imageHolders.get(name) ?? 0;
  }

  /** The domains that there are, with the number of their nodes. */
  domains(topologyKey: string): ReadonlyMap<string, number> {
    return this.nodesByDomain.of(topologyKey, () => this.list().map((node) => [node, 1] as const));
  }

  isAssumed(uid: string): boolean {
    return this.assumed.has(uid);
  }

  assume(pod: PodInfo, nodeName: string): void {
    this.assumed.add(pod.uid);
    this.nominations.delete(pod.uid);
    this.place(pod, nodeName);
  }

  /** What the API server says of a pod on a node. */
  setPod(pod: PodInfo, nodeName: string): void {
    this.assumed.delete(pod.uid);
    this.nominations.delete(pod.uid);
    this.place(pod, nodeName);
  }

  /** Of a pod that is gone, ended, or whose assumption came to nothing. True when it held room on a node, or was to get some. */
  removePod(uid: string): boolean {
    this.assumed.delete(uid);
    const wasNominated = this.nominations.delete(uid);
    const place = this.places.get(uid);
    if (place === undefined) return wasNominated;
    this.places.delete(uid);
    const info = this.nodes.get(place);
    if (info !== undefined) this.takeOff(info, uid);
    return true;
  }

  private place(pod: PodInfo, nodeName: string): void {
    const before = this.nodes.get(this.places.get(pod.uid) ?? "");
    if (before !== undefined) this.takeOff(before, pod.uid);
    this.places.set(pod.uid, nodeName);
    const info = this.infoOf(nodeName);
    info.addPod(pod);
    if (info.node === undefined) return;
    this.podSets.podAdded(info, pod);
    this.placedTerms.podAdded(info, pod);
  }

  private takeOff(info: NodeInfo, uid: string): void {
    const pod = info.pods.get(uid);
    if (pod === undefined) return;
    info.removePod(uid);
    if (info.node !== undefined) {
      this.podSets.podRemoved(info, pod);
      this.placedTerms.podRemoved(info, pod);
    } else if (info.pods.size === 0) this.nodes.delete(info.name);
  }

  private enterDomains(info: NodeInfo): void {
    this.nodesByDomain.add(info, 1);
    this.podSets.nodeAdded(info);
    this.placedTerms.nodeAdded(info);
  }

  private leaveDomains(info: NodeInfo): void {
    if (info.node === undefined) return;
    this.nodesByDomain.add(info, -1);
    this.podSets.nodeRemoved(info);
    this.placedTerms.nodeRemoved(info);
  }

  private infoOf(name: string): NodeInfo {
    const known = this.nodes.get(name);
    if (known !== undefined) return known;
    const created = new NodeInfo(name);
    this.nodes.set(name, created);
    return created;
  }

  private countImages(info: NodeInfo, sign: 1 | -1): void {
    for (const name of info.images.keys()) addTo(this.imageHolders, name, sign);
  }
}

function sameLabels(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
