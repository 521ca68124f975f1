// The strategic merge patch that turns the status at the API server into the kubelet's, touching only what the kubelet owns
// (https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/#notes-on-the-strategic-merge-patch).
import type { JsonValue, PodCondition, PodStatus } from "../../api/index.ts";
import { KUBELET_CONDITIONS } from "./conditions.ts";

/** Fields that the kubelet reports and that are replaced whole. */
const WHOLE_FIELDS = [
  "observedGeneration",
  "phase",
  "reason",
  "message",
  "hostIP",
  "podIP",
  "startTime",
  "initContainerStatuses",
  "containerStatuses",
  "ephemeralContainerStatuses",
  "qosClass",
  "resources",
  "allocatedResources",
] as const;

/** The body's `status`, or undefined when there is nothing to change. */
export function podStatusPatch(stored: PodStatus, wanted: PodStatus): { readonly [key: string]: JsonValue } | undefined {
  const patch: Record<string, JsonValue> = {};
  for (const field of WHOLE_FIELDS) {
    if (!same(stored[field], wanted[field])) patch[field] = (wanted[field] ?? null) as JsonValue;
  }
  const conditions = conditionChanges(stored.conditions ?? [], wanted.conditions ?? []);
  if (conditions.length > 0) patch["conditions"] = conditions;
  for (const field of ["hostIPs", "podIPs"] as const) {
    const changes = addressChanges(stored[field] ?? [], wanted[field] ?? []);
    if (changes.length > 0) patch[field] = changes;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function conditionChanges(stored: readonly PodCondition[], wanted: readonly PodCondition[]): JsonValue[] {
  const isOurs = ({ type }: PodCondition): boolean => KUBELET_CONDITIONS.includes(type) || type === "DisruptionTarget";
  const changes: JsonValue[] = [];
  for (const condition of wanted.filter(isOurs)) {
    const old = stored.find(({ type }) => type === condition.type);
    if (same(old, condition)) continue;
    // What the condition no longer says has to be taken away by name.
    const cleared = Object.fromEntries(
      ["reason", "message"].filter((field) => old !== undefined && field in old && !(field in condition)).map((field) => [field, null]),
    );
    changes.push({ ...(condition as unknown as Record<string, JsonValue>), ...cleared });
  }
  for (const old of stored) {
    if (KUBELET_CONDITIONS.includes(old.type) && !wanted.some(({ type }) => type === old.type)) changes.push({ type: old.type, $patch: "delete" });
  }
  return changes;
}

/** Order counts: when it differs the whole list is replaced. */
function addressChanges(stored: readonly { readonly ip: string }[], wanted: readonly { readonly ip: string }[]): JsonValue[] {
  if (same(stored, wanted)) return [];
  return [{ $patch: "replace" }, ...wanted.map(({ ip }) => ({ ip }))];
}

/** Equal as JSON, whatever the order of the keys; what the API leaves out when it is empty equals what is not there. */
function same(a: unknown, b: unknown): boolean {
  if (a === b || (isEmpty(a) && isEmpty(b))) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  return typeof value === "object" && Object.values(value).every(isEmpty);
}
