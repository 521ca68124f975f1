// Gives every node its own range of pod addresses out of the cluster's: spec.podCIDR
// (https://kubernetes.io/docs/concepts/cluster-administration/networking/). IPv4, a /24 a node.
import { type Node, nodes } from "../api/index.ts";
import { assert } from "../base/index.ts";
import { type Controller, reconcilingController } from "./controller.ts";

const NODE_PREFIX = 24;

/** The first range that no node has; undefined when all are taken. */
export function nextPodCidr(clusterCidr: string, taken: ReadonlySet<string>): string | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(clusterCidr);
  assert(match !== null, `the cluster's pod network "${clusterCidr}" is an IPv4 range`);
  const prefix = Number(match[5]);
  assert(prefix <= NODE_PREFIX, `the cluster's pod network "${clusterCidr}" holds at least one /${NODE_PREFIX}`);
  const [a = 0, b = 0, c = 0] = match.slice(1, 4).map(Number);
  const first = (((a << 16) | (b << 8) | c) >>> (NODE_PREFIX - prefix)) << (NODE_PREFIX - prefix);
  for (let number = 0; number < 2 ** (NODE_PREFIX - prefix); number++) {
    const value = first + number;
    const cidr = `${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}.0/${NODE_PREFIX}`;
    if (!taken.has(cidr)) return cidr;
  }
  return undefined;
}

function rangesOf(node: Node): readonly string[] {
  return node.spec.podCIDRs ?? (node.spec.podCIDR === undefined ? [] : [node.spec.podCIDR]);
}

export function nodeIpamController(clusterCidr: string): Controller {
  /** Ranges that were given out and may not show in the cache yet, by node. */
  const given = new Map<string, string>();
  return reconcilingController<Node>("node-ipam", {
    for: nodes,
    // One at a time: two nodes must not get one range.
    workers: 1,
    relevant: (node, old) => rangesOf(node).length !== rangesOf(old).length,
    reconcile: async (key, caches, { client, recorder }) => {
      const node = caches.of(nodes).get(key);
      if (node === undefined || node.metadata.deletionTimestamp !== undefined) {
        given.delete(key);
        return;
      }
      if (rangesOf(node).length > 0) {
        given.delete(key);
        return;
      }
      const taken = new Set([...caches.of(nodes).list().flatMap(rangesOf), ...given.values()]);
      const podCIDR = given.get(key) ?? nextPodCidr(clusterCidr, taken);
      if (podCIDR === undefined) {
        recorder.event(node, "Normal", "CIDRNotAvailable", `Node ${key} status is now: CIDRNotAvailable`);
        throw new Error(`no pod address range is left in ${clusterCidr} for node ${key}`);
      }
      given.set(key, podCIDR);
      const { uid = "" } = node.metadata;
      await client.patch(nodes, { name: key }, { type: "strategic", body: { metadata: { uid }, spec: { podCIDR, podCIDRs: [podCIDR] } } });
    },
  });
}
