// The scheduler's view of the cluster: nodes with their pods, including pods that were assumed to be on a node before the API
// server has told so.
//
// Invariant: a pod counts on exactly one node. An assumed pod counts until it is confirmed by the API or forgotten.
import type { Node } from "../api/index.ts";
import { NodeInfo } from "./node-info.ts";
import { Nominations } from "./nominations.ts";
import type { PodInfo } from "./pod-info.ts";
import { StorageState } from "./storage-state.ts";

export class ClusterState {
  readonly nominations = new Nominations();
  readonly storage = new StorageState();
  private readonly nodes = new Map<string, NodeInfo>();
  /** Pod UID → node name. */
  private readonly places = new Map<string, string>();
  private readonly assumed = new Set<string>();
  /** Image name → names of the nodes that have it. */
  private readonly imageHolders = new Map<string, Set<string>>();
  private schedulable: readonly NodeInfo[] | undefined;
  /** Labels of a namespace; none of one that is not known. Set by whoever follows the namespaces. */
  namespaceLabels: (name: string) => Readonly<Record<string, string>> = () => ({});

  /** Nodes that exist, in the order in which they came. */
  list(): readonly NodeInfo[] {
    this.schedulable ??= [...this.nodes.values()].filter(({ node }) => node !== undefined);
    return this.schedulable;
  }

  node(name: string): NodeInfo | undefined {
    return this.nodes.get(name);
  }

  setNode(node: Node): void {
    const info = this.infoOf(node.metadata.name);
    this.countImages(info, -1);
    info.setNode(node);
    this.countImages(info, 1);
    this.schedulable = undefined;
  }

  removeNode(name: string): void {
    const info = this.nodes.get(name);
    if (info === undefined) return;
    this.countImages(info, -1);
    info.setNode(undefined);
    if (info.pods.size === 0) this.nodes.delete(name);
    this.schedulable = undefined;
  }

  /** How many nodes have the image. */
  nodesWithImage(name: string): number {
    return this.imageHolders.get(name)?.size ?? 0;
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
    info?.removePod(uid);
    if (info !== undefined && info.node === undefined && info.pods.size === 0) this.nodes.delete(place);
    return true;
  }

  private place(pod: PodInfo, nodeName: string): void {
    const before = this.places.get(pod.uid);
    if (before !== undefined && before !== nodeName) this.nodes.get(before)?.removePod(pod.uid);
    this.places.set(pod.uid, nodeName);
    this.infoOf(nodeName).addPod(pod);
  }

  private infoOf(name: string): NodeInfo {
    const known = this.nodes.get(name);
    if (known !== undefined) return known;
    const created = new NodeInfo(name);
    this.nodes.set(name, created);
    return created;
  }

  private countImages(info: NodeInfo, sign: 1 | -1): void {
    for (const image of info.node?.status?.images ?? []) {
      for (const name of image.names ?? []) {
        const holders = this.imageHolders.get(name) ?? new Set();
        if (sign === 1) holders.add(info.name);
        else holders.delete(info.name);
        if (holders.size === 0) this.imageHolders.delete(name);
        else this.imageHolders.set(name, holders);
      }
    }
  }
}
