// ResourceQuota, the admission side (https://kubernetes.io/docs/concepts/policy/resource-quotas/): what would exceed a quota is refused, what
// does not is charged to the quota's status before it is stored. Recounting is the quota controller's; a charge for a write that
// fails afterwards is its to take back.
//
// Invariant: the quotas of one namespace are charged one request after the other.
import {
  isStatus,
  isTerminatingPod,
  type Kind,
  type KubeObject,
  type Pod,
  pods,
  quotaScopesMatch,
  quotaUsage,
  type ResourceQuota,
  resourceQuotas,
} from "../../api/index.ts";
import { type Env, parseQuantity, Quantity } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { denied, isAbout } from "./denial.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./plugin.ts";

const ATTEMPTS = 4;
/** A quota on these makes every container say how much it wants. */
const MANDATORY = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

type Amounts = ReadonlyMap<string, Quantity>;

interface Charge {
  readonly quota: ResourceQuota;
  readonly used: Readonly<Record<string, string>>;
}

export interface ResourceQuotaOptions {
  readonly objects: ObjectReader;
  readonly client: Client;
}

export function resourceQuota(env: Env, { objects, client }: ResourceQuotaOptions): AdmissionPlugin {
  /** The last request of each namespace that has one under way. */
  const turns = new Map<string, Promise<void>>();

  async function charge(request: AdmissionRequest): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      // After a conflict, and to be sure of what others charged, the store is asked.
      const { items } = await client.list(resourceQuotas, { namespace: request.namespace });
      const charges = items.flatMap((quota) => chargeFor(request, quota, env.clock.now()) ?? []);
      if (request.dryRun || charges.length === 0) return;
      try {
        for (const { quota, used } of charges) {
          await client.update(resourceQuotas, { ...quota, status: { ...quota.status, used } }, { subresource: "status" });
        }
        return;
      } catch (error) {
        if (!isStatus(error, "Conflict") || attempt === ATTEMPTS) throw error;
      }
    }
  }

  async function takeTurn(request: AdmissionRequest): Promise<void> {
    const { namespace } = request;
    const before = turns.get(namespace) ?? Promise.resolve();
    const own = before.then(
      () => charge(request),
      () => charge(request),
    );
    turns.set(namespace, own);
    try {
      await own;
    } finally {
      if (turns.get(namespace) === own) turns.delete(namespace);
    }
  }

  return {
    name: "ResourceQuota",
    validate(request) {
      if (request.namespace === "" || request.object === undefined || !isCharged(request)) return;
      // No quota, no delay: the watch cache knows.
      return objects.list(resourceQuotas, request.namespace).length === 0 ? undefined : takeTurn(request);
    },
  };
}

/** Writes that can cost something. */
function isCharged(request: AdmissionRequest): boolean {
  const { operation, subresource, kind, object, oldObject } = request;
  if (isAbout(request, pods, subresource)) {
    if (operation === "UPDATE" && subresource === "resize") return true;
    if (subresource !== "") return false;
    return operation === "CREATE" || (operation === "UPDATE" && isTerminatingPod(object as unknown as Pod) !== isTerminatingPod(oldObject as Pod));
  }
  if (subresource !== "") return false;
  if (operation === "CREATE") return true;
  return operation === "UPDATE" && kind.group === "" && (kind.resource === "services" || kind.resource === "persistentvolumeclaims");
}

/** What the request adds to `quota`; undefined when nothing. Throws when it does not fit. */
function chargeFor(request: AdmissionRequest, quota: ResourceQuota, now: number): Charge | undefined {
  const { kind, oldObject } = request;
  const object = request.object as unknown as KubeObject;
  const hard = amountsOf(quota.status?.hard);
  const usage = within(quotaUsage(kind, object, now), hard);
  if (usage.size === 0 || !quotaScopesMatch(quota, kind, object)) return undefined;
  const name = quota.metadata.name;
  if (isAbout(request, pods)) checkMandatory(request, name, hard, object as Pod);
  const used = amountsOf(quota.status?.used);
  const unknown = [...usage.keys()].filter((resource) => !used.has(resource)).sort();
  if (unknown.length > 0) throw denied(request, `status unknown for quota: ${name}, resources: ${unknown.join(",")}`);
  const wasCounted = request.operation === "UPDATE" && oldObject !== undefined && quotaScopesMatch(quota, kind, oldObject);
  const added = wasCounted ? increase(usage, quotaUsage(kind as Kind, oldObject, now)) : withoutZeros(usage);
  if (added.size === 0) return undefined;
  const next = new Map([...used].map(([resource, quantity]) => [resource, quantity.add(added.get(resource) ?? Quantity.zero)] as const));
  const exceeded = [...added.keys()].filter((resource) => (next.get(resource) ?? Quantity.zero).compare(hard.get(resource) ?? Quantity.zero) > 0).sort();
  if (exceeded.length > 0) {
    const show = (amounts: Amounts): string => exceeded.map((resource) => `${resource}=${amounts.get(resource) ?? Quantity.zero}`).join(",");
    throw denied(request, `exceeded quota: ${name}, requested: ${show(added)}, used: ${show(used)}, limited: ${show(hard)}`);
  }
  return { quota, used: Object.fromEntries([...next].map(([resource, quantity]) => [resource, quantity.toString()])) };
}

function amountsOf(list: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([resource, text]) => [resource, parseQuantity(text)]));
}
function within(usage: Amounts, hard: Amounts): Amounts {
  return new Map([...usage].filter(([resource]) => hard.has(resource)));
}
function withoutZeros(usage: Amounts): Amounts {
  return new Map([...usage].filter(([, quantity]) => !quantity.isZero()));
}
/** What grew; what shrank is not given back here. */
function increase(usage: Amounts, before: Amounts): Amounts {
  const grown = [...usage].map(([resource, quantity]) => [resource, quantity.subtract(before.get(resource) ?? Quantity.zero)] as const);
  return new Map(grown.filter(([, quantity]) => quantity.compare(Quantity.zero) > 0));
}

function checkMandatory(request: AdmissionRequest, quota: string, hard: Amounts, { spec }: Pod): void {
  if (spec.resources !== undefined && Object.keys({ ...spec.resources.requests, ...spec.resources.limits }).length > 0) return;
  const missing = new Map<string, Set<string>>();
  for (const { name, resources } of [...spec.containers, ...(spec.initContainers ?? [])]) {
    for (const resource of MANDATORY) {
      if (!hard.has(resource)) continue;
      const [field, plain] = resource.startsWith("limits.")
        ? (["limits", resource.slice(7)] as const)
        : (["requests", resource.replace(/^requests\./, "")] as const);
      if (resources?.[field]?.[plain] === undefined) missing.set(resource, (missing.get(resource) ?? new Set()).add(name));
    }
  }
  if (missing.size === 0) return;
  const texts = [...missing.keys()].sort().map((resource) => `${resource} for: ${[...(missing.get(resource) ?? [])].sort().join(",")}`);
  throw denied(request, `failed quota: ${quota}: must specify ${texts.join("; ")}`);
}
