// Empties a namespace that is being deleted and then lets it go
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/). Pods go first, and nothing else until they
// are gone: what they rely on must be there while they end. Then all other kinds, custom ones included.
import {
  finalizers,
  isPodTerminal,
  isStatus,
  type Kind,
  type KubeObject,
  type Namespace,
  type NamespaceCondition,
  namespaceConditions,
  namespaces,
  type Pod,
  pods,
} from "../api/index.ts";
import { formatTime } from "../base/index.ts";
import { type Client, ignoreNotFound, type ReconcileResult } from "../client/index.ts";
import { type Controller, type ControllerContext, reconcilingController } from "./controller.ts";
import type { KindDiscovery } from "./kind-discovery.ts";

/** What is left of one kind. */
export interface Remaining {
  readonly resource: string;
  readonly group: string;
  readonly count: number;
  readonly finalizers: ReadonlyMap<string, number>;
}

export interface DeletionOutcome {
  readonly remaining: readonly Remaining[];
  readonly errors: readonly string[];
  readonly discoveryError?: string;
}

/** The guess for objects held by finalizers. */
const FINALIZER_ESTIMATE_SECONDS = 15;
const FINE: Readonly<Record<string, { reason: string; message: string }>> = {
  [namespaceConditions.deletionDiscoveryFailure]: { reason: "ResourcesDiscovered", message: "All resources successfully discovered" },
  [namespaceConditions.deletionGroupVersionParsingFailure]: { reason: "ParsedGroupVersions", message: "All legacy kube types successfully parsed" },
  [namespaceConditions.deletionContentFailure]: { reason: "ContentDeleted", message: "All content successfully deleted, may be waiting on finalization" },
  [namespaceConditions.contentRemaining]: { reason: "ContentRemoved", message: "All content successfully removed" },
  [namespaceConditions.finalizersRemaining]: { reason: "ContentHasNoFinalizers", message: "All content-preserving finalizers finished" },
};

/** The conditions that tell how far the deletion has come. */
export function deletionConditions(old: readonly NamespaceCondition[], outcome: DeletionOutcome, nowMs: number): NamespaceCondition[] {
  const troubles = troublesOf(outcome);
  const others = old.filter(({ type }) => FINE[type] === undefined);
  const own = Object.entries(FINE).map(([type, fine]): NamespaceCondition => {
    const trouble = troubles.get(type);
    const status = trouble === undefined ? "False" : "True";
    const known = old.find((condition) => condition.type === type);
    const lastTransitionTime = known?.status === status ? known.lastTransitionTime : formatTime(nowMs);
    return { type, status, ...(trouble ?? fine), lastTransitionTime };
  });
  return [...others, ...own];
}

function troublesOf({ remaining, errors, discoveryError }: DeletionOutcome): Map<string, { reason: string; message: string }> {
  const troubles = new Map<string, { reason: string; message: string }>();
  if (discoveryError !== undefined) troubles.set(namespaceConditions.deletionDiscoveryFailure, { reason: "DiscoveryFailed", message: discoveryError });
  if (errors.length > 0) {
    const message = `Failed to delete all resource types, ${errors.length} remaining: ${[...errors].sort().join(", ")}`;
    troubles.set(namespaceConditions.deletionContentFailure, { reason: "ContentDeletionFailed", message });
  }
  const left = remaining.filter(({ count }) => count > 0);
  if (left.length > 0) {
    const texts = left.map(({ resource, group, count }) => `${resource}.${group} has ${count} resource instances`).sort();
    troubles.set(namespaceConditions.contentRemaining, { reason: "SomeResourcesRemain", message: `Some resources are remaining: ${texts.join(", ")}` });
  }
  const holders = new Map<string, number>();
  for (const { finalizers: held } of left) for (const [name, count] of held) holders.set(name, (holders.get(name) ?? 0) + count);
  if (holders.size > 0) {
    const texts = [...holders].map(([name, count]) => `${name} in ${count} resource instances`).sort();
    const message = `Some content in the namespace has finalizers remaining: ${texts.join(", ")}`;
    troubles.set(namespaceConditions.finalizersRemaining, { reason: "SomeFinalizersRemain", message });
  }
  return troubles;
}

/** How long the rest may take, in seconds; 0 when it should be gone already. */
export function estimateSeconds(outcome: DeletionOutcome, podsLeft: readonly Pod[], sinceMs: number): number {
  const held = outcome.remaining.some(({ finalizers: holders }) => holders.size > 0);
  const grace = Math.max(0, ...podsLeft.filter((pod) => !isPodTerminal(pod)).map(({ spec }) => spec.terminationGracePeriodSeconds ?? 0));
  return Math.max(sinceMs >= grace * 1000 ? 0 : grace, held ? FINALIZER_ESTIMATE_SECONDS : 0);
}

class NamespaceDeletion {
  constructor(
    private readonly context: ControllerContext,
    private readonly discovery: KindDiscovery,
    private namespace: Namespace,
  ) {}

  async run(): Promise<ReconcileResult> {
    if (this.namespace.status?.phase !== "Terminating") await this.updateStatus({ ...this.namespace.status, phase: "Terminating" });
    if ((this.namespace.spec?.finalizers ?? []).length === 0) return undefined;
    const first = await this.empty([pods]);
    const podsGone = first.remaining.every(({ count }) => count === 0);
    const outcome = podsGone ? await this.emptyAllKinds(first) : first;
    await this.updateConditions(outcome);
    if (podsGone && outcome.errors.length === 0 && outcome.remaining.every(({ count }) => count === 0) && outcome.discoveryError === undefined) {
      await this.finalize();
      return undefined;
    }
    return { requeueAfterMs: await this.delayMs(outcome) };
  }

  private get client(): Client {
    return this.context.client;
  }
  private get name(): string {
    return this.namespace.metadata.name;
  }

  private async emptyAllKinds(first: DeletionOutcome): Promise<DeletionOutcome> {
    const { kinds, error } = await this.discovery.deletableKinds();
    const rest = kinds.filter((kind) => kind.namespaced && !(kind.group === "" && kind.resource === pods.resource));
    const outcome = await this.empty(rest);
    return { remaining: [...first.remaining, ...outcome.remaining], errors: outcome.errors, ...(error === undefined ? {} : { discoveryError: error }) };
  }

  private async empty(kinds: readonly Kind[]): Promise<DeletionOutcome> {
    const remaining: Remaining[] = [];
    const errors: string[] = [];
    await Promise.all(
      kinds.map(async (kind) => {
        try {
          const left = await this.emptyKind(kind);
          remaining.push(left);
          // Nothing holds them, yet they are there: they will be gone in a moment, or somebody makes them anew.
          if (left.count > 0 && left.finalizers.size === 0 && kind.resource !== pods.resource)
            errors.push(`unexpected items still remain in namespace: ${this.name} for gvr: ${kind.apiVersion}, Resource=${kind.resource}`);
          else if (left.count > 0 && kind.resource === pods.resource && (await this.graceIsOver()))
            errors.push(`unexpected items still remain in namespace: ${this.name} for gvr: /v1, Resource=pods`);
        } catch (error) {
          // A custom kind may go while we look.
          if (isStatus(error, "NotFound", "MethodNotAllowed")) return;
          errors.push(error instanceof Error ? error.message : String(error));
        }
      }),
    );
    return { remaining, errors };
  }

  private async emptyKind(kind: Kind): Promise<Remaining> {
    const list = async (): Promise<readonly KubeObject[]> => (await this.client.list(kind, { namespace: this.name })).items;
    const before = await list();
    if (before.length > 0) await this.deleteAll(kind, before);
    const left = before.length === 0 ? before : await list();
    const holders = new Map<string, number>();
    for (const { metadata } of left) for (const name of metadata.finalizers ?? []) holders.set(name, (holders.get(name) ?? 0) + 1);
    return { resource: kind.resource, group: kind.group, count: left.length, finalizers: holders };
  }

  private async deleteAll(kind: Kind, objects: readonly KubeObject[]): Promise<void> {
    const options = { propagationPolicy: "Background" } as const;
    if (kind.verbs.includes("deletecollection")) await this.client.deleteCollection(kind, { namespace: this.name }, options);
    else for (const { metadata } of objects) await ignoreNotFound(this.client.delete(kind, { namespace: this.name, name: metadata.name }, options));
  }

  private async podsLeft(): Promise<readonly Pod[]> {
    return (await this.client.list(pods, { namespace: this.name })).items;
  }

  private async graceIsOver(): Promise<boolean> {
    const left = await this.podsLeft();
    return left.every(({ metadata }) => (metadata.finalizers ?? []).length === 0) && estimateSeconds({ remaining: [], errors: [] }, left, this.sinceMs()) === 0;
  }

  private sinceMs(): number {
    return this.context.env.clock.now() - Date.parse(this.namespace.metadata.deletionTimestamp ?? "");
  }

  private async delayMs(outcome: DeletionOutcome): Promise<number> {
    const seconds = estimateSeconds(outcome, await this.podsLeft(), this.sinceMs());
    // Without an estimate the end is near; the wake-ups by pods shorten all of this.
    return seconds === 0 ? 1000 : (Math.trunc(seconds / 2) + 1) * 1000;
  }

  private async updateConditions(outcome: DeletionOutcome): Promise<void> {
    const old = this.namespace.status?.conditions ?? [];
    const conditions = deletionConditions(old, outcome, this.context.env.clock.now());
    if (JSON.stringify(conditions) !== JSON.stringify(old)) await this.updateStatus({ ...this.namespace.status, conditions });
  }

  private async updateStatus(status: NonNullable<Namespace["status"]>): Promise<void> {
    this.namespace = await this.client.update(namespaces, { ...this.namespace, status }, { subresource: "status" });
  }

  private async finalize(): Promise<void> {
    const left = (this.namespace.spec?.finalizers ?? []).filter((name) => name !== finalizers.kubernetes);
    const finalized = { ...this.namespace, spec: { ...this.namespace.spec, finalizers: left } };
    await ignoreNotFound(this.client.update(namespaces, finalized, { subresource: "finalize" }));
  }
}

export function namespaceController(discovery: KindDiscovery): Controller {
  return reconcilingController<Namespace>("namespace", {
    for: namespaces,
    workers: 10,
    relevant: ({ metadata }) => metadata.deletionTimestamp !== undefined,
    wakes: [
      {
        kind: pods,
        // The last pod that leaves a namespace may be what its deletion waits for.
        keys: ({ metadata }, caches) => {
          const { namespace = "" } = metadata;
          if (caches.of(namespaces).get(namespace)?.metadata.deletionTimestamp === undefined) return [];
          return caches.of(pods).inNamespace(namespace).length === 0 ? [namespace] : [];
        },
      },
    ],
    reconcile: async (key, caches, context) => {
      const namespace = caches.of(namespaces).get(key);
      if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
      const current = await ignoreNotFound(context.client.get(namespaces, { name: key }));
      if (current?.metadata.deletionTimestamp === undefined) return undefined;
      return new NamespaceDeletion(context, discovery, current).run();
    },
  });
}
