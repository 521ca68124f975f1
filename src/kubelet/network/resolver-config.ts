// The resolver configuration of a pod, by its dnsPolicy and dnsConfig
// (https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy).
import type { Pod } from "../../api/index.ts";
import { isHostNetwork, podNamespace } from "../pods/pod-spec.ts";
import type { PodSandboxConfig } from "../runtime/runtime.ts";

export type ResolverConfig = NonNullable<PodSandboxConfig["dns"]>;

export interface ClusterDnsFacts {
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** The node's resolv.conf. */
  readonly resolvConf: string;
}

export interface ResolverResult {
  readonly config: ResolverConfig;
  /** What had to be left out, for an event DNSConfigForming. */
  readonly warnings: readonly string[];
}

const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2048;
const MAX_DOMAIN = 253;

export function resolverConfig(pod: Pod, facts: ClusterDnsFacts): ResolverResult {
  const { dnsPolicy = "ClusterFirst", dnsConfig } = pod.spec;
  const host = parseResolvConf(facts.resolvConf);
  const usesCluster = dnsPolicy === "ClusterFirstWithHostNet" || (dnsPolicy === "ClusterFirst" && !isHostNetwork(pod));
  const { clusterDomain: domain } = facts;
  let base: ResolverConfig = host;
  if (dnsPolicy === "None") base = { servers: [], searches: [], options: [] };
  else if (usesCluster && facts.clusterDns.length > 0) {
    const cluster = domain === "" ? [] : [`${podNamespace(pod)}.svc.${domain}`, `svc.${domain}`, domain];
    base = { servers: facts.clusterDns, searches: [...cluster, ...host.searches], options: ["ndots:5"] };
  }
  return withinLimits({
    servers: unique([...base.servers, ...(dnsConfig?.nameservers ?? [])]),
    searches: unique([...base.searches, ...(dnsConfig?.searches ?? [])]),
    options: mergeOptions(
      base.options,
      (dnsConfig?.options ?? []).map(({ name = "", value }) => (value === undefined ? name : `${name}:${value}`)),
    ),
  });
}

export function parseResolvConf(text: string): ResolverConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === "nameserver" && values[0] !== undefined) servers.push(values[0]);
    else if (keyword === "search") searches = values.filter((value) => value !== ".").map((value) => value.replace(/\.$/, ""));
    else if (keyword === "options") options = mergeOptions(options, values);
  }
  return { servers, searches, options };
}

/** Later values of an option replace earlier ones. */
function mergeOptions(base: readonly string[], more: readonly string[]): readonly string[] {
  const merged = new Map<string, string>();
  for (const option of [...base, ...more]) merged.set(option.split(":")[0] ?? option, option);
  return [...merged.values()];
}

function withinLimits(config: ResolverConfig): ResolverResult {
  const warnings: string[] = [];
  const servers = config.servers.slice(0, MAX_SERVERS);
  if (servers.length < config.servers.length) {
    warnings.push(`Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers.join(" ")}`);
  }
  const searches = config.searches.slice(0, MAX_SEARCHES).filter((search) => search.length <= MAX_DOMAIN);
  while (searches.join(" ").length > MAX_SEARCH_CHARACTERS) searches.pop();
  if (searches.length < config.searches.length) {
    warnings.push(`Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(" ")}`);
  }
  return { config: { servers, searches, options: config.options }, warnings };
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
