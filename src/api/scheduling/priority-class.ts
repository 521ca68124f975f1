// PriorityClass (scheduling.k8s.io/v1): a name for a pod priority (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { PriorityClass } from "../generated/types.ts";

export const priorityClasses = kind<PriorityClass>("scheduling.k8s.io/v1", "PriorityClass", {
  columns: [
    nameColumn(),
    { name: "Value", type: "integer", description: "The priority that pods of this class get.", value: ({ value }) => value ?? 0 },
    {
      name: "Global-Default",
      type: "boolean",
      description: "Whether pods without a class get this one.",
      value: ({ globalDefault }) => globalDefault ?? false,
    },
    ageColumn(),
    {
      name: "PreemptionPolicy",
      type: "string",
      priority: 1,
      description: "Whether pods of this class may preempt others.",
      value: ({ preemptionPolicy }) => preemptionPolicy ?? "",
    },
  ],
  defaults: (object) => {
    object.preemptionPolicy ??= "PreemptLowerPriority";
  },
});
