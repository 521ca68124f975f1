// The addresses that services are given: those of the ranges that the server was started with, and of every ServiceCIDR that is
// ready (https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/).
//
// Invariants: an address is given once, whichever ranges contain it; a range's own address is nobody's, nor is the last one of
// an IPv4 range (RFC 919, RFC 4291).
import { addressAt, type Cidr, cidrContains, formatIp, type IpAddress, ipFamilyOf, parseCidr, parseIp } from "../../api/index.ts";
import type { Random } from "../../base/index.ts";
import { drawNumber } from "./pools.ts";

export type IpFamily = "IPv4" | "IPv6";

/** Where larger ranges end: more than could ever be given. */
const MOST_ADDRESSES = 2 ** 40;

export interface ServiceRange {
  /** The range as its owner wrote it. */
  readonly text: string;
  readonly family: IpFamily;
  readonly cidr: Cidr;
  /** Addresses `addressAt(text, 1)` to `addressAt(text, last)` can be given. */
  readonly last: number;
}

/** Undefined for what is no range, or holds no address that could be given. */
export function parseServiceRange(text: string): ServiceRange | undefined {
  const cidr = parseCidr(text.trim());
  if (cidr === undefined) return undefined;
  const bits = cidr.address.bytes.length * 8 - cidr.prefixLength;
  const last = Math.min(2 ** bits, MOST_ADDRESSES) - (cidr.address.family === 4 ? 2 : 1);
  return last < 1 ? undefined : { text: text.trim(), family: cidr.address.family === 4 ? "IPv4" : "IPv6", cidr, last };
}

/** Reads `--service-cluster-ip-range`: one range, or one of each family, the default one first. Throws a TypeError. */
export function parseServiceRanges(text: string): readonly ServiceRange[] {
  const ranges = text.split(",").map((part) => {
    const range = parseServiceRange(part);
    if (range === undefined) throw new TypeError(`"${part}" is no range of addresses for services`);
    return range;
  });
  if (ranges.length > 2 || new Set(ranges.map(({ family }) => family)).size < ranges.length)
    throw new TypeError(`"${text}" must be one range of addresses, or one of each family`);
  return ranges;
}

export interface AddressSources {
  /** The ranges that the server was started with. */
  readonly configured: readonly ServiceRange[];
  /** Ranges of ServiceCIDRs that are ready. */
  readonly added: () => readonly ServiceRange[];
  /** Somebody who is no service has an IPAddress of that name. */
  readonly isForeign: (address: string) => boolean;
}

/** The one text of an address (RFC 5952), by which it is counted and recorded; a service may have it in another. */
export function canonicalAddress(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? address : formatIp(ip);
}

/** Addresses come and go in their one text; only `take` reads what a user wrote. */
export class AddressPool {
  readonly #used = new Set<string>();

  constructor(
    private readonly random: Random,
    private readonly sources: AddressSources,
  ) {}

  /** The families of services in this cluster, the default one first. */
  get families(): readonly IpFamily[] {
    return this.sources.configured.map(({ family }) => family);
  }

  /** Undefined when it worked, else why not. */
  take(address: string): string | undefined {
    const ip = parseIp(address);
    const range = ip === undefined ? undefined : this.#ranges(ipFamilyOf(address)).find(({ cidr }) => cidrContains(cidr, ip));
    if (ip === undefined || range === undefined) return "the provided network does not match the current range";
    if (!isUsable(range, ip)) return `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${range.text}`;
    return this.#use(formatIp(ip)) ? undefined : "provided IP is already allocated";
  }

  /** Notes what a service has, wherever it has it from. */
  note(address: string): void {
    this.#used.add(address);
  }

  /** Undefined when all ranges are full. */
  draw(family: IpFamily): string | undefined {
    for (const { text, last } of this.#ranges(family)) {
      const number = drawNumber(this.random, 1, last, (candidate) => this.#use(addressAt(text, candidate)));
      if (number !== undefined) return addressAt(text, number);
    }
    return undefined;
  }

  release(address: string): void {
    this.#used.delete(address);
  }

  #use(address: string): boolean {
    if (this.#used.has(address) || this.sources.isForeign(address)) return false;
    this.#used.add(address);
    return true;
  }

  #ranges(family: IpFamily): ServiceRange[] {
    const all = [...this.sources.configured, ...this.sources.added()].filter((range) => range.family === family);
    return [...new Map(all.map((range) => [range.text, range])).values()];
  }
}

function isUsable({ text, family, last }: ServiceRange, ip: IpAddress): boolean {
  const address = formatIp(ip);
  return address !== addressAt(text, 0) && (family === "IPv6" || address !== addressAt(text, last + 1));
}
