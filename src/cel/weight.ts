// How much a value would be if it were written out. Expressions build values that hold the same part many times: forty steps of
// `[l, l]` are a value that nothing could be done with in a lifetime, and cost next to nothing. So such a value fails when it is built.
import { CelError, isList, type Value, ValueMap } from "./values.ts";

const HEAVIEST = 1_000_000;
/** Of lists and maps that hold others; all else weighs as much as it is long. */
const weights = new WeakMap<object, number>();

export function weightOf(value: Value): number {
  if (isList(value)) return weights.get(value) ?? value.length;
  return value instanceof ValueMap ? (weights.get(value) ?? value.size) : 1;
}

/** The container, which now holds `part` as well. */
export function weighed<T extends readonly Value[] | ValueMap>(container: T, part: Value): T {
  const own = weightOf(part);
  if (own > 1) setWeight(container, weightOf(container) + own);
  return container;
}

export function checkWeight(weight: number): void {
  if (weight > HEAVIEST) throw new CelError(`value of more than ${HEAVIEST} parts`);
}

export function setWeight<T extends readonly Value[] | ValueMap>(container: T, weight: number): T {
  checkWeight(weight);
  weights.set(container, weight);
  return container;
}
