// Where questions about names outside the cluster go: to the machine's resolvers, or where the ConfigMap `kube-dns` of
// kube-system says. Its two keys, both JSON, are those of upstream's kube-dns:
//   stubDomains: {"example.corp": ["10.0.0.53", "10.0.0.54:5353"]}    names below a domain, and who knows them
//   upstreamNameservers: ["1.1.1.1"]                                   who knows everything else
// The longest domain wins. What cannot be read is left out, and said.
import { type ConfigMap, parseIp } from "../api/index.ts";

export interface Nameserver {
  readonly address: string;
  readonly port: number;
}

export interface Forwarding {
  /** Domain, in lower case and without a dot at its end → its servers. */
  readonly stubDomains: ReadonlyMap<string, readonly Nameserver[]>;
  /** Undefined: the machine's own. */
  readonly upstream: readonly Nameserver[] | undefined;
  /** What could not be understood. */
  readonly problems: readonly string[];
}

export const FORWARDING_CONFIG = { namespace: "kube-system", name: "kube-dns" } as const;
const DNS_PORT = 53;

export function parseForwarding(configMap: ConfigMap | undefined): Forwarding {
  const problems: string[] = [];
  const read = (key: string): unknown => {
    const text = configMap?.data?.[key];
    if (text === undefined || text.trim() === "") return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      problems.push(`${key}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  const servers = (key: string, value: unknown): Nameserver[] => {
    const list = Array.isArray(value) ? value : [];
    if (!Array.isArray(value)) problems.push(`${key}: must be a list of addresses`);
    return list.flatMap((text: unknown) => {
      const server = parseNameserver(text);
      if (server === undefined) problems.push(`${key}: ${JSON.stringify(text)} is no address of a server`);
      return server ?? [];
    });
  };
  const stubDomains = new Map<string, readonly Nameserver[]>();
  for (const [domain, value] of Object.entries(read("stubDomains") ?? {})) {
    const found = servers(`stubDomains ${domain}`, value);
    if (found.length > 0) stubDomains.set(domain.toLowerCase().replace(/\.$/, ""), found);
  }
  const listed = read("upstreamNameservers");
  const upstream = listed === undefined ? [] : servers("upstreamNameservers", listed);
  return { stubDomains, upstream: upstream.length > 0 ? upstream : undefined, problems };
}

/** `1.2.3.4`, `1.2.3.4:5353`, `fd00::1` or `[fd00::1]:5353`. */
function parseNameserver(text: unknown): Nameserver | undefined {
  if (typeof text !== "string") return undefined;
  if (parseIp(text) !== undefined) return { address: text, port: DNS_PORT };
  const [, bracketed, plain, port = ""] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? "";
  return parseIp(address) === undefined || Number(port) < 1 || Number(port) > 65_535 ? undefined : { address, port: Number(port) };
}

/** Who is to be asked about a name; undefined: the machine's own resolvers. */
export function serversFor({ stubDomains, upstream }: Forwarding, name: string): readonly Nameserver[] | undefined {
  const labels = name.toLowerCase().replace(/\.$/, "").split(".");
  for (let start = 0; start < labels.length; start++) {
    const servers = stubDomains.get(labels.slice(start).join("."));
    if (servers !== undefined) return servers;
  }
  return upstream;
}
