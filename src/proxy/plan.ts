// What one service needs in the ruleset, as claims on its parts: elements of the shared maps, and chains. A pure function.
//
// A service port without affinity needs no chain of its own: a map sends its address, protocol and port to a chain that is shared
// by all ports with so many endpoints; that chain draws an index, and a map for each index knows the endpoint. Only session
// affinity and source ranges need chains of their own. (One map with the index in its key would do, but nft 1.0.6 cannot add
// rules that use such a map once it is in the kernel.)
import type { EndpointSlice, Service, ServicePort } from "../api/index.ts";
import { type Backend, type NodeFacts, portBackends } from "./endpoints.ts";

/** The maps and sets that are always there. */
export type MapName = "service-ips" | "node-ports" | "cluster-ips" | "refused-ips" | "refused-node-ports" | "hairpin";

/**
 * What is claimed, and what it should be: `map NAME` → declaration, `chain NAME` → rules by line, `element MAP KEY` → value or
 * nothing. Equal claims of several services are one thing.
 */
export type Claims = ReadonlyMap<string, string>;

export interface ProxyOptions extends NodeFacts {
  /** Source addresses of all pods: what comes from elsewhere is masqueraded. */
  readonly clusterCidr: string;
}

export interface UdpFrontend {
  /** `address:port`, or `:port` for a node port. */
  readonly key: string;
  /** `address:port`. */
  readonly backends: readonly string[];
}

export interface ServicePlan {
  readonly claims: Claims;
  /** What connection tracking may hold of UDP. */
  readonly udp: readonly UdpFrontend[];
}

const element = (map: MapName, key: string): string => `element ${map} ${key}`;

/** Set on packets that must leave with the node's address; cleared again when they do. */
export const MASQUERADE_MARK = "0x4000";
const MARK = `meta mark set mark or ${MASQUERADE_MARK}`;
const DEFAULT_AFFINITY_SECONDS = 10_800;
const PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name";

/** Whether this proxy serves it: neither headless, nor a name, nor left to another proxy. */
export function isProxied(service: Service): boolean {
  const { spec, metadata } = service;
  const ip = spec?.clusterIP ?? "";
  return spec?.type !== "ExternalName" && ip !== "" && ip !== "None" && metadata.labels?.[PROXY_NAME_LABEL] === undefined;
}

export function planService(service: Service, slices: readonly EndpointSlice[], options: ProxyOptions): ServicePlan {
  const claims = new Map<string, string>();
  const udp: UdpFrontend[] = [];
  if (!isProxied(service)) return { claims, udp };
  for (const ip of clusterIps(service)) claims.set(element("cluster-ips", ip), "");
  for (const port of service.spec?.ports ?? []) new PortPlan(service, port, slices, options, claims, udp).plan();
  return { claims, udp };
}

/** Who asks: decides which endpoints are used and whether the source address is kept. */
type Audience = "cluster" | "external";

interface Frontend {
  readonly audience: Audience;
  readonly onlyLocal: boolean;
}

class PortPlan {
  private readonly protocol: string;
  private readonly affinitySeconds: number;
  /** Names the chains of this port alone. */
  private readonly name: string;
  private readonly backends: ReturnType<typeof portBackends>;

  constructor(
    private readonly service: Service,
    private readonly port: ServicePort,
    slices: readonly EndpointSlice[],
    private readonly options: ProxyOptions,
    private readonly claims: Map<string, string>,
    private readonly udp: UdpFrontend[],
  ) {
    const { spec, metadata } = service;
    this.protocol = (port.protocol ?? "TCP").toLowerCase();
    this.name = `${metadata.namespace}/${metadata.name}/${this.protocol}/${port.name ?? ""}`;
    this.affinitySeconds = spec?.sessionAffinity === "ClientIP" ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS) : 0;
    this.backends = portBackends(service, port, slices, options);
  }

  plan(): void {
    const { spec } = this.service;
    const internal: Frontend = { audience: "cluster", onlyLocal: spec?.internalTrafficPolicy === "Local" };
    const external: Frontend = { audience: "external", onlyLocal: spec?.externalTrafficPolicy === "Local" };
    for (const ip of clusterIps(this.service)) this.address(ip, internal);
    for (const ip of spec?.externalIPs ?? []) if (isIpv4(ip)) this.address(ip, external);
    for (const ip of loadBalancerIps(this.service)) this.address(ip, external, spec?.loadBalancerSourceRanges);
    if ((this.port.nodePort ?? 0) > 0) this.nodePort(this.port.nodePort ?? 0, external);
    for (const { ip } of [...this.backends.cluster, ...this.backends.local]) this.claims.set(element("hairpin", `${ip} . ${ip}`), "");
  }

  private address(ip: string, frontend: Frontend, sourceRanges?: readonly string[]): void {
    const key = `${ip} . ${this.protocol} . ${this.port.port}`;
    if (!this.backends.hasAny) {
      this.claims.set(element("refused-ips", key), "");
      return;
    }
    const target = this.target(frontend, { kind: "ip", key });
    this.claims.set(element("service-ips", key), this.firewalled(target, sourceRanges));
    this.track(`${ip}:${this.port.port}`, frontend);
  }

  private nodePort(nodePort: number, frontend: Frontend): void {
    const key = `${this.protocol} . ${nodePort}`;
    if (!this.backends.hasAny) {
      this.claims.set(element("refused-node-ports", key), "");
      return;
    }
    this.claims.set(element("node-ports", key), this.target(frontend, { kind: "port", key }));
    this.track(`:${nodePort}`, frontend);
  }

  private track(key: string, { audience, onlyLocal }: Frontend): void {
    if (this.protocol !== "udp") return;
    const used =
      audience === "external" && onlyLocal ? [...this.backends.local, ...this.backends.cluster] : onlyLocal ? this.backends.local : this.backends.cluster;
    this.udp.push({ key, backends: [...new Set(used.map(({ ip, port }) => `${ip}:${port}`))] });
  }

  /** The verdict for packets to a frontend. */
  private target({ audience, onlyLocal }: Frontend, from: FrontendKey): string {
    const { cluster, local } = this.backends;
    if (audience === "external" && onlyLocal) return this.externalLocal(from);
    const used = onlyLocal ? local : cluster;
    if (used.length === 0) return "drop";
    const pick = this.pick(used, from);
    const name = audience === "cluster" ? `cluster-${pick.name}` : `external-${pick.name}`;
    const masquerade = audience === "cluster" ? `ip saddr != ${this.options.clusterCidr} ${MARK}` : MARK;
    return this.goTo(name, [masquerade, ...pick.rules]);
  }

  /** From outside only to this node's endpoints, keeping the source address; pods and the node itself may reach all. */
  private externalLocal(from: FrontendKey): string {
    const { cluster, local } = this.backends;
    const rules: string[] = [];
    let name = "local";
    if (cluster.length > 0) {
      const all = this.pick(cluster, from);
      const verdict = this.goTo(`all-${all.name}`, all.rules);
      rules.push(`ip saddr ${this.options.clusterCidr} ${verdict}`, `fib saddr type local ${MARK} ${verdict}`);
      name += `-${all.name}`;
    }
    const here = local.length === 0 ? { name: "none", rules: ["drop"] } : this.pick(local, from, "local-");
    return this.goTo(`${name}-${here.name}`, [...rules, ...here.rules]);
  }

  /**
   * Rules that send a packet to one of `used`. Without affinity they are the same for every port with so many endpoints. `variant`
   * keeps a second choice of endpoints for the same frontend apart.
   */
  private pick(used: readonly Backend[], { kind, key }: FrontendKey, variant = ""): { name: string; rules: string[] } {
    if (this.affinitySeconds > 0) return this.pickWithAffinity(used, variant);
    const { type, selector } = FRONTEND_KINDS[kind];
    const verdicts = used.map(({ ip, port }, index) => {
      const map = `${variant}${kind}-endpoint-${index}`;
      this.claims.set(`map ${map}`, `map { type ${type} : ipv4_addr . inet_service; }`);
      this.claims.set(`element ${map} ${key}`, `${ip} . ${port}`);
      return this.goTo(`to-${map}`, [`dnat ip to ${selector} map @${map}`]);
    });
    return { name: `${variant}${kind}-${used.length}`, rules: [drawn(verdicts)] };
  }

  private pickWithAffinity(used: readonly Backend[], variant: string): { name: string; rules: string[] } {
    const backends = used.map(({ ip, port }) => {
      // The lifetime is part of the name: that of a set cannot be changed.
      const name = `${this.name}/${this.affinitySeconds}/${ip}/${port}`;
      this.claims.set(`map clients-${name}`, `set { type ipv4_addr; flags dynamic, timeout; timeout ${this.affinitySeconds}s; }`);
      const rules = [`update @clients-${name} { ip saddr }`, `meta l4proto ${this.protocol} dnat ip to ${ip}:${port}`];
      return { name, verdict: this.goTo(`to-${name}`, rules) };
    });
    const remembered = backends.map(({ name, verdict }) => `ip saddr @clients-${name} ${verdict}`);
    return { name: `${variant}${this.name}`, rules: [...remembered, drawn(backends.map(({ verdict }) => verdict))] };
  }

  private firewalled(target: string, sourceRanges: readonly string[] = []): string {
    const ranges = sourceRanges.map((range) => range.trim()).filter((range) => isIpv4(range));
    if (ranges.length === 0) return target;
    return this.goTo(`from-${this.name}`, [`ip saddr != { ${ranges.join(", ")} } drop`, target]);
  }

  private goTo(name: string, rules: readonly string[]): string {
    this.claims.set(`chain ${name}`, rules.join("\n"));
    return `goto ${name}`;
  }
}

interface FrontendKey {
  readonly kind: keyof typeof FRONTEND_KINDS;
  readonly key: string;
}

/** What of a packet names the frontend. */
const FRONTEND_KINDS = {
  ip: { type: "ipv4_addr . inet_proto . inet_service", selector: "ip daddr . meta l4proto . th dport" },
  port: { type: "inet_proto . inet_service", selector: "meta l4proto . th dport" },
} as const;

/** Each verdict with the same chance. */
function drawn(verdicts: readonly string[]): string {
  return `numgen random mod ${verdicts.length} vmap { ${verdicts.map((verdict, index) => `${index} : ${verdict}`).join(", ")} }`;
}

function clusterIps(service: Service): string[] {
  const all = service.spec?.clusterIPs ?? [];
  return (all.length > 0 ? all : [service.spec?.clusterIP ?? ""]).filter(isIpv4);
}

/** Those that the balancer sends on unchanged. */
function loadBalancerIps(service: Service): string[] {
  const ingress = service.spec?.type === "LoadBalancer" ? (service.status?.loadBalancer?.ingress ?? []) : [];
  return ingress.flatMap(({ ip, ipMode }) => (ip !== undefined && isIpv4(ip) && ipMode !== "Proxy" ? [ip] : []));
}

function isIpv4(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(text);
}
