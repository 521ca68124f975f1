// The /etc/hosts that the kubelet gives to containers, and the host name of a pod
// (https://kubernetes.io/docs/tasks/network/customize-hosts-file-for-pods/).
import type { HostAlias, Pod } from "../../api/index.ts";
import { podName, podNamespace } from "../pods/pod-spec.ts";

export const HOSTS_PATH = "/etc/hosts";
const MAX_HOSTNAME = 63;
const HEADER = "# Kubernetes-managed hosts file.\n";
const HOST_NETWORK_HEADER = "# Kubernetes-managed hosts file (host network).\n";
const LOCAL_NAMES = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "fe00::0\tip6-mcastprefix",
  "fe00::1\tip6-allnodes",
  "fe00::2\tip6-allrouters",
];

export interface PodHostname {
  /** Without domain. */
  readonly hostname: string;
  /** `sub.namespace.svc.cluster.local`, or empty. */
  readonly domain: string;
}

export function podHostname(pod: Pod, clusterDomain: string): PodHostname {
  const { hostnameOverride, hostname = "", subdomain = "" } = pod.spec;
  if (hostnameOverride !== undefined) return { hostname: cut(hostnameOverride), domain: "" };
  return {
    hostname: cut(hostname === "" ? podName(pod) : hostname),
    domain: subdomain === "" ? "" : `${subdomain}.${podNamespace(pod)}.svc.${clusterDomain}`,
  };
}

/** Of the kernel: with setHostnameAsFQDN the full name. */
export function kernelHostname(pod: Pod, { hostname, domain }: PodHostname): string {
  if (pod.spec.setHostnameAsFQDN !== true || domain === "") return hostname;
  const full = `${hostname}.${domain}`;
  if (full.length > 64)
    throw new Error(
      `Failed to construct FQDN from Pod hostname and cluster domain, FQDN ${full} is too long (64 characters is the max, ${full.length} characters requested)`,
    );
  return full;
}

function cut(hostname: string): string {
  return hostname.length <= MAX_HOSTNAME ? hostname : hostname.slice(0, MAX_HOSTNAME).replace(/[-.]+$/, "");
}

export function hostsFile(podIps: readonly string[], { hostname, domain }: PodHostname, aliases: readonly HostAlias[]): string {
  const names = domain === "" ? hostname : `${hostname}.${domain}\t${hostname}`;
  const lines = [...LOCAL_NAMES, ...podIps.map((ip) => `${ip}\t${names}`)];
  return `${HEADER}${lines.join("\n")}\n${aliasLines(aliases)}`;
}

export function hostNetworkHostsFile(nodeHosts: string, aliases: readonly HostAlias[]): string {
  return `${HOST_NETWORK_HEADER}${nodeHosts}${aliasLines(aliases)}`;
}

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return "";
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join("\t")}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join("")}`;
}
