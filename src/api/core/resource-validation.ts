// Requests and limits of containers and pods (https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/).
import { parseQuantity, Quantity, tryParseQuantity } from "../../base/index.ts";
import { checkDnsLabelAt } from "../field-checks.ts";
import { duplicate, type FieldError, type FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { PodSpec, ResourceClaim, ResourceRequirements } from "../generated/types.ts";
import { checkQualifiedName } from "../names.ts";
import { containersAmounts, isPodLevelResource } from "./pod-resources.ts";

const COUNTED: readonly string[] = [
  "pods",
  "resourcequotas",
  "services",
  "replicationcontrollers",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "services.nodeports",
  "services.loadbalancers",
];
const AMOUNTS: readonly string[] = ["cpu", "memory", "ephemeral-storage"];
/** Names without a domain that mean something, in quotas too. */
export const standardQuotaResources: readonly string[] = [
  ...AMOUNTS,
  ...AMOUNTS.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  "requests.storage",
  ...COUNTED,
];
const STANDARD: readonly string[] = [...standardQuotaResources, "storage"];

export function isHugePages(name: string): boolean {
  return name.startsWith("hugepages-");
}
export function isQuotaHugePages(name: string): boolean {
  return /^(requests\.)?hugepages-/.test(name);
}
export function isNativeResource(name: string): boolean {
  return !name.includes("/") || name.includes("kubernetes.io/");
}
/** A resource that a node advertises under a domain of its own: counted in whole units, never overcommitted. */
export function isExtendedResource(name: string): boolean {
  return !isNativeResource(name) && !name.startsWith("requests.") && checkQualifiedName(`requests.${name}`).length === 0;
}
/** More may be promised than there is. */
export function isOvercommitAllowed(name: string): boolean {
  return isNativeResource(name) && !isHugePages(name);
}
function isIntegerResource(name: string): boolean {
  return COUNTED.includes(name) || isExtendedResource(name);
}

/** The name of a resource of any kind of object. */
export function checkResourceName(path: FieldPath, name: string): FieldError[] {
  const problems = checkQualifiedName(name);
  if (problems.length > 0) return problems.map((problem) => invalid(path, name, problem));
  if (name.includes("/") || STANDARD.includes(name) || isQuotaHugePages(name)) return [];
  return [invalid(path, name, "must be a standard resource type or fully qualified")];
}

export function checkContainerResourceName(path: FieldPath, name: string): FieldError[] {
  const errors = checkResourceName(path, name);
  if (!name.includes("/"))
    return AMOUNTS.includes(name) || isHugePages(name) ? errors : [...errors, invalid(path, name, "must be a standard resource for containers")];
  return isNativeResource(name) || isExtendedResource(name) ? errors : [...errors, invalid(path, name, "doesn't follow extended resource name standard")];
}

function checkPodResourceName(path: FieldPath, name: string): FieldError[] {
  const errors = checkResourceName(path, name);
  return errors.length > 0 || isPodLevelResource(name) ? errors : [notSupported(path, name, ["cpu", "hugepages-", "memory"])];
}

/** No less than nothing, and whole where things are counted. */
export function checkQuantity(path: FieldPath, name: string, text: string): FieldError[] {
  const quantity = parseQuantity(text);
  const errors = quantity.compare(Quantity.zero) < 0 ? [invalid(path, quantity.toString(), "must be greater than or equal to 0")] : [];
  if (isIntegerResource(name) && quantity.milliValue() % 1000 !== 0) errors.push(invalid(path, text, "must be an integer"));
  return errors;
}

function checkHugePages(path: FieldPath, name: string, text: string): FieldError[] {
  if (!isHugePages(name)) return [];
  const quantity = parseQuantity(text);
  const page = tryParseQuantity(name.slice("hugepages-".length))?.value();
  if (page === undefined || page === 0) return [invalid(path, quantity.toString(), `${quantity.toString()} is not positive integer multiple of ${name}`)];
  if (quantity.value() % page === 0) return [];
  return [invalid(path, quantity.toString(), `${quantity.toString()} is not positive integer multiple of ${name}`)];
}

function checkRequest(path: FieldPath, name: string, request: string, limit: string | undefined): FieldError[] {
  const asked = parseQuantity(request);
  if (limit === undefined) return isOvercommitAllowed(name) ? [] : [required(path.child("limits"), "Limit must be set for non overcommitable resources")];
  const most = parseQuantity(limit);
  const at = path.child("requests");
  if (asked.compare(most) !== 0 && !isOvercommitAllowed(name)) return [invalid(at, asked.toString(), `must be equal to ${name} limit of ${most.toString()}`)];
  return asked.compare(most) > 0 ? [invalid(at, asked.toString(), `must be less than or equal to ${name} limit of ${most.toString()}`)] : [];
}

type NameCheck = (path: FieldPath, name: string) => FieldError[];

function checkRequirements(path: FieldPath, { limits = {}, requests = {} }: ResourceRequirements, checkName: NameCheck): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, text] of Object.entries(limits)) {
    const at = path.child("limits").key(name);
    errors.push(...checkName(at, name), ...checkQuantity(at, name, text), ...checkHugePages(at, name, text));
  }
  for (const [name, text] of Object.entries(requests)) {
    const at = path.child("requests").key(name);
    errors.push(...checkName(at, name), ...checkQuantity(at, name, text), ...checkRequest(path, name, text, limits[name]), ...checkHugePages(at, name, text));
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.includes("cpu") && !names.includes("memory")) errors.push(forbidden(path, "HugePages require cpu or memory"));
  return errors;
}

function checkClaims(path: FieldPath, claims: readonly ResourceClaim[] | undefined, podClaims: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [position, { name, request }] of (claims ?? []).entries()) {
    const at = path.index(position);
    if (name === "") {
      errors.push(required(at));
      continue;
    }
    const key = request ? `${name}/${request}` : name;
    if (request) errors.push(...checkDnsLabelAt(at.child("request"), request));
    if (seen.has(name) || seen.has(key)) errors.push(duplicate(at, seen.has(name) ? name : key));
    else if (!request && [...seen].some((other) => other.startsWith(`${name}/`))) errors.push(duplicate(at, name));
    seen.add(key);
    if (podClaims.includes(name)) continue;
    const choice = podClaims.length === 0 ? " which is empty" : `: ${[...podClaims].sort().join(", ")}`;
    errors.push({
      type: "FieldValueNotFound",
      path: at.toString(),
      body: `Not found: ${JSON.stringify(name)}: must be one of the names in pod.spec.resourceClaims${choice}`,
    });
  }
  return errors;
}

export function checkContainerResources(path: FieldPath, resources: ResourceRequirements | undefined, podClaims: readonly string[] = []): FieldError[] {
  if (resources === undefined) return [];
  return [...checkRequirements(path, resources, checkContainerResourceName), ...checkClaims(path.child("claims"), resources.claims, podClaims)];
}

/** Numbers for the pod as a whole: no less than its containers ask for, no less than one of them may use. */
export function checkPodResources(path: FieldPath, spec: PodSpec): FieldError[] {
  const { resources } = spec;
  if (resources === undefined) return [];
  const at = path.child("resources");
  if (spec.os?.name === "windows") return [forbidden(at, "may not be set for a windows pod")];
  const errors = resources.claims === undefined ? [] : [forbidden(at.child("claims"), "claims may not be set for Resources at pod-level")];
  errors.push(...checkRequirements(at, resources, checkPodResourceName));
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "" }, spec };
  for (const [name, sum] of containersAmounts(pod, "requests")) {
    const own = resources.requests?.[name];
    if (own !== undefined && sum.compare(parseQuantity(own)) > 0) {
      errors.push(invalid(at.child("requests").key(name), own, `must be greater than or equal to aggregate container requests of ${sum.toString()}`));
    }
  }
  for (const [position, container] of spec.containers.entries()) {
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const own = resources.limits?.[name];
      if (own === undefined || parseQuantity(limit).compare(parseQuantity(own)) <= 0) continue;
      errors.push(invalid(at.child("containers").index(position).key(name).child("limits"), limit, `must be less than or equal to pod limits of ${own}`));
    }
  }
  return errors;
}
