// A node that shares this machine with the cluster's first one: what is kept about it, and where.
import { addressAt, checkDnsSubdomain, ipFamilyOf, parseCidr } from "../../api/index.ts";
import type { ClusterPaths } from "../data-folder.ts";
import { type ClusterOptions, type NodeOptions, OptionsError, splitRanges } from "../options.ts";

/** Kept on the node's disk, where the node's own processes read it too. */
export interface NodeRecord {
  readonly name: string;
  /** Its place among the nodes of this machine, from 2: the last part of its addresses, and the name of its link. */
  readonly number: number;
  /** One of each family of the cluster, the default one first. */
  readonly addresses: readonly string[];
  /** The API server as nodes reach it: `https://host:port`. */
  readonly server: string;
  /** What was asked for this node; the rest of its options is the cluster's. */
  readonly own: OwnOptions;
  readonly options: NodeOptions;
}

export type OwnOptions = Pick<NodeOptions, "nodeName" | "nodeLabels" | "registerWithTaints" | "maxPods">;

export interface NodePaths {
  /** The node's disk: what is the data folder in the node. */
  readonly folder: string;
  readonly record: string;
  /** The script of the node's first process; not on its disk, where the node could put something else in its place. */
  readonly init: string;
  readonly log: string;
  /** The process id of the node's first process, as this machine counts them. */
  readonly pid: string;
  readonly loadedImages: string;
  /** How the node introduces itself, and who it is from then on. */
  readonly bootstrapKubeconfig: string;
  readonly kubeconfig: string;
  readonly resolvConf: string;
  readonly cgroup: string;
}

/** The first node is number 1, and the machine has its address. */
export const FIRST_NUMBER = 2;

export function nodesFolder(paths: ClusterPaths): string {
  return `${paths.data}/nodes`;
}

export function nodePaths(paths: ClusterPaths, name: string): NodePaths {
  const folder = `${nodesFolder(paths)}/${name}`;
  return { ...pathsOnDisk(folder), folder, pid: `${paths.run}/nodes/${name}.pid`, init: `${paths.run}/nodes/${name}.init`, cgroup: nodeCgroup(paths, name) };
}

/** The same files, on the disk as this machine or the node itself sees it. */
export function pathsOnDisk(folder: string) {
  return {
    record: `${folder}/node.json`,
    log: `${folder}/kubets.log`,
    loadedImages: `${folder}/loaded-images`,
    bootstrapKubeconfig: `${folder}/bootstrap-kubelet.conf`,
    kubeconfig: `${folder}/kubelet.conf`,
    resolvConf: `${folder}/resolv.conf`,
  };
}

export function nodeCgroup(paths: ClusterPaths, name: string): string {
  return `${paths.cgroup}/nodes/${name}`;
}

/** Those of the families that the cluster has, in its order. */
export function nodeRanges({ nodeNetworkCidr, podCidr }: ClusterOptions): readonly string[] {
  const ranges = splitRanges(nodeNetworkCidr);
  return splitRanges(podCidr).flatMap((pods) => ranges.find((range) => ipFamilyOf(range) === ipFamilyOf(pods)) ?? []);
}

/** The machine's own addresses towards its nodes, the default family's first. */
export function machineAddresses(options: ClusterOptions): readonly string[] {
  return nodeRanges(options).map((range) => addressAt(range, 1));
}

/** Those of the node with that number. */
export function nodeAddresses(cluster: ClusterOptions, number: number): readonly string[] {
  return nodeRanges(cluster).map((range) => addressAt(range, number));
}

/** The last number that every range has an address for. */
export function lastNumber(options: ClusterOptions): number {
  const bits = nodeRanges(options).map((range) => {
    const cidr = parseCidr(range);
    return cidr === undefined ? 0 : cidr.address.bytes.length * 8 - cidr.prefixLength;
  });
  return Math.min(2 ** Math.min(...bits) - 2, 9999);
}

/** Of the cluster's own options a further node takes what concerns every node, and `own` for what concerns it alone. */
export function nodeRecord(cluster: ClusterOptions, number: number, own: OwnOptions): NodeRecord {
  const { runtime, serviceCidr, podCidr, clusterDomain, kubeletConfig, maxPods, apiPort } = cluster;
  const [host = ""] = machineAddresses(cluster);
  return {
    name: own.nodeName,
    number,
    addresses: nodeAddresses(cluster, number),
    server: `https://${host.includes(":") ? `[${host}]` : host}:${apiPort}`,
    own,
    options: { runtime, serviceCidr, podCidr, clusterDomain, kubeletConfig, maxPods, ...own },
  };
}

/** A node's name is a host name and a label's value. Throws `OptionsError`. */
export function checkNodeName(name: string): void {
  if (!isNodeName(name)) throw new OptionsError(`a node's name must be a host name of up to 63 lower-case letters, digits, '-' and '.', not "${name}"`);
}

export function isNodeName(name: string): boolean {
  return name.length <= 63 && checkDnsSubdomain(name).length === 0;
}

/** What `--nodes` calls the nodes that it makes: the first one's name and a number. */
export function nextName(firstNode: string, taken: ReadonlySet<string>): string {
  for (let number = FIRST_NUMBER; ; number++) if (!taken.has(`${firstNode}-${number}`)) return `${firstNode}-${number}`;
}
