// Scale: the replica count of anything that has one, as a subresource (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/scale-v1/).
import { ageColumn } from "../columns.ts";
import { type FieldError, FieldPath, invalid } from "../field-errors.ts";
import type { Scale } from "../generated/types.ts";
import type { Column } from "../kind.ts";

export const scaleColumns: readonly Column<Scale>[] = [
  { name: "Name", type: "string", description: "The name of what is scaled.", value: ({ metadata }) => metadata.name },
  { name: "Desired", type: "integer", description: "How many pods should run.", value: ({ spec }) => spec.replicas ?? 0 },
  { name: "Available", type: "integer", description: "How many pods there are.", value: ({ status }) => status?.replicas ?? 0 },
  ageColumn(),
];

export function validateScale({ spec }: Scale): FieldError[] {
  const replicas = spec.replicas ?? 0;
  return replicas < 0 ? [invalid(FieldPath.root("spec").child("replicas"), replicas, "must be greater than or equal to 0")] : [];
}
