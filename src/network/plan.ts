// The pod network as a pure function of the nodes: each node bridges its pods in its own pod CIDRs, and reaches the pods of
// another node by routes to that node's addresses (https://kubernetes.io/docs/concepts/cluster-administration/networking/).
import { addressAt, ipFamilyOf, type Node } from "../api/index.ts";

export interface Route {
  /** The other node's pod CIDR. */
  readonly destination: string;
  /** The other node's address. */
  readonly via: string;
}

/** Addresses of one family for the pods of this node. */
export interface PodNetwork {
  readonly podCidr: string;
  /** First address of the pod CIDR: the bridge's, and the pods' way out. */
  readonly gateway: string;
  readonly prefixLength: number;
}

export interface NetworkPlan {
  /** One of each address family, the default one first. */
  readonly networks: readonly PodNetwork[];
  /** Ordered by destination. */
  readonly routes: readonly Route[];
}

/** Undefined until the node has been given its pod CIDRs. */
export function planNetwork(nodeName: string, nodes: readonly Node[]): NetworkPlan | undefined {
  const own = nodes.find(({ metadata }) => metadata.name === nodeName);
  const podCidrs = own === undefined ? [] : podCidrsOf(own);
  if (own === undefined || podCidrs.length === 0) return undefined;
  const routes = nodes
    .filter((node) => node !== own)
    .flatMap((node) => routesTo(node, own))
    .sort((a, b) => (a.destination < b.destination ? -1 : 1));
  const networks = podCidrs.map((podCidr) => ({ podCidr, gateway: addressAt(podCidr, 1), prefixLength: Number(podCidr.split("/")[1]) }));
  return { networks, routes };
}

function routesTo(node: Node, own: Node): Route[] {
  return podCidrsOf(node).flatMap((destination) => {
    const via = internalAddress(node, ipFamilyOf(destination));
    // A machine that changed its name has left a node behind: no way leads there.
    return via === undefined || via === internalAddress(own, ipFamilyOf(destination)) ? [] : [{ destination, via }];
  });
}

function podCidrsOf({ spec }: Node): readonly string[] {
  const all = spec.podCIDRs ?? [spec.podCIDR ?? ""];
  return all.filter((cidr) => cidr.includes("/"));
}

function internalAddress(node: Node, family: "IPv4" | "IPv6"): string | undefined {
  return node.status?.addresses?.find(({ type, address }) => type === "InternalIP" && ipFamilyOf(address) === family)?.address;
}
