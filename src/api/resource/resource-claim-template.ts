// ResourceClaimTemplate (resource.k8s.io/v1): makes a ResourceClaim for each pod
// (https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/). Its spec never changes.
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { ResourceClaimTemplate } from "../generated/types.ts";
import { defaultDeviceClaim } from "./device-requests.ts";

export const resourceClaimTemplates = kind<ResourceClaimTemplate>("resource.k8s.io/v1", "ResourceClaimTemplate", {
  columns: [nameColumn(), ageColumn()],
  defaults: ({ spec }) => defaultDeviceClaim(spec?.spec?.devices),
  countsGeneration: false,
});
