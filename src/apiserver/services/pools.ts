// What services are given out of: numbers of a range, each given once. Draws are random, so that an address is not given
// anew soon after it was free; the lower part of a range is left to those who ask for one by name while there is another
// (https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/).
import type { Random } from "../../base/index.ts";

/** The first number from `first` to `last` that `take` takes, in the order of draws; undefined when it takes none. */
export function drawNumber(random: Random, first: number, last: number, take: (number: number) => boolean): number | undefined {
  const reserved = reservedCount(last - first + 1);
  return drawFrom(random, first + reserved, last, take) ?? drawFrom(random, first, first + reserved - 1, take);
}

function drawFrom(random: Random, low: number, high: number, take: (number: number) => boolean): number | undefined {
  const size = high - low + 1;
  if (size <= 0) return undefined;
  const start = Math.floor(random.next() * size);
  for (let step = 0; step < size; step++) {
    const number = low + ((start + step) % size);
    if (take(number)) return number;
  }
  return undefined;
}

/** A sixteenth of the range, between 16 and 256. A range that is hardly larger has no such part. */
function reservedCount(size: number): number {
  const count = Math.min(Math.max(16, Math.floor(size / 16)), 256);
  return size <= count ? 0 : count;
}

/** Numbers from `first` to `last`, each given once. */
export class NumberPool {
  readonly #used = new Set<number>();

  constructor(
    private readonly random: Random,
    readonly first: number,
    readonly last: number,
  ) {}

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
    return drawNumber(this.random, this.first, this.last, (number) => this.take(number));
  }

  release(number: number): void {
    this.#used.delete(number);
  }
}
