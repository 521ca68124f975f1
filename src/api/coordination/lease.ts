// Lease (coordination.k8s.io/v1): who leads, and node heartbeats (https://kubernetes.io/docs/concepts/architecture/leases/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { type FieldError, FieldPath, forbidden, invalid } from "../field-errors.ts";
import type { Lease } from "../generated/types.ts";

function validate({ spec }: Lease): FieldError[] {
  const path = FieldPath.root("spec");
  const { leaseDurationSeconds, leaseTransitions, preferredHolder = "", strategy = "" } = spec ?? {};
  const errors: FieldError[] = [];
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.push(invalid(path.child("leaseDurationSeconds"), leaseDurationSeconds, "must be greater than 0"));
  }
  if (leaseTransitions !== undefined && leaseTransitions < 0) {
    errors.push(invalid(path.child("leaseTransitions"), leaseTransitions, "must be greater than or equal to 0"));
  }
  if (preferredHolder !== "" && strategy === "") errors.push(forbidden(path.child("preferredHolder"), "may only be specified if `strategy` is defined"));
  return errors;
}

export const leases = kind<Lease>("coordination.k8s.io/v1", "Lease", {
  columns: [
    nameColumn(),
    { name: "Holder", type: "string", description: "Who holds the lease.", value: ({ spec }) => spec?.holderIdentity ?? "" },
    ageColumn(),
  ],
  validateCreate: validate,
  validateUpdate: validate,
  createsOnUpdate: true,
  requiresResourceVersion: true,
  countsGeneration: false,
});
