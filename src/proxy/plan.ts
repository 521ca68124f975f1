// What one service needs in the ruleset, as claims on its parts: elements of the shared maps, and chains. A pure function.
//
// A service port without affinity needs no chain of its own: a map sends its address, protocol and port to a chain that is shared
// by all ports with so many endpoints; that chain draws an index, and a map for each index knows the endpoint. Only session
// affinity and source ranges need chains of their own. (One map with the index in its key would do, but nft 1.0.6 cannot add
// rules that use such a map once it is in the kernel.)
import { type EndpointSlice, type Service, type ServicePort, serviceLabels } from "../api/index.ts";
import { type Backend, type NodeFacts, portBackends } from "./endpoints.ts";
import { type Family, familyOf, socketAddress } from "./family.ts";

/** The maps and sets that are always there. */
export type MapName =
  | "service-ips"
  | "node-ports"
  | "balancer-ports"
  | "host-ports"
  | "any-host-ports"
  | "cluster-ips"
  | "refused-ips"
  | "refused-node-ports"
  | "refused-balancer-ports"
  | "hairpin";

/**
 * What is claimed, and what it should be: `map NAME` → declaration, `chain NAME` → rules by line, `element MAP KEY` → value or
 * nothing. Equal claims of several services are one thing.
 */
export type Claims = ReadonlyMap<string, string>;

export interface PlanOptions extends NodeFacts {
  /** Addresses of the other family are left out. */
  readonly family: Family;
  /** Source addresses of all pods: what comes from elsewhere is masqueraded. */
  readonly clusterCidr: string;
  /** Ports, as `TCP/80`, on which this node answers on all its addresses for this service. */
  readonly balancerPorts?: ReadonlySet<string>;
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

export function element(map: MapName, key: string): string {
  return `element ${map} ${key}`;
}

/** Set on packets that must leave with the node's address; cleared again when they do. */
export const MASQUERADE_MARK = "0x4000";
const MARK = `meta mark set mark or ${MASQUERADE_MARK}`;
const DEFAULT_AFFINITY_SECONDS = 10_800;

/** Whether this proxy serves it: neither headless, nor a name, nor left to another proxy. */
export function isProxied(service: Service): boolean {
  const { spec, metadata } = service;
  const ip = spec?.clusterIP ?? "";
  return spec?.type !== "ExternalName" && ip !== "" && ip !== "None" && metadata.labels?.[serviceLabels.serviceProxyName] === undefined;
}

export function planService(service: Service, slices: readonly EndpointSlice[], options: PlanOptions): ServicePlan {
  const claims = new Map<string, string>();
  const udp: UdpFrontend[] = [];
  if (!isProxied(service)) return { claims, udp };
  for (const ip of ofFamily(clusterIps(service), options.family)) claims.set(element("cluster-ips", ip), "");
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
  private readonly header: Family["header"];

  constructor(
    private readonly service: Service,
    private readonly port: ServicePort,
    slices: readonly EndpointSlice[],
    private readonly options: PlanOptions,
    private readonly claims: Map<string, string>,
    private readonly udp: UdpFrontend[],
  ) {
    const { spec, metadata } = service;
    this.protocol = (port.protocol ?? "TCP").toLowerCase();
    this.name = `${metadata.namespace}/${metadata.name}/${this.protocol}/${port.name ?? ""}`;
    this.affinitySeconds = spec?.sessionAffinity === "ClientIP" ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS) : 0;
    this.backends = portBackends(port, slices, options);
    this.header = options.family.header;
  }

  plan(): void {
    const { spec } = this.service;
    const internal: Frontend = { audience: "cluster", onlyLocal: spec?.internalTrafficPolicy === "Local" };
    const external: Frontend = { audience: "external", onlyLocal: spec?.externalTrafficPolicy === "Local" };
    const { family, balancerPorts } = this.options;
    const ranges = ofFamily(sourceRanges(this.service), family);
    // A list without ranges of this family lets nobody of it in.
    const guard = sourceRanges(this.service).length === 0 ? undefined : ranges;
    for (const ip of ofFamily(clusterIps(this.service), family)) this.address(ip, internal);
    for (const ip of ofFamily(spec?.externalIPs ?? [], family)) this.address(ip, external);
    for (const ip of ofFamily(loadBalancerIps(this.service), family)) this.address(ip, external, guard);
    if ((this.port.nodePort ?? 0) > 0) this.localPort("node-ports", this.port.nodePort ?? 0, external);
    if (balancerPorts?.has(`${this.port.protocol ?? "TCP"}/${this.port.port}`)) this.localPort("balancer-ports", this.port.port, external, guard);
    for (const { ip } of [...this.backends.cluster, ...this.backends.local]) this.claims.set(element("hairpin", `${ip} . ${ip}`), "");
  }

  private address(ip: string, frontend: Frontend, guard?: readonly string[]): void {
    const key = `${ip} . ${this.protocol} . ${this.port.port}`;
    if (!this.backends.hasAny) {
      this.claims.set(element("refused-ips", key), "");
      return;
    }
    const target = this.target(frontend, { kind: "ip", key });
    this.claims.set(element("service-ips", key), this.firewalled(target, guard));
    this.track(`${ip}:${this.port.port}`, frontend);
  }

  /** A port on all of the node's addresses. */
  private localPort(map: "node-ports" | "balancer-ports", port: number, frontend: Frontend, guard?: readonly string[]): void {
    const key = `${this.protocol} . ${port}`;
    if (!this.backends.hasAny) {
      this.claims.set(element(`refused-${map}`, key), "");
      return;
    }
    this.claims.set(element(map, key), this.firewalled(this.target(frontend, { kind: "port", key }), guard));
    this.track(`:${port}`, frontend);
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
    const masquerade = audience === "cluster" ? `${this.header} saddr != ${this.options.clusterCidr} ${MARK}` : MARK;
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
      rules.push(`${this.header} saddr ${this.options.clusterCidr} ${verdict}`, `fib saddr type local ${MARK} ${verdict}`);
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
    const { addressType } = this.options.family;
    const type = kind === "ip" ? `${addressType} . inet_proto . inet_service` : "inet_proto . inet_service";
    const selector = kind === "ip" ? `${this.header} daddr . meta l4proto . th dport` : "meta l4proto . th dport";
    const verdicts = used.map(({ ip, port }, index) => {
      const map = `${variant}${kind}-endpoint-${index}`;
      this.claims.set(`map ${map}`, `map { type ${type} : ${addressType} . inet_service; }`);
      this.claims.set(`element ${map} ${key}`, `${ip} . ${port}`);
      return this.goTo(`to-${map}`, [`dnat ${this.header} to ${selector} map @${map}`]);
    });
    return { name: `${variant}${kind}-${used.length}`, rules: [drawn(verdicts)] };
  }

  private pickWithAffinity(used: readonly Backend[], variant: string): { name: string; rules: string[] } {
    const { addressType } = this.options.family;
    const backends = used.map(({ ip, port }) => {
      // The lifetime is part of the name: that of a set cannot be changed.
      const name = `${this.name}/${this.affinitySeconds}/${ip.replaceAll(":", "-")}/${port}`;
      this.claims.set(`map clients-${name}`, `set { type ${addressType}; flags dynamic, timeout; timeout ${this.affinitySeconds}s; }`);
      const rules = [`update @clients-${name} { ${this.header} saddr }`, `meta l4proto ${this.protocol} dnat ${this.header} to ${socketAddress(ip, port)}`];
      return { name, verdict: this.goTo(`to-${name}`, rules) };
    });
    const remembered = backends.map(({ name, verdict }) => `${this.header} saddr @clients-${name} ${verdict}`);
    return { name: `${variant}${this.name}`, rules: [...remembered, drawn(backends.map(({ verdict }) => verdict))] };
  }

  /** One rule a range: ranges may overlap, which one set of them may not. */
  private firewalled(target: string, ranges: readonly string[] | undefined): string {
    if (ranges === undefined) return target;
    const allowed = ranges.map((range) => `${this.header} saddr ${range} ${target}`);
    const name = target.replace(/^goto /, "").replaceAll(" ", "-");
    return this.goTo(`from-${this.name}-${name}`, [...allowed, "drop"]);
  }

  private goTo(name: string, rules: readonly string[]): string {
    this.claims.set(`chain ${name}`, rules.join("\n"));
    return `goto ${name}`;
  }
}

interface FrontendKey {
  /** What of a packet names the frontend: its address and port, or only the port. */
  readonly kind: "ip" | "port";
  readonly key: string;
}

/** Each verdict with the same chance. */
function drawn(verdicts: readonly string[]): string {
  return `numgen random mod ${verdicts.length} vmap { ${verdicts.map((verdict, index) => `${index} : ${verdict}`).join(", ")} }`;
}

function ofFamily(addresses: readonly string[], family: Family): string[] {
  return addresses.filter((address) => familyOf(address) === family);
}

function clusterIps(service: Service): readonly string[] {
  const all = service.spec?.clusterIPs ?? [];
  return all.length > 0 ? all : [service.spec?.clusterIP ?? ""];
}

/** Those that the balancer sends on unchanged. */
function loadBalancerIps(service: Service): string[] {
  const ingress = service.spec?.type === "LoadBalancer" ? (service.status?.loadBalancer?.ingress ?? []) : [];
  return ingress.flatMap(({ ip, ipMode }) => (ip !== undefined && ipMode !== "Proxy" ? [ip] : []));
}

function sourceRanges({ spec }: Service): string[] {
  return (spec?.loadBalancerSourceRanges ?? []).map((range) => range.trim()).filter((range) => range !== "");
}
