// What a cluster was asked to be. `kubets start` keeps it in the data folder, so that the next start needs no flags.

export type RuntimeChoice = "containerd" | "simulated";

export interface ClusterOptions {
  readonly dataDir: string;
  readonly nodeName: string;
  readonly runtime: RuntimeChoice;
  /** Port of the API server on all addresses. */
  readonly apiPort: number;
  /** The node's address; absent: found at start. */
  readonly nodeIp?: string;
  readonly serviceCidr: string;
  readonly podCidr: string;
  readonly clusterDomain: string;
  /** `from-to`. */
  readonly serviceNodePortRange: string;
}

export const DEFAULT_OPTIONS = {
  runtime: "containerd",
  apiPort: 6443,
  serviceCidr: "10.96.0.0/16",
  podCidr: "10.244.0.0/16",
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
  const range = /^(\d+)-(\d+)$/.exec(options.serviceNodePortRange);
  if (range === null || Number(range[1]) < 1 || Number(range[1]) > Number(range[2]) || Number(range[2]) > 65535)
    throw new OptionsError(`--service-node-port-range must be two ports such as 30000-32767, not "${options.serviceNodePortRange}"`);
}
