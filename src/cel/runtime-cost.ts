// What a call costs while it runs, in the units of https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints: a
// look-up is 1, a pass over ten characters is 1. The figures are upstream's: budgets are written against them.
import { CelMap, CelObject, isList, Opaque, Optional, type Value } from "./values.ts";

export const LOOKUP_COST = 1;
export const LIST_COST = 10;
export const MAP_COST = 30;
export const OBJECT_COST = 40;
/** Of a character when a text is gone through once. */
export const CHARACTER_COST = 0.1;
/** Of a character of a pattern, for each unit of text it is tried on. */
export const PATTERN_COST = 0.25;
/** Two authorization checks fill an expression's budget. */
export const AUTHORIZATION_CHECK_COST = 350_000;

export type CallCost = (args: readonly Value[], result: Value) => number;

const UNIT: CallCost = () => 1;

/** Characters, bytes, elements or entries; 1 for what has none. */
export function sizeOf(value: Value | undefined): number {
  if (typeof value === "string") return codePointCount(value);
  if (value === null || typeof value !== "object") return 1;
  if (isList(value) || value instanceof Uint8Array) return value.length;
  if (value instanceof CelMap) return value.size;
  if (value instanceof CelObject) return [...value.fields()].length;
  if (value instanceof Optional && value.value !== undefined) return sizeOf(value.value);
  return value instanceof SizedOpaque ? value.size : 1;
}

/** A library's value whose size counts. */
export abstract class SizedOpaque extends Opaque {
  abstract readonly size: number;
}

export function codePointCount(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index++) if ((text.charCodeAt(index) & 0xfc00) === 0xdc00) count--;
  return count;
}

function pass(value: Value | undefined, passes = 1): number {
  return Math.ceil(sizeOf(value) * passes * CHARACTER_COST);
}
function patternCost([text, pattern]: readonly Value[]): number {
  return Math.ceil((1 + sizeOf(text)) * CHARACTER_COST) * Math.ceil(sizeOf(pattern) * PATTERN_COST);
}
/** Selectors are read into requirements, about one for two characters. */
function selectorCost([, selector]: readonly Value[]): number {
  const length = sizeOf(selector);
  return LIST_COST + Math.ceil(length * CHARACTER_COST) + Math.ceil(Math.ceil(length * 0.5) * (LIST_COST + OBJECT_COST));
}

function traversal(value: Value | undefined): number {
  if (typeof value === "string") return Math.floor(new TextEncoder().encode(value).length * CHARACTER_COST);
  if (value instanceof Uint8Array) return Math.floor(value.length * CHARACTER_COST);
  if (value === undefined || value === null || typeof value !== "object") return 1;
  if (isList(value)) return value.reduce<number>((sum, item) => sum + traversal(item), 0);
  if (value instanceof CelMap) return [...value.keys()].reduce<number>((sum, key) => sum + traversal(key) + traversal(value.get(key)), 0);
  if (value instanceof CelObject) return [...value.fields()].reduce<number>((sum, field) => sum + traversal(field) + traversal(value.get(field)), 0);
  return 1;
}

const ONE_PASS: CallCost = ([subject]) => pass(subject);
const TWO_PASSES: CallCost = ([subject]) => pass(subject, 2);
const SHORTER: CallCost = ([a, b]) => Math.ceil(Math.min(sizeOf(a), sizeOf(b)) * CHARACTER_COST);
const EQUALITY: CallCost = (args, result) => (args[0] instanceof Opaque ? 1 : SHORTER(args, result));
const BOTH: CallCost = ([a, b]) => Math.ceil((sizeOf(a) + sizeOf(b)) * CHARACTER_COST);
const WHOLE: CallCost = ([subject]) => traversal(subject);
/** Prefixes are compared byte by byte, twice the prefix. */
const CONTAINS_IP: CallCost = ([cidr]) => pass(cidr, 2);
const CONTAINS_CIDR: CallCost = ([cidr]) => pass(cidr, 2) + pass(cidr) + 1;

/** A call that makes a list: the list, and a unit for the call. */
const ALLOCATED = LIST_COST + 1;
/** Comparing all with all, twice; texts are gone through as well. */
const SELF_COMPARISON = (list: Value | undefined): number => {
  const first = list !== undefined && isList(list) ? list[0] : undefined;
  const factor = typeof first === "string" || first instanceof Uint8Array ? 2 + CHARACTER_COST : 2;
  return Math.floor(sizeOf(list) ** 2 * factor) + ALLOCATED;
};
const RESULT_LIST: CallCost = (_args, result) => sizeOf(result) + ALLOCATED;
const ALL_WITH_ALL: CallCost = ([a, b]) => sizeOf(a) * sizeOf(b) + 1;
const FLATTEN: CallCost = ([list, depth]) => Math.floor(sizeOf(list) * (typeof depth === "bigint" ? Number(depth) : 1)) + ALLOCATED;

/** Costs by what came out; all others are known, and charged, before the call runs. */
const AFTERWARDS = new Set(["join", "slice", "lists.range", "reverse"]);
export function isKnownBefore(functionName: string): boolean {
  return !AFTERWARDS.has(functionName);
}

/** By function, whatever the overload. */
const BY_FUNCTION: Readonly<Partial<Record<string, CallCost>>> = {
  check: () => AUTHORIZATION_CHECK_COST,
  fieldSelector: selectorCost,
  labelSelector: selectorCost,
  isSorted: WHOLE,
  sum: WHOLE,
  max: WHOLE,
  min: WHOLE,
  indexOf: WHOLE,
  lastIndexOf: WHOLE,
  url: ONE_PASS,
  lowerAscii: ONE_PASS,
  upperAscii: ONE_PASS,
  substring: ONE_PASS,
  trim: ONE_PASS,
  "jsonpatch.escapeKey": ONE_PASS,
  replace: TWO_PASSES,
  split: TWO_PASSES,
  join: (_args, result) => pass(result, 2),
  find: patternCost,
  findAll: patternCost,
  cidr: ONE_PASS,
  isIP: ONE_PASS,
  isCIDR: ONE_PASS,
  "ip.isCanonical": TWO_PASSES,
  quantity: ONE_PASS,
  isQuantity: ONE_PASS,
  semver: ONE_PASS,
  isSemver: ONE_PASS,
  slice: RESULT_LIST,
  "lists.range": RESULT_LIST,
  reverse: RESULT_LIST,
  flatten: FLATTEN,
  distinct: ([list]) => SELF_COMPARISON(list),
  sort: ([list]) => SELF_COMPARISON(list),
  "@sortByAssociatedKeys": ([, keys]) => SELF_COMPARISON(keys),
  "sets.contains": ALL_WITH_ALL,
  "sets.intersects": ALL_WITH_ALL,
  "sets.equivalent": ([a, b]) => 2 * sizeOf(a) * sizeOf(b) + 1,
};
const BY_OVERLOAD: Readonly<Partial<Record<string, CallCost>>> = {
  string_to_ip: ONE_PASS,
  cidr_contains_ip_ip: CONTAINS_IP,
  cidr_contains_ip_string: (args, result) => CONTAINS_IP(args, result) + pass(args[1]),
  cidr_contains_cidr: CONTAINS_CIDR,
  cidr_contains_cidr_string: (args, result) => CONTAINS_CIDR(args, result) + pass(args[1]),
  "format-validate": ([format, text]) => Math.ceil((1 + sizeOf(text)) * CHARACTER_COST) * Math.ceil(sizeOf(format) * PATTERN_COST),
  starts_with_string: ONE_PASS,
  ends_with_string: ONE_PASS,
  string_to_bytes: ONE_PASS,
  bytes_to_string: ONE_PASS,
  strings_quote: ONE_PASS,
  string_format: ONE_PASS,
  in_list: ([, list]) => sizeOf(list),
  less_string: SHORTER,
  less_equals_string: SHORTER,
  greater_string: SHORTER,
  greater_equals_string: SHORTER,
  less_bytes: SHORTER,
  less_equals_bytes: SHORTER,
  greater_bytes: SHORTER,
  greater_equals_bytes: SHORTER,
  equals: EQUALITY,
  not_equals: SHORTER,
  add_string: BOTH,
  add_bytes: BOTH,
  matches_string: patternCost,
  contains_string: ([text, part]) => pass(text) * pass(part),
};

/** The cost of calls of an overload. */
export function callCost(functionName: string, overloadId: string): CallCost {
  return BY_OVERLOAD[overloadId] ?? BY_FUNCTION[functionName] ?? UNIT;
}
