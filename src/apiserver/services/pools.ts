// What services are given out of: a range of addresses, a range of ports. Draws are random, so that an address is not given
// anew soon after it was free; the lower part of a range is left to those who ask for one by name while there is another
// (https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/).
import type { Random } from "../../base/index.ts";

/** Numbers from `first` to `last`, each given once. */
export class NumberPool {
  readonly #used = new Set<number>();
  readonly #reserved: number;

  constructor(
    private readonly random: Random,
    readonly first: number,
    readonly last: number,
  ) {
    this.#reserved = reservedCount(last - first + 1);
  }

  contains(number: number): boolean {
    return number >= this.first && number <= this.last;
  }

  /** False when it is given already. */
  take(number: number): boolean {
    if (this.#used.has(number)) return false;
    this.#used.add(number);
    return true;
  }

  /** Any free number; undefined when there is none. */
  draw(): number | undefined {
    return this.#drawFrom(this.first + this.#reserved, this.last) ?? this.#drawFrom(this.first, this.first + this.#reserved - 1);
  }

  release(number: number): void {
    this.#used.delete(number);
  }

  #drawFrom(low: number, high: number): number | undefined {
    const size = high - low + 1;
    if (size <= 0) return undefined;
    const start = Math.floor(this.random.next() * size);
    for (let step = 0; step < size; step++) {
      const number = low + ((start + step) % size);
      if (this.take(number)) return number;
    }
    return undefined;
  }
}

/** A sixteenth of the range, between 16 and 256. A range that is hardly larger has no such part. */
function reservedCount(size: number): number {
  const count = Math.min(Math.max(16, Math.floor(size / 16)), 256);
  return size <= count ? 0 : count;
}

/** An IPv4 range. Its first and last address are nobody's. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
  readonly text: string;
}

/** Throws a TypeError for what is no IPv4 range. */
export function parseAddressRange(cidr: string): AddressRange {
  const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr);
  const base = match === null ? undefined : parseAddress(match[1] ?? "");
  const bits = Number(match?.[2] ?? Number.NaN);
  if (base === undefined || !(bits >= 8 && bits <= 30)) throw new TypeError(`${cidr} is no IPv4 range for services`);
  const size = 2 ** (32 - bits);
  const start = base - (base % size);
  return { first: start + 1, last: start + size - 2, text: cidr };
}

/** Undefined for what is no IPv4 address. */
export function parseAddress(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  return parts === undefined || parts.some((part) => part > 255) ? undefined : parts.reduce((number, part) => number * 256 + part, 0);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");
}
