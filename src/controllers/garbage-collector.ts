// Deletes what is owned by nothing that still exists, and carries out foreground and orphaning deletions
// (https://kubernetes.io/docs/concepts/architecture/garbage-collection/).
//
// Invariants: an object is deleted only after the API itself said that its owners are gone, never on the word of a cache; every
// write holds for the very state that was judged (uid and resourceVersion).
import { finalizers, type JsonValue, type Kind, type KubeObject, kindByGvk, type OwnerReference } from "../api/index.ts";
import { createReconciler, ignoreNotFound, type Reconciler } from "../client/index.ts";
import type { Controller, ControllerContext, RunningController } from "./controller.ts";
import { GarbageGraph, type GraphNode, graphNode, judge, type OwnersByState } from "./garbage-graph.ts";
import { type Followed, followKinds, type KindDiscovery } from "./kind-discovery.ts";

const WORKERS = 20;
/** Owners that the API said are gone; uids never come back. */
const MAX_ABSENT_OWNERS = 500;
/** Written so often, and dependents of nothing that outlives them. */
const IGNORED = new Set(["events"]);

export function garbageCollector(discovery: KindDiscovery): Controller {
  return { name: "garbage-collector", start: (context) => new GarbageCollector(context, discovery).start() };
}

class GarbageCollector {
  private readonly graph = new GarbageGraph();
  private readonly absentOwners = new Set<string>();
  private readonly reconciler: Reconciler;
  private stopped = false;

  constructor(
    private readonly context: ControllerContext,
    private readonly discovery: KindDiscovery,
  ) {
    this.reconciler = createReconciler(context.env, { name: "garbage-collector", workers: WORKERS, reconcile: (uid) => this.reconcile(uid) });
  }

  async start(): Promise<RunningController> {
    const log = this.context.env.log.child("garbage-collector");
    const unfollow = await followKinds(this.discovery, {
      wanted: ({ resource }) => !IGNORED.has(resource),
      follow: (kind) => this.follow(kind),
      failed: (error) => log.warn("cannot follow the kinds that are served", { error }),
    });
    this.reconciler.start();
    return {
      stop: async () => {
        this.stopped = true;
        unfollow();
        await this.reconciler.stop();
      },
    };
  }

  private follow(kind: Kind): Followed {
    const informer = this.context.informers.informer(kind);
    const put = (object: KubeObject): void => this.look(this.graph.put(graphNode(kind, object)));
    const remove = informer.addHandler({
      added: put,
      updated: (object, old) => {
        if (concernsUs(object, old)) put(object);
      },
      deleted: ({ metadata }) => this.look(this.graph.delete(metadata.uid ?? "")),
    });
    return {
      synced: informer.synced(),
      end: () => {
        remove();
        if (this.stopped) return;
        this.context.informers.release(kind);
        // A kind that is served no more has no objects: whoever they owned is looked at.
        for (const uid of this.graph.uidsOf(kind)) this.look(this.graph.delete(uid));
      },
    };
  }

  private look(uids: readonly string[]): void {
    for (const uid of uids) this.reconciler.enqueue(uid);
  }

  private async reconcile(uid: string): Promise<void> {
    const node = this.graph.get(uid);
    if (node === undefined) return;
    if (node.orphansDependents) await this.orphanDependents(node);
    else if (node.waitsForDependents) await this.finishWhenAlone(node);
    else if (!node.isBeingDeleted && node.owners.length > 0) await this.judgeAndAct(node);
  }

  /** Frees the dependents, then lets the owner go. */
  private async orphanDependents(node: GraphNode): Promise<void> {
    await Promise.all(this.graph.dependentsOf(node.uid).map((dependent) => this.dropReferences(dependent, [node.uid])));
    await this.removeFinalizer(node, finalizers.orphan);
  }

  private async finishWhenAlone(node: GraphNode): Promise<void> {
    const blocking = this.graph.blockingDependentsOf(node.uid);
    if (blocking.length === 0) await this.removeFinalizer(node, finalizers.foregroundDeletion);
    else this.look(blocking.filter(({ waitsForDependents }) => !waitsForDependents).map(({ uid }) => uid));
  }

  private async judgeAndAct(node: GraphNode): Promise<void> {
    const latest = await this.read(node);
    if (latest === undefined) return;
    const owners = await this.classify(node, latest.metadata.ownerReferences ?? []);
    const dependents = this.graph.dependentsOf(node.uid);
    const verdict = judge(owners, dependents, latest.metadata.finalizers ?? []);
    if (verdict.do === "dropReferences") await this.dropReferences(node, verdict.uids);
    if (verdict.do !== "delete") return;
    const state = verdict.unblock ? await this.unblock(node, latest) : latest;
    const { uid, resourceVersion } = state.metadata;
    const { propagationPolicy } = verdict;
    await ignoreNotFound(this.context.client.delete(node.kind, address(node), { propagationPolicy, preconditions: { uid, resourceVersion } }));
  }

  private async classify(node: GraphNode, references: readonly OwnerReference[]): Promise<OwnersByState> {
    const solid: OwnerReference[] = [];
    const dangling: OwnerReference[] = [];
    const waiting: OwnerReference[] = [];
    for (const reference of references) {
      const owner = await this.owner(node, reference);
      if (owner === "absent") dangling.push(reference);
      else if (owner === "unknown") solid.push(reference);
      else if (owner.metadata.deletionTimestamp !== undefined && owner.metadata.finalizers?.includes(finalizers.foregroundDeletion)) waiting.push(reference);
      else solid.push(reference);
    }
    return { solid, dangling, waiting };
  }

  /** "unknown": a kind we cannot look up, or an owner out of reach; such an owner counts as there. */
  private async owner(node: GraphNode, reference: OwnerReference): Promise<KubeObject | "absent" | "unknown"> {
    // All that the question was: an owner that is not there under a wrong name may well be there under its own.
    const { apiVersion, kind: kindName, name, uid } = reference;
    const key = [node.namespace ?? "", apiVersion, kindName, name, uid].join("|");
    this.tellOfStranger(node, reference);
    if (this.absentOwners.has(key)) return "absent";
    const kind = kindByGvk(reference.apiVersion, reference.kind) ?? (await this.customKind(reference));
    if (kind === undefined || (kind.namespaced && node.namespace === undefined)) return "unknown";
    const namespace = kind.namespaced ? node.namespace : undefined;
    const owner = await ignoreNotFound(this.context.client.get(kind, { name, namespace }));
    if (owner !== undefined && owner.metadata.uid === uid) return owner;
    this.absentOwners.add(key);
    const [oldest] = this.absentOwners;
    if (this.absentOwners.size > MAX_ABSENT_OWNERS && oldest !== undefined) this.absentOwners.delete(oldest);
    return "absent";
  }

  /** Nobody is owned across namespaces; who tries is told. */
  private tellOfStranger(node: GraphNode, { apiVersion, kind, name, uid }: OwnerReference): void {
    const owner = this.graph.get(uid);
    if (owner?.namespace === undefined || owner.namespace === node.namespace) return;
    const about = { apiVersion: node.kind.apiVersion, kind: node.kind.kind, name: node.name, namespace: node.namespace, uid: node.uid };
    const text = `ownerRef [${apiVersion}/${kind}, namespace: ${node.namespace ?? ""}, name: ${name}, uid: ${uid}] does not exist in namespace ${JSON.stringify(node.namespace ?? "")}`;
    this.context.recorder.event(about, "Warning", "OwnerRefInvalidNamespace", text);
  }

  private async customKind({ apiVersion, kind: name }: OwnerReference): Promise<Kind | undefined> {
    const { kinds } = await this.discovery.deletableKinds();
    return kinds.find((kind) => kind.apiVersion === apiVersion && kind.kind === name);
  }

  /** The object as the API has it; undefined when it is gone. */
  private async read(node: GraphNode): Promise<KubeObject | undefined> {
    const latest = await ignoreNotFound(this.context.client.get(node.kind, address(node)));
    return latest?.metadata.uid === node.uid ? latest : undefined;
  }

  private async dropReferences(node: GraphNode, uids: readonly string[]): Promise<void> {
    const latest = await this.read(node);
    const references = latest?.metadata.ownerReferences ?? [];
    const left = references.filter(({ uid }) => !uids.includes(uid));
    if (latest !== undefined && left.length < references.length) await this.patchMetadata(node, latest, { ownerReferences: left });
  }

  private async unblock(node: GraphNode, latest: KubeObject): Promise<KubeObject> {
    const ownerReferences = (latest.metadata.ownerReferences ?? []).map((reference) => ({ ...reference, blockOwnerDeletion: false }));
    return (await this.patchMetadata(node, latest, { ownerReferences })) ?? latest;
  }

  private async removeFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    const latest = await this.read(node);
    const names = latest?.metadata.finalizers ?? [];
    if (latest === undefined || !names.includes(finalizer)) return;
    await this.patchMetadata(node, latest, { finalizers: names.filter((name) => name !== finalizer) });
  }

  private patchMetadata(
    node: GraphNode,
    { metadata }: KubeObject,
    change: { readonly ownerReferences?: readonly OwnerReference[]; readonly finalizers?: readonly string[] },
  ): Promise<KubeObject | undefined> {
    const { uid = "", resourceVersion = "" } = metadata;
    const changed: Record<string, JsonValue> = { uid, resourceVersion };
    if (change.ownerReferences !== undefined) changed["ownerReferences"] = change.ownerReferences.map((reference): JsonValue => ({ ...reference }));
    if (change.finalizers !== undefined) changed["finalizers"] = change.finalizers;
    const body = { metadata: changed };
    return ignoreNotFound(this.context.client.patch(node.kind, address(node), { type: "merge", body }));
  }
}

function address({ name, namespace }: GraphNode): { name: string; namespace?: string } {
  return namespace === undefined ? { name } : { name, namespace };
}

/** Changes of owners, finalizers and deletion are all that the graph holds. */
function concernsUs({ metadata }: KubeObject, { metadata: old }: KubeObject): boolean {
  return (
    metadata.deletionTimestamp !== old.deletionTimestamp ||
    JSON.stringify(metadata.ownerReferences ?? []) !== JSON.stringify(old.ownerReferences ?? []) ||
    JSON.stringify(metadata.finalizers ?? []) !== JSON.stringify(old.finalizers ?? [])
  );
}
