// Sums and comparisons of resource lists (`cpu: 500m, memory: 1Gi`), exact, keyed by resource name.
import { parseQuantity, Quantity } from "../../base/index.ts";

/** A resource list as objects carry it. */
export type ResourceList = Readonly<Record<string, string>>;
/** The same, parsed. A resource that is missing counts as none of it. */
export type ResourceAmounts = ReadonlyMap<string, Quantity>;

export function resourceAmounts(list: ResourceList | undefined): Map<string, Quantity> {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}

export function resourceList(amounts: ResourceAmounts): Record<string, string> {
  return Object.fromEntries([...amounts].map(([name, quantity]) => [name, quantity.toString()]));
}

export function addAmounts(one: ResourceAmounts, other: ResourceAmounts): Map<string, Quantity> {
  const sum = new Map(one);
  for (const [name, quantity] of other) sum.set(name, (sum.get(name) ?? Quantity.zero).add(quantity));
  return sum;
}

/** The larger of each. */
export function maxAmounts(one: ResourceAmounts, ...others: readonly ResourceAmounts[]): Map<string, Quantity> {
  const most = new Map(one);
  for (const other of others) {
    for (const [name, quantity] of other) {
      const known = most.get(name);
      if (known === undefined || quantity.compare(known) > 0) most.set(name, quantity);
    }
  }
  return most;
}

export function sameAmounts(one: ResourceList | undefined, other: ResourceList | undefined): boolean {
  const left = resourceAmounts(one);
  const right = resourceAmounts(other);
  return left.size === right.size && [...left].every(([name, quantity]) => right.get(name)?.compare(quantity) === 0);
}
