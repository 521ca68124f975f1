// The table of a Scale (`kubectl get deployment NAME --subresource=scale`); the subresource itself is in ../scale.ts.
import { ageColumn } from "../columns.ts";
import type { Scale } from "../generated/types.ts";
import type { Column } from "../kind.ts";

export const scaleColumns: readonly Column<Scale>[] = [
  { name: "Name", type: "string", description: "The name of what is scaled.", value: ({ metadata }) => metadata.name },
  { name: "Desired", type: "integer", description: "How many pods should run.", value: ({ spec }) => spec.replicas ?? 0 },
  { name: "Available", type: "integer", description: "How many pods there are.", value: ({ status }) => status?.replicas ?? 0 },
  ageColumn(),
];
