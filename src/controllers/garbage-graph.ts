// Who depends on whom, over all kinds: the graph the garbage collector walks. An owner need not be known to be pointed at, so
// objects may come in any order. Pure data; what to do about it is decided in garbage-collector.ts.
import { finalizers, type Kind, type KubeObject, type OwnerReference } from "../api/index.ts";

export interface GraphNode {
  readonly uid: string;
  readonly kind: Kind;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly owners: readonly OwnerReference[];
  readonly isBeingDeleted: boolean;
  /** Deleted in the foreground: waits for its blocking dependents to go. */
  readonly waitsForDependents: boolean;
  /** Deleted with orphaning: its dependents are to be freed first. */
  readonly orphansDependents: boolean;
}

export function graphNode(kind: Kind, { metadata }: KubeObject): GraphNode {
  const isBeingDeleted = metadata.deletionTimestamp !== undefined;
  const has = (finalizer: string): boolean => isBeingDeleted && (metadata.finalizers ?? []).includes(finalizer);
  return {
    uid: metadata.uid ?? "",
    kind,
    name: metadata.name,
    namespace: metadata.namespace,
    owners: metadata.ownerReferences ?? [],
    isBeingDeleted,
    waitsForDependents: has(finalizers.foregroundDeletion),
    orphansDependents: has(finalizers.orphan),
  };
}

export class GarbageGraph {
  private readonly nodes = new Map<string, GraphNode>();
  /** Owner's uid → uids of its dependents. */
  private readonly dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.nodes.get(uid);
  }

  uidsOf(kind: Kind): string[] {
    return [...this.nodes.values()].filter((node) => node.kind === kind).map(({ uid }) => uid);
  }

  dependentsOf(uid: string): GraphNode[] {
    return [...(this.dependents.get(uid) ?? [])].flatMap((dependent) => this.nodes.get(dependent) ?? []);
  }

  /** Dependents that their owner's foreground deletion waits for. */
  blockingDependentsOf(uid: string): GraphNode[] {
    return this.dependentsOf(uid).filter(({ owners }) => owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true));
  }

  /** Takes in an object's state; returns the uids that now need a look. */
  put(node: GraphNode): readonly string[] {
    const before = this.nodes.get(node.uid);
    this.nodes.set(node.uid, node);
    for (const { uid } of before?.owners ?? []) if (!node.owners.some((owner) => owner.uid === uid)) this.unlink(uid, node.uid);
    for (const { uid } of node.owners) this.link(uid, node.uid);
    const look: string[] = [];
    const startsWaiting = node.waitsForDependents && before?.waitsForDependents !== true;
    const startsOrphaning = node.orphansDependents && before?.orphansDependents !== true;
    if (startsWaiting || startsOrphaning) look.push(node.uid);
    if (startsWaiting) look.push(...this.dependentsOf(node.uid).map(({ uid }) => uid));
    if (node.owners.some((owner) => this.isGoneOrGoing(owner.uid) || this.isMistaken(node, owner))) look.push(node.uid);
    // It may not be whom they mean who pointed at it before it was known.
    if (before === undefined)
      for (const dependent of this.dependentsOf(node.uid))
        if (dependent.owners.some((owner) => owner.uid === node.uid && !isMeant(node, owner, dependent.namespace))) look.push(dependent.uid);
    // An owner may have waited for just this reference.
    for (const { uid } of before?.owners ?? []) if (this.nodes.get(uid)?.waitsForDependents === true) look.push(uid);
    return look;
  }

  /** Forgets an object; returns the uids that now need a look. */
  delete(uid: string): readonly string[] {
    const node = this.nodes.get(uid);
    if (node === undefined) return [];
    this.nodes.delete(uid);
    for (const owner of node.owners) this.unlink(owner.uid, uid);
    const dependents = this.dependentsOf(uid).map((dependent) => dependent.uid);
    const waiting = node.owners.map((owner) => owner.uid).filter((owner) => this.nodes.get(owner)?.waitsForDependents === true);
    return [...dependents, ...waiting];
  }

  private isGoneOrGoing(ownerUid: string): boolean {
    const owner = this.nodes.get(ownerUid);
    return owner === undefined || owner.waitsForDependents;
  }

  /** The reference has the uid of an object that it does not describe. */
  isMistaken(node: GraphNode, reference: OwnerReference): boolean {
    const owner = this.nodes.get(reference.uid);
    return owner !== undefined && !isMeant(owner, reference, node.namespace);
  }

  private link(owner: string, dependent: string): void {
    const known = this.dependents.get(owner);
    if (known === undefined) this.dependents.set(owner, new Set([dependent]));
    else known.add(dependent);
  }

  private unlink(owner: string, dependent: string): void {
    const known = this.dependents.get(owner);
    known?.delete(dependent);
    if (known?.size === 0) this.dependents.delete(owner);
  }
}

/** Whether the reference, from an object in `namespace`, describes just this owner: namespaced ones own in their own namespace only. */
function isMeant({ kind, name, namespace: own }: GraphNode, reference: OwnerReference, namespace: string | undefined): boolean {
  return kind.apiVersion === reference.apiVersion && kind.kind === reference.kind && name === reference.name && (own === undefined || own === namespace);
}

/** How the owners of an object stand. */
export interface OwnersByState {
  readonly solid: readonly OwnerReference[];
  readonly dangling: readonly OwnerReference[];
  readonly waiting: readonly OwnerReference[];
}

export type Verdict =
  | { readonly do: "nothing" }
  /** Some owners stay: the references to the others go. */
  | { readonly do: "dropReferences"; readonly uids: readonly string[] }
  /** `unblock`: its own references are made not to block first, which breaks a ring of foreground deletions. */
  | { readonly do: "delete"; readonly propagationPolicy: "Foreground" | "Background" | "Orphan"; readonly unblock: boolean };

/** What becomes of an object, given its owners. Pure. */
export function judge({ solid, dangling, waiting }: OwnersByState, dependents: readonly GraphNode[], ownFinalizers: readonly string[]): Verdict {
  if (solid.length === 0 && dangling.length === 0 && waiting.length === 0) return { do: "nothing" };
  if (solid.length > 0) {
    const uids = [...dangling, ...waiting].map(({ uid }) => uid);
    return uids.length === 0 ? { do: "nothing" } : { do: "dropReferences", uids };
  }
  if (waiting.length > 0 && dependents.length > 0)
    return { do: "delete", propagationPolicy: "Foreground", unblock: dependents.some(({ waitsForDependents }) => waitsForDependents) };
  if (ownFinalizers.includes(finalizers.orphan)) return { do: "delete", propagationPolicy: "Orphan", unblock: false };
  const foreground = ownFinalizers.includes(finalizers.foregroundDeletion);
  return { do: "delete", propagationPolicy: foreground ? "Foreground" : "Background", unblock: false };
}
