// Lease (coordination.k8s.io/v1): who leads, and node heartbeats (https://kubernetes.io/docs/concepts/architecture/leases/).
import type { Mutable } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { type FieldError, FieldPath, invalid } from "../field-errors.ts";
import type { Lease } from "../generated/types.ts";

function validate({ spec }: Lease): FieldError[] {
  const path = FieldPath.root("spec");
  const { leaseDurationSeconds, leaseTransitions } = spec ?? {};
  const errors: FieldError[] = [];
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.push(invalid(path.child("leaseDurationSeconds"), leaseDurationSeconds, "must be greater than 0"));
  }
  if (leaseTransitions !== undefined && leaseTransitions < 0) {
    errors.push(invalid(path.child("leaseTransitions"), leaseTransitions, "must be greater than or equal to 0"));
  }
  return errors;
}

/** Who shall lead is not coordinated yet: a beta feature that upstream has off, too. */
function dropCoordination({ spec }: Mutable<Lease>): void {
  if (spec === undefined) return;
  delete spec.preferredHolder;
  delete spec.strategy;
}

export const leases = kind<Lease>("coordination.k8s.io/v1", "Lease", {
  columns: [
    nameColumn(),
    { name: "Holder", type: "string", description: "Who holds the lease.", value: ({ spec }) => spec?.holderIdentity ?? "" },
    ageColumn(),
  ],
  prepareForCreate: dropCoordination,
  prepareForUpdate: dropCoordination,
  validateCreate: validate,
  validateUpdate: validate,
  createsOnUpdate: true,
  requiresResourceVersion: true,
  countsGeneration: false,
});
