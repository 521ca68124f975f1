// Guards the ranges that services get addresses from: a ServiceCIDR in use stays until its addresses are gone, or another range
// has them too (https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/, KEP-1880).
import { type Cidr, cidrContains, type IPAddress, ipAddresses, parseCidr, parseIp, type ServiceCIDR, serviceCIDRs } from "../api/index.ts";
import { formatTime, parseTime } from "../base/index.ts";
import { type Action, nothing, type Plan, update, updateStatus } from "./action.ts";
import { type Caches, type Controller, controller, wake } from "./controller.ts";

const FINALIZER = "networking.k8s.io/service-cidr-finalizer";
const MANAGED_BY_LABEL = "ipaddress.kubernetes.io/managed-by";
const ALLOCATOR = "ipallocator.k8s.io";
/** API servers go on allocating from a range until they have seen that it is being deleted. */
const GRACE_MS = 10_000;

export interface ObservedServiceCidr {
  readonly range: ServiceCIDR;
  /** All ranges, this one among them. */
  readonly ranges: readonly ServiceCIDR[];
  readonly addresses: readonly IPAddress[];
}

export function planServiceCidr(observed: ObservedServiceCidr, nowMs: number): Plan {
  const { range } = observed;
  const { finalizers = [], deletionTimestamp } = range.metadata;
  if (deletionTimestamp === undefined) {
    const actions: Action[] = [];
    if (!finalizers.includes(FINALIZER)) {
      // The condition follows when this change is seen: one write at a time.
      actions.push(update(serviceCIDRs, { ...range, metadata: { ...range.metadata, finalizers: [...finalizers, FINALIZER] } }));
      return { actions };
    }
    return condition(range, nowMs, { status: "True", reason: "", message: "Kubernetes Service CIDR is ready" });
  }
  if (!finalizers.includes(FINALIZER)) return nothing;
  if (!isDispensable(observed)) {
    const message = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";
    return condition(range, nowMs, { status: "False", reason: "Terminating", message });
  }
  const waitMs = (parseTime(deletionTimestamp) ?? nowMs) + GRACE_MS - nowMs;
  if (waitMs > 0) return { actions: [], requeueAfterMs: waitMs };
  return { actions: [update(serviceCIDRs, { ...range, metadata: { ...range.metadata, finalizers: finalizers.filter((name) => name !== FINALIZER) } })] };
}

function condition(range: ServiceCIDR, nowMs: number, wanted: { status: string; reason: string; message: string }): Plan {
  const others = (range.status?.conditions ?? []).filter(({ type }) => type !== "Ready");
  const before = range.status?.conditions?.find(({ type }) => type === "Ready");
  if (before !== undefined && before.status === wanted.status && before.reason === wanted.reason) return nothing;
  const ready = { type: "Ready", ...wanted, lastTransitionTime: formatTime(nowMs) };
  return { actions: [updateStatus(serviceCIDRs, { ...range, status: { ...range.status, conditions: [...others, ready] } })] };
}

/** Another range holds each of its ranges, or at least each address that was given out of them. */
function isDispensable({ range, ranges, addresses }: ObservedServiceCidr): boolean {
  const own = cidrsOf(range);
  const others = ranges.filter(({ metadata }) => metadata.name !== range.metadata.name).flatMap(cidrsOf);
  const isCovered = (cidr: Cidr): boolean => others.some((other) => other.prefixLength <= cidr.prefixLength && cidrContains(other, cidr.address));
  if (own.every(isCovered)) return true;
  return addresses.every(({ metadata }) => {
    const address = metadata.labels?.[MANAGED_BY_LABEL] === ALLOCATOR ? parseIp(metadata.name) : undefined;
    const holds = (cidr: Cidr): boolean => address !== undefined && cidrContains(cidr, address);
    return !own.some(holds) || others.some(holds);
  });
}

function cidrsOf({ spec }: ServiceCIDR): Cidr[] {
  return (spec?.cidrs ?? []).map(parseCidr).filter((cidr) => cidr !== undefined);
}

const goingAway = (caches: Caches): string[] =>
  caches
    .of(serviceCIDRs)
    .list()
    .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    .map(({ metadata }) => metadata.name);

export const serviceCidrController: Controller = controller<ServiceCIDR, ObservedServiceCidr>("service-cidr", {
  for: serviceCIDRs,
  workers: 1,
  // What another range or an address does matters only to ranges that are about to go.
  wakes: [wake(serviceCIDRs, (_range, caches) => goingAway(caches)), wake(ipAddresses, (_address, caches) => goingAway(caches))],
  observe: (key, caches) => {
    const range = caches.of(serviceCIDRs).get(key);
    return range === undefined ? undefined : { range, ranges: caches.of(serviceCIDRs).list(), addresses: caches.of(ipAddresses).list() };
  },
  plan: planServiceCidr,
});
