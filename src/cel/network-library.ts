// Addresses, ranges and URLs in expressions (https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library).
import { type Cidr, cidrContains, formatIp, type IpAddress, maskIp, parseCidr, parseIp } from "../api/index.ts";
import { type Library, library, overload } from "./functions.ts";
import { SizedOpaque } from "./runtime-cost.ts";
import { CelError, Opaque, type Value, ValueMap } from "./values.ts";

class Ip extends SizedOpaque {
  override readonly typeName = "net.IP";
  constructor(readonly address: IpAddress) {
    super();
  }
  get size(): number {
    return this.address.bytes.length;
  }
  equals(other: Opaque): boolean {
    return other.text() === this.text();
  }
  override text(): string {
    return formatIp(this.address);
  }
}
class Range extends SizedOpaque {
  override readonly typeName = "net.CIDR";
  constructor(readonly cidr: Cidr) {
    super();
  }
  /** Octets of the prefix. */
  get size(): number {
    return Math.ceil(this.cidr.prefixLength / 8);
  }
  equals(other: Opaque): boolean {
    return other.text() === this.text();
  }
  override text(): string {
    return `${formatIp(this.cidr.address)}/${this.cidr.prefixLength}`;
  }
}

function isMapped(text: string): boolean {
  return text.includes(":") && text.includes(".") ? parseIp(text)?.family === 4 : parseIp(text)?.family === 4 && text.includes(":");
}
function ipProblem(text: string): string | undefined {
  if (text.includes("%")) return `IP address ${JSON.stringify(text)} with zone value is not allowed`;
  if (isMapped(text)) return `IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`;
  const address = parseIp(text);
  if (address !== undefined && address.problem === undefined) return undefined;
  return `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP`;
}
function readIp(text: string): Ip {
  const [problem, address] = [ipProblem(text), parseIp(text)];
  if (problem !== undefined || address === undefined) throw new CelError(problem ?? "");
  return new Ip(address);
}
function cidrProblem(text: string): string | undefined {
  const [addressText = "", prefixText = ""] = text.split("/");
  if (isMapped(addressText)) return `IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`;
  const isFine = parseCidr(text) !== undefined && parseIp(addressText)?.problem === undefined && /^(?:0|[1-9][0-9]*)$/.test(prefixText);
  return isFine ? undefined : `network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): bad prefix`;
}
function readCidr(text: string): Range {
  const [problem, cidr] = [cidrProblem(text), parseCidr(text)];
  if (problem !== undefined || cidr === undefined) throw new CelError(problem ?? "");
  return new Range(cidr);
}
function containsRange(outer: Range, inner: Range): boolean {
  return outer.cidr.prefixLength <= inner.cidr.prefixLength && cidrContains(outer.cidr, inner.cidr.address);
}

const octet = (ip: Value | undefined, at: number): number => (ip as Ip).address.bytes[at] ?? 0;
const isV4 = (ip: Value | undefined): boolean => (ip as Ip).address.family === 4;
const isUnspecified = (ip?: Value): boolean => (ip as Ip).address.bytes.every((byte) => byte === 0);
const isLoopback = (ip?: Value): boolean => (isV4(ip) ? octet(ip, 0) === 127 : (ip as Ip).text() === "::1");
const isMulticast = (ip?: Value): boolean => (isV4(ip) ? octet(ip, 0) >> 4 === 14 : octet(ip, 0) === 255);
const isLinkLocalUnicast = (ip?: Value): boolean =>
  isV4(ip) ? octet(ip, 0) === 169 && octet(ip, 1) === 254 : octet(ip, 0) === 0xfe && (octet(ip, 1) & 0xc0) === 0x80;
const isLinkLocalMulticast = (ip?: Value): boolean =>
  isV4(ip) ? octet(ip, 0) === 224 && octet(ip, 1) === 0 && octet(ip, 2) === 0 : octet(ip, 0) === 0xff && (octet(ip, 1) & 0x0f) === 2;
const isGlobalUnicast = (ip?: Value): boolean =>
  !isUnspecified(ip) && !isLoopback(ip) && !isMulticast(ip) && !isLinkLocalUnicast(ip) && (ip as Ip).text() !== "255.255.255.255";

export const addresses: Library = library({
  ip: [
    overload("string_to_ip", "(string) net.IP", (text) => readIp(text as string)),
    overload("cidr_ip", "net.CIDR.() net.IP", (cidr) => new Ip((cidr as Range).cidr.address)),
  ],
  isIP: [overload("is_ip", "(string) bool", (text) => ipProblem(text as string) === undefined)],
  "ip.isCanonical": [overload("ip_is_canonical", "(string) bool", (text) => readIp(text as string).text() === text)],
  string: [
    overload("ip_to_string", "(net.IP) string", (ip) => (ip as Ip).text()),
    overload("cidr_to_string", "(net.CIDR) string", (cidr) => (cidr as Range).text()),
  ],
  family: [overload("ip_family", "net.IP.() int", (ip) => (isV4(ip) ? 4n : 6n))],
  isUnspecified: [overload("ip_is_unspecified", "net.IP.() bool", isUnspecified)],
  isLoopback: [overload("ip_is_loopback", "net.IP.() bool", isLoopback)],
  isLinkLocalMulticast: [overload("ip_is_link_local_multicast", "net.IP.() bool", isLinkLocalMulticast)],
  isLinkLocalUnicast: [overload("ip_is_link_local_unicast", "net.IP.() bool", isLinkLocalUnicast)],
  isGlobalUnicast: [overload("ip_is_global_unicast", "net.IP.() bool", isGlobalUnicast)],
  cidr: [overload("string_to_cidr", "(string) net.CIDR", (text) => readCidr(text as string))],
  isCIDR: [overload("is_cidr", "(string) bool", (text) => cidrProblem(text as string) === undefined)],
  containsIP: [
    overload("cidr_contains_ip_string", "net.CIDR.(string) bool", (cidr, ip) => cidrContains((cidr as Range).cidr, readIp(ip as string).address)),
    overload("cidr_contains_ip_ip", "net.CIDR.(net.IP) bool", (cidr, ip) => cidrContains((cidr as Range).cidr, (ip as Ip).address)),
  ],
  containsCIDR: [
    overload("cidr_contains_cidr_string", "net.CIDR.(string) bool", (outer, inner) => containsRange(outer as Range, readCidr(inner as string))),
    overload("cidr_contains_cidr", "net.CIDR.(net.CIDR) bool", (outer, inner) => containsRange(outer as Range, inner as Range)),
  ],
  prefixLength: [overload("cidr_prefix_length", "net.CIDR.() int", (cidr) => BigInt((cidr as Range).cidr.prefixLength))],
  masked: [
    overload("cidr_masked", "net.CIDR.() net.CIDR", (range) => {
      const { address, prefixLength } = (range as Range).cidr;
      return new Range({ address: maskIp(address, prefixLength), prefixLength });
    }),
  ],
});

/** The parts of a URL as it is written (RFC 3986): nothing is normalized. */
class Url extends Opaque {
  override readonly typeName = "kubernetes.URL";
  constructor(
    private readonly written: string,
    readonly scheme: string,
    readonly host: string,
    readonly path: string,
    readonly query: string,
  ) {
    super();
  }
  equals(other: Opaque): boolean {
    return other.text() === this.written;
  }
  override text(): string {
    return this.written;
  }
}
const HOST = /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/;

/** Undefined: not absolute, or not a URL. */
function parseUrl(text: string): Url | undefined {
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?$/.exec(text);
  if (match === null || text === "") return undefined;
  const [, scheme = "", authority = "", path = "", query = ""] = match;
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a URL has none
  const isWrong = /[\x00-\x1f\x7f]/.test(text) || /%(?![0-9A-Fa-f]{2})/.test(path) || /[ <>"`{}|\\^]/.test(host) || !HOST.test(host);
  if (isWrong || (scheme === "" && !text.startsWith("/"))) return undefined;
  return new Url(text, scheme.toLowerCase(), host, escapePath(path), query);
}
function escapePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%[\]]/gu, (character) => encodeURIComponent(character));
}
/** By name, in the order of names; what cannot be read is left out. */
function queryValues(query: string): Value {
  const values = new Map<string, string[]>();
  for (const pair of query.split("&")) {
    if (pair === "" || pair.includes(";") || /%(?![0-9A-Fa-f]{2})/.test(pair)) continue;
    const [[name, value] = ["", ""]] = new URLSearchParams(pair);
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return ValueMap.of(values);
}
function readUrl(text: string): Url {
  const url = parseUrl(text);
  if (url === undefined) throw new CelError(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`);
  return url;
}

const URL_TYPE = "kubernetes.URL";
export const urls: Library = library({
  url: [overload("string_to_url", `(string) ${URL_TYPE}`, (text) => readUrl(text as string))],
  isURL: [overload("is_url_string", "(string) bool", (text) => parseUrl(text as string) !== undefined)],
  getScheme: [overload("url_get_scheme", `${URL_TYPE}.() string`, (url) => (url as Url).scheme)],
  getHost: [overload("url_get_host", `${URL_TYPE}.() string`, (url) => (url as Url).host)],
  getHostname: [overload("url_get_hostname", `${URL_TYPE}.() string`, (url) => (HOST.exec((url as Url).host)?.[1] ?? "").replace(/^\[|\]$/g, ""))],
  getPort: [overload("url_get_port", `${URL_TYPE}.() string`, (url) => HOST.exec((url as Url).host)?.[2] ?? "")],
  getEscapedPath: [overload("url_get_escaped_path", `${URL_TYPE}.() string`, (url) => (url as Url).path)],
  getQuery: [overload("url_get_query", `${URL_TYPE}.() map(string, list(string))`, (url) => queryValues((url as Url).query))],
});
