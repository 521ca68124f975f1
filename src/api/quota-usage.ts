// What an object counts for in a ResourceQuota, and which quotas count it (https://kubernetes.io/docs/concepts/policy/resource-quotas/).
// Admission charges by it, the quota controller recounts by it.

import { parseQuantity, parseTime, Quantity } from "../base/index.ts";
import { computeQosClass, podLimits, podRequests } from "./core/pod-resources.ts";
import type { PersistentVolumeClaim, Pod, ResourceQuota, ScopedResourceSelectorRequirement, Service } from "./generated/types.ts";
import type { Kind } from "./kind.ts";
import type { KubeObject } from "./object.ts";

export type Usage = ReadonlyMap<string, Quantity>;

const ONE = Quantity.fromValue(1);
/** Kinds that were counted by a name of their own before `count/…`. */
const ALIASES: Readonly<Record<string, string>> = {
  configmaps: "configmaps",
  resourcequotas: "resourcequotas",
  replicationcontrollers: "replicationcontrollers",
  secrets: "secrets",
};
const PLAIN_COMPUTE = ["cpu", "memory", "ephemeral-storage"];

/** `count/deployments.apps`, `count/pods`. */
function countName({ group, resource }: Kind): string {
  return group === "" ? `count/${resource}` : `count/${resource}.${group}`;
}

/** `now` in milliseconds: pods that should long be gone count no more. */
export function quotaUsage(kind: Kind, object: KubeObject, now: number): Usage {
  const usage = new Map<string, Quantity>([[countName(kind), ONE]]);
  if (kind.group !== "") return usage;
  if (kind.resource === "pods") addPod(usage, object as Pod, now);
  else if (kind.resource === "services") addService(usage, object as Service);
  else if (kind.resource === "persistentvolumeclaims") addClaim(usage, object as PersistentVolumeClaim);
  else {
    const alias = ALIASES[kind.resource];
    if (alias !== undefined) usage.set(alias, ONE);
  }
  return usage;
}

function addPod(usage: Map<string, Quantity>, pod: Pod, now: number): void {
  if (!countsCompute(pod, now)) return;
  usage.set("pods", ONE);
  for (const [resource, quantity] of podRequests(pod, { useStatus: true })) {
    usage.set(`requests.${resource}`, quantity);
    if (PLAIN_COMPUTE.includes(resource) || resource.startsWith("hugepages-")) usage.set(resource, quantity);
  }
  for (const [resource, quantity] of podLimits(pod, { useStatus: true })) {
    if (PLAIN_COMPUTE.includes(resource)) usage.set(`limits.${resource}`, quantity);
  }
}

/** A pod that ended, or that should have ended by now, takes nothing any more. */
function countsCompute({ metadata, status }: Pod, now: number): boolean {
  if (status?.phase === "Failed" || status?.phase === "Succeeded") return false;
  const deletedMs = parseTime(metadata.deletionTimestamp);
  const graceSeconds = metadata.deletionGracePeriodSeconds;
  return deletedMs === undefined || graceSeconds === undefined || now <= deletedMs + graceSeconds * 1000;
}

function addService(usage: Map<string, Quantity>, { spec }: Service): void {
  const ports = spec.ports ?? [];
  const isBalanced = spec.type === "LoadBalancer";
  const explicit = isBalanced && spec.allocateLoadBalancerNodePorts === false ? ports.filter(({ nodePort }) => (nodePort ?? 0) !== 0) : ports;
  usage.set("services", ONE);
  usage.set("services.loadbalancers", isBalanced ? ONE : Quantity.zero);
  usage.set("services.nodeports", Quantity.fromValue(isBalanced || spec.type === "NodePort" ? explicit.length : 0));
}

function addClaim(usage: Map<string, Quantity>, { metadata, spec, status }: PersistentVolumeClaim): void {
  usage.set("persistentvolumeclaims", ONE);
  const className = metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec.storageClassName ?? "";
  const asked = spec.resources?.requests?.["storage"];
  const allocated = status?.allocatedResources?.["storage"];
  const sizes = [asked, allocated].flatMap((text) => (text === undefined ? [] : [parseQuantity(text)]));
  const size = sizes.reduce<Quantity | undefined>((most, next) => (most === undefined || next.compare(most) > 0 ? next : most), undefined);
  if (size !== undefined) usage.set("requests.storage", size);
  if (className === "") return;
  usage.set(`${className}.storageclass.storage.k8s.io/persistentvolumeclaims`, ONE);
  if (size !== undefined) usage.set(`${className}.storageclass.storage.k8s.io/requests.storage`, size);
}

/** Tells whether the quota's scopes take the object in. Scopes are only about pods (and claims, whose attributes class is not counted here). */
export function quotaScopesMatch({ spec }: ResourceQuota, kind: Kind, object: KubeObject): boolean {
  const scopes: readonly ScopedResourceSelectorRequirement[] = [
    ...(spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: "Exists" })),
    ...(spec.scopeSelector?.matchExpressions ?? []),
  ];
  if (scopes.length === 0) return true;
  return kind.group === "" && kind.resource === "pods" && scopes.every((scope) => podMatchesScope(object as Pod, scope));
}

function podMatchesScope(pod: Pod, { scopeName, operator, values = [] }: ScopedResourceSelectorRequirement): boolean {
  switch (scopeName) {
    case "Terminating":
      return isTerminatingPod(pod);
    case "NotTerminating":
      return !isTerminatingPod(pod);
    case "BestEffort":
      return computeQosClass(pod) === "BestEffort";
    case "NotBestEffort":
      return computeQosClass(pod) !== "BestEffort";
    case "CrossNamespacePodAffinity":
      return crossesNamespaces(pod);
    case "PriorityClass": {
      const name = pod.spec.priorityClassName ?? "";
      if (operator === "Exists") return name !== "";
      if (operator === "DoesNotExist") return name === "";
      return values.includes(name) === (operator === "In");
    }
    default:
      return false;
  }
}

/** In a quota's sense: a pod with a deadline. */
export function isTerminatingPod({ spec }: Pod): boolean {
  return (spec.activeDeadlineSeconds ?? -1) >= 0;
}

function crossesNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
  return terms.some(({ namespaces, namespaceSelector }) => (namespaces ?? []).length > 0 || namespaceSelector !== undefined);
}
