// Counts what each namespace uses of its quotas (https://kubernetes.io/docs/concepts/policy/resource-quotas/). Admission charges
// what is made; here it is given back what went, and counted anew whatever went wrong in between.
import { isPodTerminal, type Kind, type KubeObject, type Pod, pods, quotaScopesMatch, quotaUsage, type ResourceQuota, resourceQuotas } from "../api/index.ts";
import { parseQuantity, Quantity } from "../base/index.ts";
import { type Plan, updateStatus } from "./action.ts";
import { type Controller, controller, type Wake } from "./controller.ts";
import type { KindDiscovery } from "./kind-discovery.ts";
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

export function resourceQuotaController(discovery: KindDiscovery): Controller {
  return {
    name: "resourcequota",
    start: async (context) => {
      const { kinds } = await discovery.deletableKinds();
      const counted = kinds.filter(
        (kind) =>
          kind.namespaced && kind.verbs.includes("watch") && !(UNCOUNTED.has(kind.resource) || (kind.group === "" && kind.resource === "resourcequotas")),
      );
      const wakes = counted.map(
        (kind): Wake => ({
          kind,
          keys: ({ metadata }, caches) =>
            caches
              .of(resourceQuotas)
              .inNamespace(metadata.namespace ?? "")
              .filter((quota) => counts(quota, kind))
              .map((quota) => `${metadata.namespace}/${quota.metadata.name}`),
          relevant: (object, old) => kind.group === "" && MEASURED.has(kind.resource) && (kind.resource !== pods.resource || podChangedItsUse(object, old)),
        }),
      );
      return controller<ResourceQuota, ObservedQuota>("resourcequota", {
        for: resourceQuotas,
        wakes,
        observe: (key, caches) => {
          const quota = caches.of(resourceQuotas).get(key);
          if (quota === undefined) return undefined;
          const { namespace = "" } = quota.metadata;
          const wanted = [...counted, resourceQuotas as Kind].filter((kind) => counts(quota, kind));
          return {
            quota,
            objects: wanted.flatMap((kind) =>
              caches
                .of(kind)
                .inNamespace(namespace)
                .map((object) => ({ kind, object })),
            ),
          };
        },
        plan: planQuota,
      }).start(context);
    },
  };
}
