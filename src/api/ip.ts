// IP addresses and CIDRs as text, as Kubernetes reads and checks them: strictly (RFC 5952's form is required of newer fields
// only), without zone, without leading zeros, without IPv4 in IPv6 clothes.
import { present } from "../base/index.ts";
import { type FieldError, type FieldPath, invalid } from "./field-errors.ts";

export interface IpAddress {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, most significant first. */
  readonly bytes: readonly number[];
  /** What to say when the text is readable but must not be used. */
  readonly problem?: string;
}

export interface Cidr {
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly problem?: string;
}

const LEADING_ZEROS = "must not have leading 0s";

function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^[0-9]+$/.test(part) && Number(part) <= 255)) return undefined;
  const padded = parts.some((part) => part.length > 1 && part.startsWith("0"));
  return { family: 4, bytes: parts.map(Number), ...(padded ? { problem: LEADING_ZEROS } : {}) };
}

/** The 16-bit groups of one side of `::`; an IPv4 tail counts for two. */
function groups(text: string): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const tail = parts[parts.length - 1] ?? "";
  const values: number[] = [];
  for (const part of tail.includes(".") ? parts.slice(0, -1) : parts) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
    values.push(Number.parseInt(part, 16));
  }
  if (!tail.includes(".")) return values;
  const [a = 0, b = 0, c = 0, d = 0] = parseIpv4(tail)?.bytes ?? [];
  return parseIpv4(tail) === undefined ? undefined : [...values, a * 256 + b, c * 256 + d];
}

function parseIpv6(text: string): IpAddress | undefined {
  const sides = text.split("::");
  if (sides.length > 2) return undefined;
  const [left, right] = sides.map(groups);
  if (left === undefined || (sides.length === 2 && right === undefined)) return undefined;
  const missing = 8 - left.length - (right?.length ?? 0);
  if (sides.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...left, ...Array.from({ length: missing }, () => 0), ...(right ?? [])];
  const bytes = all.flatMap((group) => [group >> 8, group & 255]);
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  return mapped ? { family: 4, bytes: bytes.slice(12), problem: "must not be an IPv4-mapped IPv6 address" } : { family: 6, bytes };
}

/** Undefined when the text is no address at all. */
export function parseIp(text: string): IpAddress | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Of an address or a range as text, which must be one. */
export function ipFamilyOf(text: string): "IPv4" | "IPv6" {
  return text.includes(":") ? "IPv6" : "IPv4";
}

/** The one text of an address: RFC 5952. */
export function formatIp({ family, bytes }: IpAddress): string {
  if (family === 4) return bytes.join(".");
  const values = Array.from({ length: 8 }, (_, position) => (bytes[position * 2] ?? 0) * 256 + (bytes[position * 2 + 1] ?? 0));
  let [start, length] = [0, 0];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && values[to] === 0) to++;
    if (to - from > length) [start, length] = [from, to - from];
  }
  const text = (part: readonly number[]): string => part.map((value) => value.toString(16)).join(":");
  return length < 2 ? text(values) : `${text(values.slice(0, start))}::${text(values.slice(start + length))}`;
}

/** Undefined when the text is no CIDR at all. */
export function parseCidr(text: string): Cidr | undefined {
  const [addressText = "", prefixText = "", ...rest] = text.split("/");
  const address = parseIp(addressText);
  if (address === undefined || rest.length > 0 || !/^[0-9]+$/.test(prefixText)) return undefined;
  const isMapped = address.family === 4 && addressText.includes(":");
  const prefixLength = Number(prefixText) - (isMapped ? 96 : 0);
  if (prefixLength < 0 || prefixLength > address.bytes.length * 8) return undefined;
  const problem = cidrProblem(address, prefixText, prefixLength, isMapped);
  return { address, prefixLength, ...(problem === undefined ? {} : { problem }) };
}

function cidrProblem(address: IpAddress, prefixText: string, prefixLength: number, isMapped: boolean): string | undefined {
  if (isMapped) return "must not have an IPv4-mapped IPv6 address";
  if (address.problem !== undefined || (prefixText.length > 1 && prefixText.startsWith("0"))) return "must not have leading 0s in IP or prefix length";
  const masked = maskIp(address, prefixLength);
  return masked.bytes.every((byte, position) => byte === address.bytes[position]) ? undefined : "must not have bits set beyond the prefix length";
}

/** The address with all bits beyond the prefix cleared. */
export function maskIp({ family, bytes }: IpAddress, prefixLength: number): IpAddress {
  const masked = bytes.map((byte, position) => {
    const kept = Math.min(8, Math.max(0, prefixLength - position * 8));
    return byte & (255 << (8 - kept)) & 255;
  });
  return { family, bytes: masked };
}

export function formatCidr({ address, prefixLength }: Cidr): string {
  return `${formatIp(maskIp(address, prefixLength))}/${prefixLength}`;
}

/** Tells whether the address lies in the CIDR. */
export function cidrContains({ address, prefixLength }: Cidr, ip: IpAddress): boolean {
  return address.family === ip.family && formatIp(maskIp(ip, prefixLength)) === formatIp(maskIp(address, prefixLength));
}

/**
 * The address that comes `index` after a range's own, e.g. 10.96.0.10 for (10.96.0.0/16, 10); with `pieceLength`, that many pieces
 * of that prefix length after it, e.g. 10.244.3.0 for (10.244.0.0/16, 3, 24). `cidr` must be valid.
 */
export function addressAt(cidr: string, index: number, pieceLength?: number): string {
  const { address } = present(parseCidr(cidr), `range ${cidr}`);
  const bytes = [...address.bytes];
  const skippedBits = pieceLength === undefined ? 0 : bytes.length * 8 - pieceLength;
  let carried = index * 2 ** (skippedBits % 8);
  for (let position = bytes.length - 1 - Math.floor(skippedBits / 8); position >= 0 && carried > 0; position--) {
    carried += bytes[position] ?? 0;
    bytes[position] = carried % 256;
    carried = Math.floor(carried / 256);
  }
  return formatIp({ ...address, bytes });
}

/** For fields that take any readable form. */
export function checkIp(path: FieldPath, value: string): FieldError[] {
  const ip = parseIp(value);
  if (ip === undefined) return [invalid(path, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")];
  return ip.problem === undefined ? [] : [invalid(path, value, ip.problem)];
}

export function checkCidr(path: FieldPath, value: string): FieldError[] {
  const cidr = parseCidr(value);
  if (cidr === undefined) return [invalid(path, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")];
  return cidr.problem === undefined ? [] : [invalid(path, value, cidr.problem)];
}

export function checkCanonicalCidr(path: FieldPath, value: string): FieldError[] {
  const errors = checkCidr(path, value);
  const cidr = parseCidr(value);
  if (errors.length > 0 || cidr === undefined || formatCidr(cidr) === value) return errors;
  return [invalid(path, value, `must be in canonical form (${JSON.stringify(formatCidr(cidr))})`)];
}
