// PodDisruptionBudget (policy/v1): how many pods of an application evictions may take at a time
// (https://kubernetes.io/docs/tasks/run-application/configure-pdb/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { checkAtMost100Percent, checkLabelSelector, checkNonnegativeIntOrPercent } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid } from "../field-errors.ts";
import type { PodDisruptionBudget } from "../generated/types.ts";

function validate({ spec }: PodDisruptionBudget): FieldError[] {
  const path = FieldPath.root("spec");
  const amount = (name: "minAvailable" | "maxUnavailable"): FieldError[] => {
    const value = spec?.[name];
    return value === undefined ? [] : [...checkNonnegativeIntOrPercent(path.child(name), value), ...checkAtMost100Percent(path.child(name), value)];
  };
  const isBoth = spec?.minAvailable !== undefined && spec.maxUnavailable !== undefined;
  return [
    ...(isBoth ? [invalid(path, spec, "minAvailable and maxUnavailable cannot be both set")] : []),
    ...amount("minAvailable"),
    ...amount("maxUnavailable"),
    ...checkLabelSelector(path.child("selector"), spec?.selector),
  ];
}

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
  validateCreate: validate,
  validateUpdate: validate,
  requiresResourceVersion: true,
});
