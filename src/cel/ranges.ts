// The least and the most of a size or a cost. Nothing is more than 2^64: from there on it is as good as unbounded.

export interface Range {
  readonly min: number;
  readonly max: number;
}

const LARGEST = 2 ** 64;
export const UNKNOWN: Range = { min: 0, max: LARGEST };

export function fixed(value: number): Range {
  return { min: value, max: value };
}
function each(a: Range, b: Range, operation: (x: number, y: number) => number): Range {
  return { min: Math.min(LARGEST, operation(a.min, b.min)), max: Math.min(LARGEST, operation(a.max, b.max)) };
}
export function addRange(a: Range, b: Range): Range {
  return each(a, b, (x, y) => x + y);
}
export function multiplyRange(a: Range, b: Range): Range {
  return each(a, b, (x, y) => x * y);
}
/** Rounded up. */
export function scaleRange(range: Range, factor: number): Range {
  return { min: Math.min(LARGEST, Math.ceil(range.min * factor)), max: Math.min(LARGEST, Math.ceil(range.max * factor)) };
}
export function union(a: Range, b: Range): Range {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}
