// The least and the most that one call can cost, beside its arguments, and how large its result can be.
import type { Expr } from "./ast.ts";
import { addRange, fixed, multiplyRange, type Range, scaleRange, UNKNOWN } from "./ranges.ts";
import { AUTHORIZATION_CHECK_COST, CHARACTER_COST, LIST_COST, OBJECT_COST, PATTERN_COST } from "./runtime-cost.ts";
import type { Type } from "./types.ts";

export interface SizedNode {
  readonly expr: Expr;
  readonly type: Type;
  readonly size: Range | undefined;
}
export interface CallEstimate {
  readonly cost: Range;
  /** Undefined: nothing is known. */
  readonly size?: Range;
}
type Estimate = (target: SizedNode | undefined, args: readonly SizedNode[]) => CallEstimate;

/** The longest pattern a named format has. */
const LONGEST_FORMAT_PATTERN = 128;
const LONGEST_FORMAT_NAME = 64;
/** Octets of an address. */
const ADDRESS_SIZE: Range = { min: 4, max: 16 };
const UNIT: CallEstimate = { cost: fixed(1) };

const sizeOf = (node: SizedNode | undefined): Range => node?.size ?? UNKNOWN;
const pass = (size: Range, passes = 1): Range => scaleRange(size, passes * CHARACTER_COST);
/** Plus one, so that a pattern costs on an empty text too. */
const patternCost = (text: Range, pattern: Range): Range => multiplyRange(pass(addRange(text, fixed(1))), scaleRange(pattern, PATTERN_COST));

/** A function in which the text or list comes first, as target or as argument. */
const onePass: Estimate = (target, args) => ({ cost: pass(sizeOf(target ?? args[0])) });
const onePassKept: Estimate = (target, args) => ({ ...onePass(target, args), size: sizeOf(target ?? args[0]) });
const selector: Estimate = (_target, [text]) => {
  const length = sizeOf(text);
  const requirements = scaleRange(scaleRange(length, 0.5), LIST_COST + OBJECT_COST);
  return { cost: addRange(addRange(fixed(LIST_COST), pass(length)), requirements) };
};
const traversal: Estimate = (target) => {
  if (target?.type.kind !== "list") return { cost: pass(sizeOf(target)) };
  const { element } = target.type;
  if (element.kind !== "string" && element.kind !== "bytes") return { cost: multiplyRange(sizeOf(target), fixed(1)) };
  const size = element.maxSize === undefined ? UNKNOWN : { min: 0, max: element.maxSize };
  return { cost: multiplyRange(sizeOf(target), addRange(fixed(1), pass(size))) };
};
const replacement: Estimate = (target, [from, to]) => {
  const [text, old, replaced] = [sizeOf(target), sizeOf(from), sizeOf(to)];
  const most = replacementBound(text.max, old.min, replaced.max <= old.min);
  const least = replacementBound(text.min, old.max, old.max <= replaced.min);
  const size = addRange(multiplyRange({ min: least.count, max: most.count }, replaced), { min: least.kept, max: most.kept });
  return { cost: pass(text, 2), size };
};
/** How often a text is replaced and how much of the whole stays: all gaps when nothing is looked for. */
function replacementBound(text: number, old: number, keepsLength: boolean): { readonly count: number; readonly kept: number } {
  if (old === 0) return { count: text + 1, kept: text };
  return keepsLength ? { count: 0, kept: text } : { count: Math.ceil(text / old), kept: 0 };
}
const splitting: Estimate = (target, [, limit]) => {
  const text = sizeOf(target);
  const most = limit?.expr.kind === "const" && typeof limit.expr.value === "bigint" ? Number(BigInt.asUintN(64, limit.expr.value)) : text.max;
  return { cost: pass(text, 2), size: { min: 0, max: most } };
};
const joining: Estimate = (target, [separator]) => {
  const count = sizeOf(target);
  const element = target?.type.kind === "list" ? target.type.element : undefined;
  const texts = element === undefined ? fixed(0) : multiplyRange(count, element.maxSize === undefined ? UNKNOWN : { min: 0, max: element.maxSize });
  const gaps = { min: Math.max(0, count.min - 1), max: Math.max(0, count.max - 1) };
  const size = separator === undefined ? texts : addRange(texts, multiplyRange(sizeOf(separator), gaps));
  return { cost: pass(size), size };
};
const finding: Estimate = (target, [pattern]) => ({ cost: patternCost(sizeOf(target), sizeOf(pattern)), size: { min: 0, max: sizeOf(target).max } });
const addressComparison = pass(addRange(ADDRESS_SIZE, ADDRESS_SIZE));
const rangeComparison = addRange(addRange(addressComparison, pass(ADDRESS_SIZE)), fixed(1));
const shorter: Estimate = (_target, [a, b]) => {
  const most = Math.min(sizeOf(a).max, sizeOf(b).max);
  return { cost: pass({ min: most > 0 ? 1 : 0, max: most }) };
};
const constantTime = (type: Type | undefined): boolean => type?.kind === "opaque" && type.name !== "optional_type";
const isFormat = (type: Type | undefined): boolean => type?.kind === "opaque" && type.name === "kubernetes.NamedFormat";
const equality: Estimate = (target, args) => {
  if (isFormat(args[0]?.type) && isFormat(args[1]?.type)) return { cost: pass({ min: 1, max: LONGEST_FORMAT_NAME }) };
  return constantTime(args[0]?.type) && constantTime(args[1]?.type) ? UNIT : shorter(target, args);
};
const concatenation: Estimate = (_target, [a, b]) => {
  const size = addRange(sizeOf(a), sizeOf(b));
  return { cost: pass(size), size };
};

/** A call that makes a list of this size. */
function allocating(size: Range, factor = 1): CallEstimate {
  return { cost: addRange(scaleRange(size, factor), fixed(LIST_COST + 1)), size };
}
function intOf(node: SizedNode | undefined, otherwise: number): number {
  return node?.expr.kind === "const" && typeof node.expr.value === "bigint" ? Number(node.expr.value) : otherwise;
}
function selfComparison(list: SizedNode | undefined): CallEstimate {
  const [size, element] = [sizeOf(list), list?.type.kind === "list" ? list.type.element.kind : "dyn"];
  const squared = multiplyRange(size, size);
  return allocating(squared, element === "string" || element === "bytes" ? 2 + CHARACTER_COST : 2);
}
const allWithAll =
  (factor: number): Estimate =>
  (_target, [a, b]) => ({ cost: addRange(scaleRange(multiplyRange(sizeOf(a), sizeOf(b)), factor), fixed(1)) });

const BY_FUNCTION: Readonly<Partial<Record<string, Estimate>>> = {
  check: () => ({ cost: fixed(AUTHORIZATION_CHECK_COST) }),
  fieldSelector: selector,
  labelSelector: selector,
  isSorted: traversal,
  sum: traversal,
  max: traversal,
  min: traversal,
  indexOf: traversal,
  lastIndexOf: traversal,
  url: onePassKept,
  lowerAscii: onePassKept,
  upperAscii: onePassKept,
  substring: onePassKept,
  trim: onePassKept,
  replace: replacement,
  split: splitting,
  join: joining,
  find: finding,
  findAll: finding,
  cidr: onePass,
  isIP: onePass,
  isCIDR: onePass,
  "ip.isCanonical": (_target, [text]) => ({ cost: pass(sizeOf(text), 2) }),
  quantity: onePass,
  isQuantity: onePass,
  semver: onePass,
  isSemver: onePass,
  slice: (target, [start, end]) => allocating(fixed(Math.max(0, intOf(end, sizeOf(target).max) - intOf(start, 0)))),
  "lists.range": (_target, [count]) => allocating(fixed(Math.max(0, intOf(count, UNKNOWN.max)))),
  reverse: (target) => allocating(sizeOf(target)),
  flatten: (target, [depth]) => allocating(sizeOf(target), depth === undefined ? 1 : intOf(depth, UNKNOWN.max)),
  distinct: selfComparison,
  sort: selfComparison,
  "@sortByAssociatedKeys": (_target, [keys]) => selfComparison(keys),
  "sets.contains": allWithAll(1),
  "sets.intersects": allWithAll(1),
  "sets.equivalent": allWithAll(2),
  validate: (_target, [text]) => ({ cost: scaleRange(pass(sizeOf(text)), LONGEST_FORMAT_PATTERN * PATTERN_COST) }),
};
const BY_OVERLOAD: Readonly<Partial<Record<string, Estimate>>> = {
  string_to_ip: onePass,
  cidr_contains_ip_ip: () => ({ cost: addressComparison }),
  cidr_contains_ip_string: (_target, [text]) => ({ cost: addRange(addressComparison, pass(sizeOf(text))) }),
  cidr_contains_cidr: () => ({ cost: rangeComparison }),
  cidr_contains_cidr_string: (_target, [text]) => ({ cost: addRange(rangeComparison, pass(sizeOf(text))) }),
  string_format: onePass,
  // A character is up to four bytes.
  string_to_bytes: (_target, [text]) => ({ cost: pass(sizeOf(text)), size: { min: sizeOf(text).min, max: sizeOf(text).max * 4 } }),
  bytes_to_string: (_target, [bytes]) => ({ cost: pass(sizeOf(bytes)), size: { min: Math.floor(sizeOf(bytes).min / 4), max: sizeOf(bytes).max } }),
  // Two quotes, and each character may be escaped.
  strings_quote: (_target, [text]) => ({ cost: pass(sizeOf(text)), size: { min: sizeOf(text).min + 2, max: sizeOf(text).max * 2 + 2 } }),
  starts_with_string: (_target, [part]) => ({ cost: pass(sizeOf(part)) }),
  ends_with_string: (_target, [part]) => ({ cost: pass(sizeOf(part)) }),
  in_list: (_target, [, list]) => ({ cost: sizeOf(list) }),
  matches_string: (target, [pattern]) => ({ cost: patternCost(sizeOf(target), sizeOf(pattern)) }),
  contains_string: (target, [part]) => ({ cost: multiplyRange(pass(sizeOf(target)), pass(sizeOf(part))) }),
  add_string: concatenation,
  add_bytes: concatenation,
  add_list: (_target, [a, b]) => ({ cost: fixed(1), size: addRange(sizeOf(a), sizeOf(b)) }),
  less_string: shorter,
  less_equals_string: shorter,
  greater_string: shorter,
  greater_equals_string: shorter,
  less_bytes: shorter,
  less_equals_bytes: shorter,
  greater_bytes: shorter,
  greater_equals_bytes: shorter,
  equals: equality,
  not_equals: shorter,
};

export function estimateCall(functionName: string, overloadId: string, target: SizedNode | undefined, args: readonly SizedNode[]): CallEstimate {
  const estimate = BY_OVERLOAD[overloadId] ?? BY_FUNCTION[functionName];
  return estimate === undefined ? UNIT : estimate(target, args);
}
