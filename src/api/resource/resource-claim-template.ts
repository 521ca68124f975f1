// ResourceClaimTemplate (resource.k8s.io/v1): makes a ResourceClaim for each pod
// (https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/). Its spec never changes.
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { ResourceClaimTemplate } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";
import { defaultDeviceClaim } from "./device-requests.ts";

export const resourceClaimTemplates = kind<ResourceClaimTemplate>("resource.k8s.io/v1", "ResourceClaimTemplate", {
  columns: [nameColumn(), ageColumn()],
  defaults: ({ spec }) => defaultDeviceClaim(spec?.spec?.devices),
  validateUpdate: (object, old) => checkImmutable(object.spec, old.spec, FieldPath.root("spec")),
  countsGeneration: false,
});
