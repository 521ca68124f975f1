// ServiceCIDR (networking.k8s.io/v1): ranges that Services take their addresses from
// (https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { ServiceCIDR } from "../generated/types.ts";

export const serviceCIDRs = kind<ServiceCIDR>("networking.k8s.io/v1", "ServiceCIDR", {
  columns: [
    nameColumn(),
    { name: "CIDRs", type: "string", description: "The ranges, at most one of each IP family.", value: ({ spec }) => (spec.cidrs ?? []).join(",") },
    ageColumn(),
  ],
});
