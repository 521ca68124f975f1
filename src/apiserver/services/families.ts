// Which address families a service has: what its writer asked for, what can be told from its addresses, and what the cluster
// has (https://kubernetes.io/docs/concepts/services-networking/dual-stack/). Nothing is added to or taken from a service that is
// written again as it was, though the cluster has become another.
import { checkServiceAddresses, type FieldError, FieldPath, invalid, ipFamilyOf, type Service } from "../../api/index.ts";
import type { Mutable } from "../../base/index.ts";
import type { IpFamily } from "./address-pool.ts";

type MutableService = Mutable<Service>;

const SPEC = FieldPath.root("spec");
const OTHER: Readonly<Record<IpFamily, IpFamily>> = { IPv4: "IPv6", IPv6: "IPv4" };

/** Sets policy and families, and drops what a change to a single family gives up. Errors: nothing else is to be done. */
export function settleFamilies(service: MutableService, old: Service | undefined, configured: readonly IpFamily[]): FieldError[] {
  const { spec } = service;
  if (spec.type === "ExternalName" || isPreferenceKept(service, old)) return [];
  const isOpen = spec.clusterIP === "None" && Object.keys(spec.selector ?? {}).length === 0;
  // Nobody but its owner says what endpoints an open service has: they may be of any family.
  spec.ipFamilyPolicy ??= old?.spec.ipFamilyPolicy ?? (isOpen ? "RequireDualStack" : "SingleStack");
  const faults = checkServiceAddresses(service, old);
  if (faults.length > 0) return faults;
  const errors = [...(old === undefined ? [] : reduce(service, old)), ...checkPolicy(service), ...inferFamilies(service, configured)];
  if (errors.length > 0) return errors;
  if (isOpen) {
    spec.ipFamilies ??= [];
    if (spec.ipFamilies.length === 0) spec.ipFamilies = [configured[0] ?? "IPv4"];
    if (spec.ipFamilyPolicy !== "SingleStack") addOther(service);
    return [];
  }
  const unmet = checkConfigured(service, configured);
  if (unmet.length > 0) return unmet;
  if ((spec.ipFamilies ?? []).length === 0) spec.ipFamilies = [configured[0] ?? "IPv4"];
  if (spec.ipFamilyPolicy !== "SingleStack" && configured.length === 2) addOther(service);
  return [];
}

/** A service that prefers two families and is written as it was keeps what it has. */
export function isPreferenceKept({ spec }: Service, old: Service | undefined): boolean {
  if (old === undefined || spec.ipFamilyPolicy !== "PreferDualStack" || old.spec.type !== spec.type) return false;
  if (old.spec.ipFamilyPolicy !== undefined && old.spec.ipFamilyPolicy !== "PreferDualStack") return false;
  return same(spec.clusterIPs, old.spec.clusterIPs) && same(spec.ipFamilies, old.spec.ipFamilies);
}

/** To say "SingleStack" is enough to give the second address up; to leave it out needs that word. */
function reduce({ spec }: MutableService, old: Service): FieldError[] {
  const [addresses, families] = [spec.clusterIPs ?? [], spec.ipFamilies ?? []];
  if (spec.ipFamilyPolicy === "SingleStack") {
    if (same(addresses, old.spec.clusterIPs) && addresses.length > 1) spec.clusterIPs = addresses.slice(0, 1);
    if (same(families, old.spec.ipFamilies) && families.length > 1) spec.ipFamilies = families.slice(0, 1);
    return [];
  }
  const path = SPEC.child("ipFamilyPolicy");
  const isReduced = (now: readonly string[], before: readonly string[] = []): boolean => now.length === 1 && before.length === 2 && now[0] === before[0];
  return [
    ...(isReduced(addresses, old.spec.clusterIPs) ? [invalid(path, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP")] : []),
    ...(isReduced(families, old.spec.ipFamilies) ? [invalid(path, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family")] : []),
  ];
}

function checkPolicy({ spec }: Service): FieldError[] {
  if (spec.ipFamilyPolicy !== "SingleStack") return [];
  const path = SPEC.child("ipFamilyPolicy");
  const must = "must be 'RequireDualStack' or 'PreferDualStack' when multiple";
  return [
    ...((spec.clusterIPs ?? []).length === 2 ? [invalid(path, spec.ipFamilyPolicy, `${must} cluster IPs are specified`)] : []),
    ...((spec.ipFamilies ?? []).length === 2 ? [invalid(path, spec.ipFamilyPolicy, `${must} IP families are specified`)] : []),
  ];
}

/** An address tells its family where none is given. */
function inferFamilies({ spec }: MutableService, configured: readonly IpFamily[]): FieldError[] {
  const errors: FieldError[] = [];
  const addresses = spec.clusterIPs ?? [];
  for (const [position, address] of addresses.entries()) {
    const families = spec.ipFamilies ?? [];
    if (address === "None" || position < families.length) continue;
    const family = ipFamilyOf(address);
    if (configured.includes(family)) spec.ipFamilies = [...families, family];
    else errors.push(invalid(SPEC.child("clusterIPs").index(position), addresses, `${family} is not configured on this cluster`));
  }
  return errors;
}

function checkConfigured({ spec }: Service, configured: readonly IpFamily[]): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.ipFamilyPolicy === "RequireDualStack" && configured.length < 2)
    errors.push(invalid(SPEC.child("ipFamilyPolicy"), spec.ipFamilyPolicy, "this cluster is not configured for dual-stack services"));
  for (const [position, family] of (spec.ipFamilies ?? []).entries())
    if (!configured.some((known) => known === family)) errors.push(invalid(SPEC.child("ipFamilies").index(position), family, "not configured on this cluster"));
  return errors;
}

function addOther({ spec }: MutableService): void {
  const [first, second] = spec.ipFamilies ?? [];
  if (first !== undefined && second === undefined) spec.ipFamilies = [first, OTHER[first as IpFamily]];
}

function same(one: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
  return JSON.stringify(one ?? []) === JSON.stringify(other ?? []);
}
