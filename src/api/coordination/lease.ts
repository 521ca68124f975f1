// Lease (coordination.k8s.io/v1): who leads, and node heartbeats (https://kubernetes.io/docs/concepts/architecture/leases/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { Lease } from "../generated/types.ts";

export const leases = kind<Lease>("coordination.k8s.io/v1", "Lease", {
  columns: [
    nameColumn(),
    { name: "Holder", type: "string", description: "Who holds the lease.", value: ({ spec }) => spec?.holderIdentity ?? "" },
    ageColumn(),
  ],
  createsOnUpdate: true,
  requiresResourceVersion: true,
  countsGeneration: false,
});
