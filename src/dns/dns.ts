// The cluster's DNS server, free of sockets: answers of the zone, aliases followed, the rest handed to the machine's own
// resolvers or to those of stub domains. A question is a question: malformed, foreign or unanswerable ones get the response code that says so.
import { type ConfigMap, configMaps, type EndpointSlice, endpointSlices, namespaces, type Service, services } from "../api/index.ts";
import type { Env } from "../base/index.ts";
import type { InformerFactory } from "../client/index.ts";
import { FORWARDING_CONFIG, type Forwarding, type Nameserver, parseForwarding, serversFor } from "./forwarding.ts";
import { answerFromZone, type DnsRecord, type Question, serviceNameOf, type ZoneSource } from "./records.ts";
import { cached } from "./upstream-cache.ts";

export type ResponseCode = "NOERROR" | "FORMERR" | "SERVFAIL" | "NXDOMAIN" | "NOTIMP" | "REFUSED";

export interface DnsAnswer {
  readonly code: ResponseCode;
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
  /** The zone's SOA goes into the authority section of an empty answer. */
  readonly soaZone?: string;
}

/** A record of any type, passed on as it came. */
export interface ForeignRecord {
  readonly type: string;
  readonly name: string;
  readonly ttl?: number;
  readonly data?: unknown;
}

export interface UpstreamReply {
  readonly code: ResponseCode;
  readonly answers: readonly ForeignRecord[];
  readonly authorities: readonly ForeignRecord[];
}

/** Asks the given servers, or the machine's own resolvers. Undefined: none answered. */
export interface Upstream {
  resolve(question: Question, servers?: readonly Nameserver[]): Promise<UpstreamReply | undefined>;
}

export interface DnsOptions {
  /** e.g. `cluster.local` */
  readonly clusterDomain: string;
  readonly informers: InformerFactory;
  readonly upstream: Upstream;
}

export interface Dns {
  /** Resolves once the zone is complete. */
  ready(): Promise<void>;
  answer(question: Question): Promise<DnsAnswer | { readonly passedOn: UpstreamReply }>;
}

const SERVICE_INDEX = "service";
const ADDRESS_INDEX = "address";
const CLUSTER_IP_INDEX = "clusterIP";
const MOST_ALIASES = 8;

export function createDns(env: Env, { clusterDomain, informers, upstream }: DnsOptions): Dns {
  const { source, ready } = zoneOf(informers);
  const forwarding = followForwarding(env, informers);
  const requests = env.metrics.counter("kubets_dns_requests_total", "Questions answered, by response code.");
  const server = new ZoneServer(env, source, clusterDomain, cached(env, upstream), forwarding.current);
  return {
    ready: async () => {
      await Promise.all([ready(), forwarding.ready()]);
    },
    answer: async (question) => {
      const answer = await server.answer(question);
      requests.add(1, { code: "passedOn" in answer ? answer.passedOn.code : answer.code });
      return answer;
    },
  };
}

class ZoneServer {
  constructor(
    private readonly env: Env,
    private readonly source: ZoneSource,
    private readonly zone: string,
    private readonly upstream: Upstream,
    private readonly forwarding: () => Forwarding,
  ) {}

  async answer(question: Question): ReturnType<Dns["answer"]> {
    const own = answerFromZone(this.source, this.zone, question);
    if (own.kind === "elsewhere") {
      const passedOn = await this.ask(question);
      return passedOn === undefined ? this.failure("SERVFAIL") : { passedOn };
    }
    if (own.kind === "noSuchName") return { ...this.failure("NXDOMAIN"), authoritative: true, soaZone: this.zone };
    const followed = own.alias === undefined || question.type === "CNAME" ? [] : await this.follow(own.alias, question.type);
    const answers = [...this.inRandomOrder(own.answers), ...followed];
    return { code: "NOERROR", authoritative: true, answers, additionals: own.additionals, ...(answers.length === 0 ? { soaZone: this.zone } : {}) };
  }

  private ask(question: Question): Promise<UpstreamReply | undefined> {
    return this.upstream.resolve(question, serversFor(this.forwarding(), question.name));
  }

  private failure(code: ResponseCode): DnsAnswer {
    return { code, authoritative: false, answers: [], additionals: [] };
  }

  /** The records at the end of an alias, as stub resolvers expect them in the same answer. */
  private async follow(alias: string, type: string): Promise<DnsRecord[]> {
    const records: DnsRecord[] = [];
    let name = alias.replace(/\.$/, "");
    for (let step = 0; step < MOST_ALIASES; step++) {
      const own = answerFromZone(this.source, this.zone, { name, type });
      if (own.kind === "noSuchName") return records;
      if (own.kind === "elsewhere") {
        const passedOn = await this.ask({ name, type });
        return [...records, ...((passedOn?.answers ?? []) as readonly DnsRecord[])];
      }
      records.push(...own.answers);
      if (own.alias === undefined) return records;
      name = own.alias;
    }
    return records;
  }

  /** Spreads clients over the addresses of a headless service. */
  private inRandomOrder(records: readonly DnsRecord[]): DnsRecord[] {
    const result = [...records];
    for (let last = result.length - 1; last > 0; last--) {
      const other = Math.floor(this.env.random.next() * (last + 1));
      const [a, b] = [result[last], result[other]];
      if (a === undefined || b === undefined) continue;
      result[last] = b;
      result[other] = a;
    }
    return result;
  }
}

/** The configuration as it is now; what cannot be read of it is logged when it changes. */
function followForwarding(env: Env, informers: InformerFactory): { current: () => Forwarding; ready: () => Promise<void> } {
  const log = env.log.child("dns");
  const configs = informers.informer(configMaps, { namespace: FORWARDING_CONFIG.namespace, fieldSelector: `metadata.name=${FORWARDING_CONFIG.name}` });
  let forwarding = parseForwarding(undefined);
  const changed = (configMap: ConfigMap | undefined): void => {
    forwarding = parseForwarding(configMap);
    if (forwarding.problems.length > 0) log.warn("the ConfigMap kube-dns is not all understood", { problems: forwarding.problems });
  };
  configs.addHandler({ added: changed, updated: changed, deleted: () => changed(undefined) });
  return { current: () => forwarding, ready: () => configs.synced() };
}

function zoneOf(informers: InformerFactory): { source: ZoneSource; ready: () => Promise<void> } {
  const allServices = informers.informer(services);
  const allSlices = informers.informer(endpointSlices);
  const allNamespaces = informers.informer(namespaces);
  allServices.addIndex(CLUSTER_IP_INDEX, ({ spec }: Service) => [...(spec.clusterIPs ?? [])]);
  allSlices.addIndex(SERVICE_INDEX, (slice: EndpointSlice) => [`${slice.metadata.namespace}/${serviceNameOf(slice)}`]);
  allSlices.addIndex(ADDRESS_INDEX, (slice: EndpointSlice) => (slice.endpoints ?? []).flatMap(({ addresses }) => [...addresses]));
  return {
    ready: async () => {
      await Promise.all([allServices.synced(), allSlices.synced(), allNamespaces.synced()]);
    },
    source: {
      service: (namespace, name) => allServices.get(`${namespace}/${name}`),
      serviceByClusterIp: (ip) => (ip === "None" ? undefined : allServices.byIndex(CLUSTER_IP_INDEX, ip)[0]),
      slicesOf: (namespace, service) => allSlices.byIndex(SERVICE_INDEX, `${namespace}/${service}`),
      slicesWithAddress: (ip) => allSlices.byIndex(ADDRESS_INDEX, ip),
      hasNamespace: (name) => allNamespaces.get(name) !== undefined,
    },
  };
}
