// PodDisruptionBudget (policy/v1): how many pods of an application evictions may take at a time
// (https://kubernetes.io/docs/tasks/run-application/configure-pdb/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { PodDisruptionBudget } from "../generated/types.ts";

export const podDisruptionBudgets = kind<PodDisruptionBudget>("policy/v1", "PodDisruptionBudget", {
  columns: [
    nameColumn(),
    { name: "Min Available", type: "string", description: "Pods that must stay available.", value: ({ spec }) => String(spec.minAvailable ?? "N/A") },
    { name: "Max Unavailable", type: "string", description: "Pods that may be unavailable.", value: ({ spec }) => String(spec.maxUnavailable ?? "N/A") },
    {
      name: "Allowed Disruptions",
      type: "integer",
      description: "Pods that may be disrupted right now.",
      value: ({ status }) => status?.disruptionsAllowed ?? 0,
    },
    ageColumn(),
  ],
  requiresResourceVersion: true,
});
