// References to a pod's own fields and resources, in the environment and in downward API volumes
// (https://kubernetes.io/docs/concepts/workloads/pods/downward-api/).
import { parseQuantity } from "../../base/index.ts";
import { checkLabelKey, checkRequired } from "../field-checks.ts";
import { type FieldError, type FieldPath, invalid, notSupported, required } from "../field-errors.ts";
import type { ObjectFieldSelector, ResourceFieldSelector } from "../generated/types.ts";

export const envFields: readonly string[] = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];
export const volumeFields: readonly string[] = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
/** All that a field path may name, in whatever place. */
const KNOWN_FIELDS: readonly string[] = [...envFields, ...volumeFields, "spec.restartPolicy", "spec.schedulerName", "status.phase"];
const RESOURCES: readonly string[] = [
  "limits.cpu",
  "limits.ephemeral-storage",
  "limits.memory",
  "requests.cpu",
  "requests.ephemeral-storage",
  "requests.memory",
];
const SIZES: readonly string[] = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/** `metadata.labels['tier']` in its parts. */
function subscripted(fieldPath: string): { field: string; subscript: string | undefined } {
  const match = /^([^[]+)\['(.+)'\]$/.exec(fieldPath);
  return match === null ? { field: fieldPath, subscript: undefined } : { field: match[1] ?? "", subscript: match[2] };
}

export function checkFieldRef(path: FieldPath, ref: ObjectFieldSelector, fields: readonly string[]): FieldError[] {
  if (!ref.apiVersion) return [required(path.child("apiVersion"))];
  if (!ref.fieldPath) return [required(path.child("fieldPath"))];
  const { field, subscript } = subscripted(ref.fieldPath);
  if (ref.apiVersion !== "v1") {
    return [invalid(path.child("fieldPath"), ref.fieldPath, `error converting fieldPath: unsupported pod version: ${ref.apiVersion}`)];
  }
  if (subscript !== undefined) {
    if (field === "metadata.annotations") return checkLabelKey(path, subscript.toLowerCase());
    if (field === "metadata.labels") return checkLabelKey(path, subscript);
    return [invalid(path.child("fieldPath"), ref.fieldPath, `error converting fieldPath: field label does not support subscript: ${ref.fieldPath}`)];
  }
  if (!KNOWN_FIELDS.includes(field)) return [unknownField(path, ref.fieldPath)];
  return fields.includes(field) ? [] : [notSupported(path.child("fieldPath"), field, fields)];
}

function unknownField(path: FieldPath, fieldPath: string): FieldError {
  return invalid(path.child("fieldPath"), fieldPath, `error converting fieldPath: field label not supported: ${fieldPath}`);
}

export function checkResourceFieldRef(path: FieldPath, ref: ResourceFieldSelector, inVolume: boolean): FieldError[] {
  if (inVolume && !ref.containerName) return checkRequired(path.child("containerName"), ref.containerName);
  if (!ref.resource) return [required(path.child("resource"))];
  const hugePages = /^(requests|limits)\.hugepages-/.test(ref.resource);
  const errors = RESOURCES.includes(ref.resource) || hugePages ? [] : [notSupported(path.child("resource"), ref.resource, RESOURCES)];
  return [...errors, ...checkDivisor(path.child("divisor"), ref)];
}

function checkDivisor(path: FieldPath, { resource, divisor }: ResourceFieldSelector): FieldError[] {
  const quantity = parseQuantity(divisor === undefined || divisor === "" ? "0" : divisor);
  if (quantity.isZero()) return [];
  const text = quantity.toString();
  const what = resource.replace(/^(requests|limits)\./, "");
  if (what === "cpu") return ["1", "1m"].includes(text) ? [] : [invalid(path, resource, "only divisor's values 1m and 1 are supported with the cpu resource")];
  const named =
    what === "memory" ? "memory" : what === "ephemeral-storage" ? "local ephemeral storage" : what.startsWith("hugepages-") ? "hugepages" : undefined;
  if (named === undefined || SIZES.includes(text)) return [];
  return [invalid(path, resource, `only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the ${named} resource`)];
}
