// ResourceQuota (https://kubernetes.io/docs/concepts/policy/resource-quotas/): bounds on what a namespace may use in sum.
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { ResourceQuota } from "../generated/types.ts";
import { validateResourceQuota, validateResourceQuotaStatusUpdate, validateResourceQuotaUpdate } from "./quota-validation.ts";

/** `used/hard` of the resources that are limits, or of those that are not. */
function usageCell({ status }: ResourceQuota, limits: boolean): string {
  return Object.entries(status?.hard ?? {})
    .filter(([name]) => name.startsWith("limits.") === limits)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? "0"}/${hard}`)
    .join(", ");
}

export const resourceQuotas = kind<ResourceQuota>("v1", "ResourceQuota", {
  columns: [
    nameColumn(),
    { name: "Request", type: "string", description: "What is asked for, of what may be.", value: (quota) => usageCell(quota, false) },
    { name: "Limit", type: "string", description: "What may be used, of what may be.", value: (quota) => usageCell(quota, true) },
    ageColumn(),
  ],
  countsGeneration: false,
  validateCreate: validateResourceQuota,
  validateUpdate: validateResourceQuotaUpdate,
  validateStatusUpdate: validateResourceQuotaStatusUpdate,
});
