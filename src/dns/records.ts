// The records of the cluster's zone, answered from services, endpoint slices and namespaces. Follows the Kubernetes DNS
// specification 1.1.0 (https://github.com/kubernetes/dns/blob/master/docs/specification.md). Names are looked up without regard
// to case and answered as they were asked.
import { type Endpoint, type EndpointPort, type EndpointSlice, formatIp, parseIp, type Service } from "../api/index.ts";

export type DnsRecord =
  | { readonly type: "A" | "AAAA" | "CNAME" | "PTR"; readonly name: string; readonly ttl: number; readonly data: string }
  | { readonly type: "TXT"; readonly name: string; readonly ttl: number; readonly data: string }
  | {
      readonly type: "SRV";
      readonly name: string;
      readonly ttl: number;
      readonly data: { readonly priority: number; readonly weight: number; readonly port: number; readonly target: string };
    };

/** What the zone says of a name and type. */
export type ZoneAnswer =
  /** Answers, possibly none: then the name exists without records of this type. `alias` is where an ExternalName points. */
  | { readonly kind: "found"; readonly answers: readonly DnsRecord[]; readonly additionals: readonly DnsRecord[]; readonly alias?: string }
  | { readonly kind: "noSuchName" }
  /** Not of this zone: to be asked elsewhere. */
  | { readonly kind: "elsewhere" };

/** What the zone is made of. Lookups are by index, so that an answer costs what it contains. */
export interface ZoneSource {
  service(namespace: string, name: string): Service | undefined;
  serviceByClusterIp(ip: string): Service | undefined;
  slicesOf(namespace: string, service: string): readonly EndpointSlice[];
  slicesWithAddress(ip: string): readonly EndpointSlice[];
  hasNamespace(name: string): boolean;
}

const TTL_SECONDS = 30;
const SPECIFICATION_VERSION = "1.1.0";
const NOT_FOUND: ZoneAnswer = { kind: "noSuchName" };
const NO_DATA: ZoneAnswer = { kind: "found", answers: [], additionals: [] };

export interface Question {
  readonly name: string;
  readonly type: string;
}

/** `zone` without dots at its ends, e.g. `cluster.local`. */
export function answerFromZone(source: ZoneSource, zone: string, question: Question): ZoneAnswer {
  const name = question.name.toLowerCase().replace(/\.$/, "");
  if (name.endsWith(".in-addr.arpa") || name.endsWith(".ip6.arpa")) return reverse(source, zone, name, question);
  if (name === zone) return NO_DATA;
  if (!name.endsWith(`.${zone}`)) return { kind: "elsewhere" };
  const labels = name.slice(0, -zone.length - 1).split(".");
  if (labels.length === 1 && labels[0] === "dns-version")
    return found(question, [{ type: "TXT", name: question.name, ttl: TTL_SECONDS, data: SPECIFICATION_VERSION }]);
  const area = labels.at(-1);
  if (area === "svc") return inServices(source, zone, labels.slice(0, -1), question);
  if (area === "pod") return inPods(source, labels.slice(0, -1), question);
  return NOT_FOUND;
}

/** `[_port._protocol.|host.]service.namespace` */
function inServices(source: ZoneSource, zone: string, labels: readonly string[], question: Question): ZoneAnswer {
  const namespace = labels.at(-1);
  if (namespace === undefined) return NO_DATA;
  if (!source.hasNamespace(namespace)) return NOT_FOUND;
  const name = labels.at(-2);
  if (name === undefined) return NO_DATA;
  const service = source.service(namespace, name);
  if (service === undefined) return NOT_FOUND;
  const rest = labels.slice(0, -2);
  const context: ServiceContext = { source, service, domain: `${name}.${namespace}.svc.${zone}`, question };
  if (service.spec.type === "ExternalName") return rest.length === 0 ? external(service, question) : NOT_FOUND;
  if (rest.length === 0) return ofService(context);
  const [first = "", second = ""] = rest;
  if (rest.length === 2 && first.startsWith("_") && second.startsWith("_")) return ofPort(context, first.slice(1), second.slice(1));
  return rest.length === 1 ? ofEndpoint(context, first) : NOT_FOUND;
}

interface ServiceContext {
  readonly source: ZoneSource;
  readonly service: Service;
  readonly domain: string;
  readonly question: Question;
}

function external(service: Service, question: Question): ZoneAnswer {
  const target = service.spec.externalName ?? "";
  return { kind: "found", answers: [{ type: "CNAME", name: question.name, ttl: TTL_SECONDS, data: target }], additionals: [], alias: target };
}

function ofService({ source, service, domain, question }: ServiceContext): ZoneAnswer {
  if (!isHeadless(service)) {
    const answers = clusterIps(service).map((ip) => address(question.name, ip));
    const services = (service.spec.ports ?? []).map(({ port }) => srv(question.name, port, domain));
    return found(
      question,
      [...answers, ...services],
      clusterIps(service).map((ip) => address(domain, ip)),
    );
  }
  const endpoints = readyEndpoints(source, service);
  if (endpoints.length === 0) return NOT_FOUND;
  const services = endpoints.flatMap(({ slice, endpoint, ip }) =>
    (slice.ports ?? []).map(({ port }) => srv(question.name, port ?? 0, `${hostOf(endpoint, ip)}.${domain}`)),
  );
  return found(
    question,
    [...endpoints.map(({ ip }) => address(question.name, ip)), ...services],
    endpoints.map(({ endpoint, ip }) => address(`${hostOf(endpoint, ip)}.${domain}`, ip)),
  );
}

function ofPort({ source, service, domain, question }: ServiceContext, portName: string, protocol: string): ZoneAnswer {
  const matches = ({ name = "", protocol: of = "TCP" }: Pick<EndpointPort, "name" | "protocol">): boolean =>
    name.toLowerCase() === portName && of.toLowerCase() === protocol;
  if (!isHeadless(service)) {
    const port = service.spec.ports?.find(matches);
    if (port === undefined) return NOT_FOUND;
    return found(
      question,
      [srv(question.name, port.port, domain)],
      clusterIps(service).map((ip) => address(domain, ip)),
    );
  }
  const matching = readyEndpoints(source, service).flatMap(({ slice, endpoint, ip }) =>
    (slice.ports ?? []).filter(matches).map(({ port = 0 }) => ({ port, ip, host: `${hostOf(endpoint, ip)}.${domain}` })),
  );
  if (matching.length === 0) return NOT_FOUND;
  return found(
    question,
    matching.map(({ port, host }) => srv(question.name, port, host)),
    matching.map(({ host, ip }) => address(host, ip)),
  );
}

function ofEndpoint({ source, service, question }: ServiceContext, host: string): ZoneAnswer {
  const matching = readyEndpoints(source, service).filter(({ endpoint, ip }) => hostOf(endpoint, ip).toLowerCase() === host);
  return matching.length === 0
    ? NOT_FOUND
    : found(
        question,
        matching.map(({ ip }) => address(question.name, ip)),
      );
}

/** `1-2-3-4.namespace`: any address is answered, as the specification allows. */
function inPods(source: ZoneSource, labels: readonly string[], question: Question): ZoneAnswer {
  const [host = "", namespace] = labels.length === 1 ? ["", labels[0]] : labels;
  if (namespace === undefined) return NO_DATA;
  if (labels.length > 2 || !source.hasNamespace(namespace)) return NOT_FOUND;
  if (host === "") return NO_DATA;
  const ip = parseIp(host.replaceAll("-", ".")) ?? parseIp(host.replaceAll("-", ":"));
  return ip === undefined ? NOT_FOUND : found(question, [address(question.name, formatIp(ip))]);
}

function reverse(source: ZoneSource, zone: string, name: string, question: Question): ZoneAnswer {
  const ip = addressOfReverseName(name);
  if (ip === undefined) return { kind: "elsewhere" };
  const service = source.serviceByClusterIp(ip);
  if (service !== undefined) return found(question, [pointer(question.name, `${domainOf(service)}.svc.${zone}`)]);
  const names = source.slicesWithAddress(ip).flatMap((slice) => {
    const owner = source.service(slice.metadata.namespace ?? "", serviceNameOf(slice));
    if (owner === undefined || !isHeadless(owner)) return [];
    return (slice.endpoints ?? [])
      .filter((endpoint) => endpoint.addresses.includes(ip))
      .map((endpoint) => `${hostOf(endpoint, ip)}.${domainOf(owner)}.svc.${zone}`);
  });
  return names.length === 0
    ? { kind: "elsewhere" }
    : found(
        question,
        [...new Set(names)].map((target) => pointer(question.name, target)),
      );
}

function domainOf({ metadata }: Service): string {
  return `${metadata.name}.${metadata.namespace}`;
}

export function serviceNameOf(slice: EndpointSlice): string {
  return slice.metadata.labels?.["kubernetes.io/service-name"] ?? "";
}

/** Undefined for what is no whole address. */
function addressOfReverseName(name: string): string | undefined {
  if (name.endsWith(".in-addr.arpa")) {
    const parts = name.slice(0, -".in-addr.arpa".length).split(".");
    return parts.length === 4 ? parts.reverse().join(".") : undefined;
  }
  const nibbles = name.slice(0, -".ip6.arpa".length).split(".");
  if (nibbles.length !== 32) return undefined;
  const groups = nibbles.reverse().join("").match(/.{4}/g) ?? [];
  const ip = parseIp(groups.join(":"));
  return ip === undefined ? undefined : formatIp(ip);
}

function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === "None";
}

function clusterIps({ spec }: Service): readonly string[] {
  const all = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  return all.filter((ip) => ip !== "" && ip !== "None");
}

interface ZoneEndpoint {
  readonly slice: EndpointSlice;
  readonly endpoint: Endpoint;
  readonly ip: string;
}

/** An endpoint whose readiness is unknown counts as ready. */
function readyEndpoints(source: ZoneSource, { metadata }: Service): ZoneEndpoint[] {
  return source
    .slicesOf(metadata.namespace ?? "", metadata.name)
    .flatMap((slice) =>
      slice.addressType === "FQDN"
        ? []
        : (slice.endpoints ?? [])
            .filter(({ conditions }) => conditions?.ready !== false)
            .flatMap((endpoint) => endpoint.addresses.map((ip) => ({ slice, endpoint, ip }))),
    );
}

/** The host name that was given, else the address with dashes. */
function hostOf({ hostname }: Endpoint, ip: string): string {
  return hostname !== undefined && hostname !== "" ? hostname : ip.replaceAll(/[.:]/g, "-");
}

function address(name: string, ip: string): DnsRecord {
  return { type: ip.includes(":") ? "AAAA" : "A", name, ttl: TTL_SECONDS, data: ip };
}
function pointer(name: string, target: string): DnsRecord {
  return { type: "PTR", name, ttl: TTL_SECONDS, data: target };
}
function srv(name: string, port: number, target: string): DnsRecord {
  return { type: "SRV", name, ttl: TTL_SECONDS, data: { priority: 0, weight: 100, port, target } };
}

/** Of all records of the name, those of the asked type, each once; additionals go with SRV only. */
function found(question: Question, records: readonly DnsRecord[], additionals: readonly DnsRecord[] = []): ZoneAnswer {
  const answers = distinct(records.filter(({ type }) => type === question.type || question.type === "ANY"));
  return { kind: "found", answers, additionals: question.type === "SRV" ? distinct(additionals) : [] };
}

function distinct(records: readonly DnsRecord[]): DnsRecord[] {
  return [...new Map(records.map((record) => [JSON.stringify(record), record])).values()];
}
