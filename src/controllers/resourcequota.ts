// Counts what each namespace uses of its quotas (https://kubernetes.io/docs/concepts/policy/resource-quotas/). Admission charges
// what is made; here it is given back what went, and counted anew whatever went wrong in between.
import {
  isPodTerminal,
  type Kind,
  type KubeObject,
  objectKey,
  type Pod,
  pods,
  quotaScopesMatch,
  quotaUsage,
  type ResourceQuota,
  resourceQuotas,
} from "../api/index.ts";
import { parseQuantity, Quantity } from "../base/index.ts";
import { type Plan, updateStatus } from "./action.ts";
import { type Caches, type Controller, controller } from "./controller.ts";
import { type Followed, followKinds, type KindDiscovery } from "./kind-discovery.ts";
import { canonicalJson } from "./pod-template.ts";

export interface ObservedQuota {
  readonly quota: ResourceQuota;
  /** What is in the namespace, of the kinds that the quota may count. */
  readonly objects: Iterable<{ readonly kind: Kind; readonly object: KubeObject }>;
}

export function planQuota({ quota, objects }: ObservedQuota, nowMs: number): Plan {
  const hard = quota.spec?.hard ?? {};
  const used = new Map(Object.keys(hard).map((resource) => [resource, Quantity.zero]));
  for (const { kind, object } of objects) {
    if (!quotaScopesMatch(quota, kind, object)) continue;
    for (const [resource, quantity] of quotaUsage(kind, object, nowMs)) {
      const sum = used.get(resource);
      if (sum !== undefined) used.set(resource, sum.add(quantity));
    }
  }
  const status = { hard, used: Object.fromEntries([...used].map(([resource, quantity]) => [resource, quantity.toString()])) };
  if (sameAmounts(quota.status?.hard, status.hard) && sameAmounts(quota.status?.used, status.used)) return { actions: [] };
  return { actions: [updateStatus(resourceQuotas, { ...quota, status })] };
}

/** The same resources in the same amounts, however they are written. */
function sameAmounts(one: Readonly<Record<string, string>> | undefined, other: Readonly<Record<string, string>>): boolean {
  const text = (list: Readonly<Record<string, string>>): string =>
    canonicalJson(Object.fromEntries(Object.entries(list).map(([resource, amount]) => [resource, String(parseQuantity(amount).nanos)])));
  return one !== undefined && text(one) === text(other);
}

/** Kinds that a quota can count by more than their number; the others only matter when a quota names them. */
const MEASURED = new Set(["pods", "services", "persistentvolumeclaims"]);
/** Made and gone too fast, and in nobody's quota. */
const UNCOUNTED = new Set(["events", "leases"]);

function counts(quota: ResourceQuota, { group, resource }: Kind): boolean {
  if (group === "" && MEASURED.has(resource)) return true;
  const hard = quota.spec?.hard ?? {};
  return hard[`count/${resource}${group === "" ? "" : `.${group}`}`] !== undefined || (group === "" && hard[resource] !== undefined);
}

function podChangedItsUse(pod: KubeObject, old: KubeObject): boolean {
  const [now, before] = [pod as Pod, old as Pod];
  return isPodTerminal(now) !== isPodTerminal(before) || now.metadata.deletionTimestamp !== before.metadata.deletionTimestamp || now.spec !== before.spec;
}

function isCounted(kind: Kind): boolean {
  return kind.namespaced && !UNCOUNTED.has(kind.resource) && !(kind.group === "" && kind.resource === resourceQuotas.resource);
}

/** Changes of an object count only where it is measured, not numbered. */
function mayChangeUse(kind: Kind, object: KubeObject, old: KubeObject): boolean {
  return kind.group === "" && MEASURED.has(kind.resource) && (kind.resource !== pods.resource || podChangedItsUse(object, old));
}

/** Follows one kind: its objects that come and go wake the quotas that count them. */
function followKind(kind: Kind, caches: Caches, enqueue: (key: string) => void): Followed {
  const quotas = caches.of(resourceQuotas);
  const wake = (some: readonly ResourceQuota[]): void => {
    for (const quota of some) if (counts(quota, kind)) enqueue(objectKey(quota));
  };
  const wakeQuotasOf = ({ metadata }: KubeObject): void => wake(quotas.inNamespace(metadata.namespace ?? ""));
  const informer = caches.of(kind);
  const remove = informer.addHandler({
    added: wakeQuotasOf,
    updated: (object, old) => {
      if (mayChangeUse(kind, object, old)) wakeQuotasOf(object);
    },
    deleted: wakeQuotasOf,
  });
  // A kind without objects wakes nobody by them.
  const synced = informer.synced().then(() => wake(quotas.list()));
  return {
    synced,
    end: () => {
      remove();
      wake(quotas.list());
    },
  };
}

export function resourceQuotaController(discovery: KindDiscovery): Controller {
  const counted = new Set<Kind>();
  const follow = (kind: Kind, caches: Caches, enqueue: (key: string) => void): Followed => {
    counted.add(kind);
    const { synced, end } = followKind(kind, caches, enqueue);
    return {
      synced,
      end: () => {
        counted.delete(kind);
        end();
      },
    };
  };
  return {
    name: "resourcequota",
    start: (context) => {
      const log = context.env.log.child("resourcequota");
      return controller<ResourceQuota, ObservedQuota>("resourcequota", {
        for: resourceQuotas,
        follow: (enqueue, caches) =>
          followKinds(discovery, {
            wanted: isCounted,
            follow: (kind) => follow(kind, caches, enqueue),
            failed: (error) => log.warn("cannot follow the kinds that are served", { error }),
          }),
        observe: (key, caches) => {
          const quota = caches.of(resourceQuotas).get(key);
          if (quota === undefined) return undefined;
          const { namespace = "" } = quota.metadata;
          const wanted = [...counted, resourceQuotas as Kind].filter((kind) => counts(quota, kind));
          const objectsOf = (kind: Kind) =>
            caches
              .of(kind)
              .inNamespace(namespace)
              .map((object) => ({ kind, object }));
          return { quota, objects: wanted.flatMap(objectsOf) };
        },
        plan: planQuota,
      }).start(context);
    },
  };
}
