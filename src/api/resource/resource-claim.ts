// ResourceClaim (resource.k8s.io/v1): devices that a workload needs
// (https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/). Its spec never changes.
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { ResourceResourceClaim } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";
import { defaultDeviceClaim } from "./device-requests.ts";

function stateText({ metadata, status }: ResourceResourceClaim): string {
  const isDeleted = (metadata.deletionTimestamp ?? "") !== "";
  const states = isDeleted ? ["deleted"] : [];
  if (status?.allocation === undefined) {
    if (!isDeleted) states.push("pending");
  } else {
    states.push("allocated");
    if ((status.reservedFor ?? []).length > 0) states.push("reserved");
  }
  return states.join(",");
}

export const resourceClaims = kind<ResourceResourceClaim>("resource.k8s.io/v1", "ResourceClaim", {
  columns: [nameColumn(), { name: "State", type: "string", description: "Where the claim stands.", value: stateText }, ageColumn()],
  defaults: ({ spec }) => defaultDeviceClaim(spec?.devices),
  validateUpdate: (object, old) => checkImmutable(object.spec, old.spec, FieldPath.root("spec")),
  countsGeneration: false,
});
