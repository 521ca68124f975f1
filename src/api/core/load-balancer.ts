// The load balancer that a cluster has of its own: every node answers for a service of type LoadBalancer on the service's ports.
// The proxy of each node and the service-lb controller meet in what stands here.
import type { Node, Service } from "../generated/types.ts";

/** The `loadBalancerClass` that asks for it by name; services without a class get it as well. */
export const OWN_LOAD_BALANCER_CLASS = "kubets.io/service-lb";
/**
 * On a node: the services that it answers for, as `default/web,default/dns`. Absent: nobody guards the node's ports (a
 * simulated node), all of them are free.
 */
const ANNOTATION = "kubets.io/load-balancers";

/** Services of other classes are their own controllers' business. */
export function wantsOwnLoadBalancer({ spec, metadata }: Service): boolean {
  const { type, loadBalancerClass = OWN_LOAD_BALANCER_CLASS } = spec;
  return type === "LoadBalancer" && loadBalancerClass === OWN_LOAD_BALANCER_CLASS && metadata.deletionTimestamp === undefined;
}

/** As `TCP/80`. */
export function servicePortNames({ spec }: Service): string[] {
  return (spec.ports ?? []).map(({ protocol = "TCP", port }) => `${protocol}/${port}`);
}

/** The keys of the services; undefined: the node does not say. */
export function loadBalancersOf({ metadata }: Node): ReadonlySet<string> | undefined {
  const text = metadata.annotations?.[ANNOTATION];
  return text === undefined ? undefined : new Set(text.split(",").filter((key) => key !== ""));
}

/** A merge patch that publishes them. */
export function loadBalancersPatch(keys: readonly string[]) {
  return { metadata: { annotations: { [ANNOTATION]: keys.join(",") } } };
}
