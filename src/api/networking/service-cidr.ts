// ServiceCIDR (networking.k8s.io/v1): ranges that Services take their addresses from
// (https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { type FieldError, FieldPath, invalid, required } from "../field-errors.ts";
import type { ServiceCIDR } from "../generated/types.ts";
import { checkCanonicalCidr, parseCidr } from "../ip.ts";

const PATH = FieldPath.root("spec").child("cidrs");
const IMMUTABLE = "field is immutable";

function validateCreate({ spec }: ServiceCIDR): FieldError[] {
  const ranges = spec.cidrs ?? [];
  if (ranges.length === 0) return [required(PATH, "at least one CIDR required")];
  if (ranges.length > 2) return [invalid(PATH, ranges, "may only hold up to 2 values")];
  const families = new Set(ranges.map((range) => parseCidr(range)?.address.family));
  const isOneFamily = ranges.length === 2 && families.size === 1;
  return [
    ...(isOneFamily ? [invalid(PATH, ranges, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64")] : []),
    ...ranges.flatMap((range, position) => checkCanonicalCidr(PATH.index(position), range)),
  ];
}

/** A range never changes; one of the other family may join it. */
function validateUpdate(object: ServiceCIDR, old: ServiceCIDR): FieldError[] {
  const [ranges, known] = [object.spec.cidrs ?? [], old.spec.cidrs ?? []];
  const isAddition = known.length === 1 && ranges.length === 2;
  if (ranges.length !== known.length && !isAddition) return [invalid(PATH, ranges, IMMUTABLE)];
  const changed = known.flatMap((range, position) => (range === ranges[position] ? [] : [invalid(PATH.index(position), ranges[position], IMMUTABLE)]));
  return isAddition ? [...changed, ...validateCreate(object)] : changed;
}

export const serviceCIDRs = kind<ServiceCIDR>("networking.k8s.io/v1", "ServiceCIDR", {
  columns: [
    nameColumn(),
    { name: "CIDRs", type: "string", description: "The ranges, at most one of each IP family.", value: ({ spec }) => (spec.cidrs ?? []).join(",") },
    ageColumn(),
  ],
  validateCreate,
  validateUpdate,
  countsGeneration: false,
});
