// The pod network as a pure function of the nodes: each node bridges its pods in its own pod CIDR, and reaches the pods of
// another node by a route to that node's address (https://kubernetes.io/docs/concepts/cluster-administration/networking/).
import { addressAt, type Node } from "../api/index.ts";

export interface Route {
  /** The other node's pod CIDR. */
  readonly destination: string;
  /** The other node's address. */
  readonly via: string;
}

export interface NetworkPlan {
  readonly podCidr: string;
  /** First address of the pod CIDR: the bridge's, and the pods' way out. */
  readonly gateway: string;
  readonly prefixLength: number;
  /** Ordered by destination. */
  readonly routes: readonly Route[];
}

/** Undefined until the node has been given its pod CIDR. */
export function planNetwork(nodeName: string, nodes: readonly Node[]): NetworkPlan | undefined {
  const own = nodes.find(({ metadata }) => metadata.name === nodeName);
  const podCidr = own === undefined ? undefined : ipv4PodCidr(own);
  if (podCidr === undefined) return undefined;
  const [, prefix = ""] = podCidr.split("/");
  const ownAddress = own === undefined ? undefined : internalAddress(own);
  const routes = nodes
    .filter((node) => node !== own)
    .flatMap((node) => {
      const destination = ipv4PodCidr(node);
      const via = internalAddress(node);
      // A machine that changed its name has left a node behind: no way leads there.
      return destination === undefined || via === undefined || via === ownAddress ? [] : [{ destination, via }];
    })
    .sort((a, b) => (a.destination < b.destination ? -1 : 1));
  return { podCidr, gateway: addressAt(podCidr, 1), prefixLength: Number(prefix), routes };
}

function ipv4PodCidr({ spec }: Node): string | undefined {
  const all = spec.podCIDRs ?? (spec.podCIDR === undefined || spec.podCIDR === "" ? [] : [spec.podCIDR]);
  return all.find((cidr) => cidr.includes(".") && cidr.includes("/"));
}

function internalAddress(node: Node): string | undefined {
  return node.status?.addresses?.find(({ type, address }) => type === "InternalIP" && address.includes("."))?.address;
}
