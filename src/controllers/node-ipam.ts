// Gives every node its own ranges of pod addresses out of the cluster's, one of each address family: spec.podCIDRs
// (https://kubernetes.io/docs/concepts/cluster-administration/networking/).
import { addressAt, cidrContains, type Node, nodes, parseCidr } from "../api/index.ts";
import { assert, present } from "../base/index.ts";
import { type Controller, reconcilingController } from "./controller.ts";

export interface NodeIpamOptions {
  /** The cluster's pod addresses: one range, or one of each family, the default one first. */
  readonly clusterCidrs: readonly string[];
  /** Prefix length of a node's IPv4 range. Default 24. */
  readonly maskSizeIPv4?: number;
  /** Prefix length of a node's IPv6 range. Default 64. */
  readonly maskSizeIPv6?: number;
}

const DEFAULT_MASK_SIZE = { 4: 24, 6: 64 } as const;
/** A range of one cluster is not cut into more pieces than this (upstream's limit, a shift of 16 bits). */
const LARGEST_CUT_BITS = 16;

/** A cluster's range and how it is cut. */
export interface PodRange {
  readonly cidr: string;
  readonly maskSize: number;
}

/** Throws when a range cannot be cut into ranges for nodes. */
export function podRanges({ clusterCidrs, maskSizeIPv4 = DEFAULT_MASK_SIZE[4], maskSizeIPv6 = DEFAULT_MASK_SIZE[6] }: NodeIpamOptions): PodRange[] {
  return clusterCidrs.map((cidr) => {
    const { address, prefixLength } = present(parseCidr(cidr), `the cluster's pod network ${cidr}`);
    const maskSize = address.family === 4 ? maskSizeIPv4 : maskSizeIPv6;
    const bits = maskSize - prefixLength;
    assert(bits >= 0 && bits <= LARGEST_CUT_BITS, `the cluster's pod network ${cidr} can be cut into ranges of /${maskSize}`);
    return { cidr, maskSize };
  });
}

/** The first piece of a range that none of `taken` touches; undefined when there is none left. */
export function nextPodCidr({ cidr, maskSize }: PodRange, taken: readonly string[]): string | undefined {
  const { address, prefixLength } = present(parseCidr(cidr), `range ${cidr}`);
  const used = taken.map(parseCidr).filter((other) => other !== undefined && other.address.family === address.family && other.prefixLength !== maskSize);
  const exact = new Set(taken);
  for (let number = 0; number < 2 ** (maskSize - prefixLength); number++) {
    const piece = `${addressAt(cidr, number, maskSize)}/${maskSize}`;
    if (exact.has(piece)) continue;
    const parsed = present(parseCidr(piece), `range ${piece}`);
    if (!used.some((other) => other !== undefined && (cidrContains(other, parsed.address) || cidrContains(parsed, other.address)))) return piece;
  }
  return undefined;
}

function rangesOf(node: Node): readonly string[] {
  return node.spec.podCIDRs ?? (node.spec.podCIDR === undefined || node.spec.podCIDR === "" ? [] : [node.spec.podCIDR]);
}

export function nodeIpamController(options: NodeIpamOptions): Controller {
  const ranges = podRanges(options);
  /** Ranges that were given out and may not show in the cache yet, by node. */
  const given = new Map<string, readonly string[]>();
  return reconcilingController<Node>("node-ipam", {
    for: nodes,
    // One at a time: two nodes must not get one range.
    workers: 1,
    relevant: (node, old) => rangesOf(node).length !== rangesOf(old).length,
    reconcile: async (key, caches, { client, recorder }) => {
      const node = caches.of(nodes).get(key);
      if (node === undefined || node.metadata.deletionTimestamp !== undefined || rangesOf(node).length > 0) {
        given.delete(key);
        return;
      }
      const taken = [...caches.of(nodes).list().flatMap(rangesOf), ...[...given.values()].flat()];
      const pieces = given.get(key) ?? ranges.map((range) => nextPodCidr(range, taken)).filter((piece) => piece !== undefined);
      if (pieces.length < ranges.length) {
        recorder.event(node, "Normal", "CIDRNotAvailable", `Node ${key} status is now: CIDRNotAvailable`);
        throw new Error(`no pod address range is left in ${options.clusterCidrs.join()} for node ${key}`);
      }
      given.set(key, pieces);
      const { uid = "" } = node.metadata;
      await client.patch(nodes, { name: key }, { type: "strategic", body: { metadata: { uid }, spec: { podCIDR: pieces[0] ?? "", podCIDRs: [...pieces] } } });
    },
  });
}
