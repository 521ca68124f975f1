// What a cluster was asked to be. `kubets start` keeps it in the data folder, so that the next start needs no flags.

import type { Taint } from "../api/index.ts";
import { cidrContains, parseCidr, parseIp } from "../api/index.ts";

export type RuntimeChoice = "containerd" | "simulated";

/** What a node is to be, and what it must know of the cluster. */
export interface NodeOptions {
  readonly nodeName: string;
  readonly runtime: RuntimeChoice;
  /** Addresses of services: a range, or one of each family, with a comma. The first one's family is the default. */
  readonly serviceCidr: string;
  /** Addresses of pods: ranges of the same families. */
  readonly podCidr: string;
  readonly clusterDomain: string;
  /** A KubeletConfiguration file, read at each start. */
  readonly kubeletConfig?: string;
  /** A folder of static pods; absent: one in the data folder. */
  readonly podManifestPath?: string;
  readonly maxPods?: number;
  readonly nodeLabels?: Readonly<Record<string, string>>;
  /** Only when the node is new. */
  readonly registerWithTaints?: readonly Taint[];
}

/** The cluster, and its first node. */
export interface ClusterOptions extends NodeOptions {
  readonly dataDir: string;
  /** Port of the API server on all addresses. */
  readonly apiPort: number;
  /** Where the store is served to etcd's tools, on loopback; absent or 0: nowhere. */
  readonly etcdPort?: number;
  /** The node's address, or one of each family, with a comma; absent: found at start. */
  readonly nodeIp?: string;
  /** Prefix lengths of a node's piece of the pods' ranges. */
  readonly nodeCidrMaskSizeIpv4: number;
  readonly nodeCidrMaskSizeIpv6: number;
  /** Addresses of nodes that share this machine: a range, or one of each family, with a comma; those of the pods' families are used. */
  readonly nodeNetworkCidr: string;
  /** `from-to`. */
  readonly serviceNodePortRange: string;
  /** Path of a KubeSchedulerConfiguration, read at every start; absent: kube-scheduler's defaults. */
  readonly schedulerConfig?: string;
}

export const DEFAULT_OPTIONS = {
  runtime: "containerd",
  apiPort: 6443,
  serviceCidr: "10.96.0.0/16",
  podCidr: "10.244.0.0/16",
  nodeCidrMaskSizeIpv4: 24,
  nodeCidrMaskSizeIpv6: 64,
  nodeNetworkCidr: "10.245.0.0/24,fd6b:7562:6574:73::/64",
  clusterDomain: "cluster.local",
  serviceNodePortRange: "30000-32767",
} as const satisfies Partial<ClusterOptions>;

export class OptionsError extends Error {
  override readonly name = "OptionsError";
}

/** Throws `OptionsError` for what cannot be; the text names the flag and what would be right. */
export function checkOptions(options: ClusterOptions): void {
  if (!options.dataDir.startsWith("/")) throw new OptionsError(`--data-dir must be an absolute path, not "${options.dataDir}"`);
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(options.nodeName))
    throw new OptionsError(`--node-name must be lower-case letters, digits, '-' and '.', not "${options.nodeName}"`);
  if (!Number.isInteger(options.apiPort) || options.apiPort < 1 || options.apiPort > 65535)
    throw new OptionsError(`--api-port must be from 1 to 65535, not "${options.apiPort}"`);
  const { etcdPort = 0, apiPort } = options;
  if (!Number.isInteger(etcdPort) || etcdPort < 0 || etcdPort > 65535 || etcdPort === apiPort)
    throw new OptionsError(`--etcd-port must be from 1 to 65535, another one than the API server's, or 0 for none, not "${etcdPort}"`);
  if (options.maxPods !== undefined && !(Number.isInteger(options.maxPods) && options.maxPods > 0))
    throw new OptionsError(`--max-pods must be a whole number above 0, not "${options.maxPods}"`);
  const range = /^(\d+)-(\d+)$/.exec(options.serviceNodePortRange);
  checkAddresses(options);
  if (range === null || Number(range[1]) < 1 || Number(range[1]) > Number(range[2]) || Number(range[2]) > 65535)
    throw new OptionsError(`--service-node-port-range must be two ports such as 30000-32767, not "${options.serviceNodePortRange}"`);
}

/** Most bits between the prefix of the pods' range and that of a node's piece. */
const LARGEST_CUT_BITS = 16;
/** Fewest and most bits that a range of services may leave for addresses. */
const SERVICE_BITS = [3, 64] as const;

function checkAddresses(options: ClusterOptions): void {
  const services = rangesOf("--service-cidr", options.serviceCidr);
  const pods = rangesOf("--pod-network-cidr", options.podCidr);
  for (const { text, address, prefixLength } of services) {
    const bits = address.bytes.length * 8 - prefixLength;
    if (bits < SERVICE_BITS[0] || bits > SERVICE_BITS[1]) throw new OptionsError(`--service-cidr ${text} is too ${bits < SERVICE_BITS[0] ? "small" : "large"}`);
  }
  for (const { text, address, prefixLength } of pods) {
    const [flag, mask] =
      address.family === 4
        ? (["--node-cidr-mask-size-ipv4", options.nodeCidrMaskSizeIpv4] as const)
        : (["--node-cidr-mask-size-ipv6", options.nodeCidrMaskSizeIpv6] as const);
    const longest = address.family === 4 ? 30 : 126;
    if (!Number.isInteger(mask) || mask < prefixLength || mask - prefixLength > LARGEST_CUT_BITS || mask > longest)
      throw new OptionsError(
        `${flag} must be from ${prefixLength} to ${Math.min(longest, prefixLength + LARGEST_CUT_BITS)} for the pods' range ${text}, not "${mask}"`,
      );
  }
  const families = (ranges: typeof services): string => ranges.map(({ address }) => `IPv${address.family}`).join();
  if (families(services) !== families(pods))
    throw new OptionsError(`--service-cidr (${families(services)}) and --pod-network-cidr (${families(pods)}) must be of the same families in the same order`);
  for (const address of options.nodeIp?.split(",") ?? [])
    if (parseIp(address) === undefined) throw new OptionsError(`--node-ip must be an address, or one of each family, not "${options.nodeIp}"`);
}

/** For a cluster that has, or is to have, further nodes on its machine. Throws `OptionsError`. */
export function checkNodeNetwork(options: ClusterOptions): void {
  const [pods, services] = [rangesOf("--pod-network-cidr", options.podCidr), rangesOf("--service-cidr", options.serviceCidr)];
  const nodes = rangesOf("--node-network-cidr", options.nodeNetworkCidr);
  for (const range of nodes) {
    const other = [...services, ...pods].find(({ address, prefixLength }) =>
      prefixLength < range.prefixLength ? cidrContains({ address, prefixLength }, range.address) : cidrContains(range, address),
    );
    if (other !== undefined) throw new OptionsError(`--node-network-cidr ${range.text} overlaps with ${other.text}, which is for pods or services`);
  }
  const uncovered = pods.find(({ address }) => !nodes.some((range) => range.address.family === address.family));
  if (uncovered !== undefined)
    throw new OptionsError(`--node-network-cidr ${options.nodeNetworkCidr} has no range of the pods' family IPv${uncovered.address.family}`);
}

function rangesOf(flag: string, value: string) {
  const ranges = splitRanges(value).map((text) => ({ text, cidr: parseCidr(text) }));
  return ranges.map(({ text, cidr }, position) => {
    const isSecondOfFamily = ranges.slice(0, position).some((other) => other.cidr?.address.family === cidr?.address.family);
    if (cidr === undefined || cidr.problem !== undefined || isSecondOfFamily)
      throw new OptionsError(`${flag} must be a range such as 10.0.0.0/16, or one of each family with a comma, not "${value}"`);
    return { text, ...cidr };
  });
}

/** `a,b` as a list: one range of each address family. */
export function splitRanges(value: string): readonly string[] {
  return value.split(",").map((text) => text.trim());
}
