// Functions on lists: Kubernetes' own (https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library), the lists
// extension of CEL and its sets (https://pkg.go.dev/github.com/google/cel-go/ext).
import { operators } from "./arithmetic.ts";
import { type Library, library, type Overload, overload } from "./functions.ts";
import { CelError, compare, Duration, equals, isList, Uint, type Value } from "./values.ts";

const COMPARABLE = ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"];
const SUMMABLE: Readonly<Record<string, Value>> = { int: 0n, uint: new Uint(0n), double: 0, duration: new Duration(0n) };
/** Ranges are refused beyond this many numbers; lists do not nest deeper than this. */
const LONGEST_RANGE = 1_000_000n;

function ofComparable(name: string, result: (type: string) => string, run: (list: readonly Value[]) => Value): Overload[] {
  return COMPARABLE.map((type) => overload(`list_${type}_${name}`, `list(${type}).() ${result(type)}`, (list) => run(list as Value[])));
}
function order(a: Value, b: Value): number {
  const result = compare(a, b);
  if (result === undefined) throw new CelError("no such overload");
  return result;
}
function extreme(list: readonly Value[], name: string, sign: number): Value {
  const [first, ...rest] = list;
  if (first === undefined) throw new CelError(`${name} called on empty list`);
  return rest.reduce((best, item) => (order(item, best) * sign > 0 ? item : best), first);
}
function sumOf(list: readonly Value[], zero: Value): Value {
  const additions = operators.get("_+_") ?? [];
  const id = zero instanceof Duration ? "add_duration_duration" : zero instanceof Uint ? "add_uint64" : typeof zero === "bigint" ? "add_int64" : "add_double";
  const add = additions.find((candidate) => candidate.id === id);
  return list.reduce((sum, item) => add?.run(sum, item) ?? sum, zero);
}
function slice(list: readonly Value[], start: bigint, end: bigint): Value[] {
  if (start < 0n || end < 0n) throw new CelError(`cannot slice(${start}, ${end}), negative indexes not supported`);
  if (start > end) throw new CelError(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`);
  if (end > BigInt(list.length)) throw new CelError(`cannot slice(${start}, ${end}), list is length ${list.length}`);
  return list.slice(Number(start), Number(end));
}
function flatten(list: readonly Value[], depth: bigint): Value[] {
  if (depth < 0n) throw new CelError("level must be non-negative");
  return list.flatMap((item) => (isList(item) && depth > 0n ? flatten(item, depth - 1n) : [item]));
}
function range(count: bigint): Value[] {
  if (count > LONGEST_RANGE) throw new CelError(`lists.range: ${count} is more than ${LONGEST_RANGE}`);
  return Array.from({ length: Math.max(0, Number(count)) }, (_, position) => BigInt(position));
}
function distinct(list: readonly Value[]): Value[] {
  const found: Value[] = [];
  for (const item of list) if (!found.some((known) => equals(known, item))) found.push(item);
  return found;
}
function sortBy(list: readonly Value[], keys: readonly Value[]): Value[] {
  if (keys.some((key) => compare(key, keys[0] ?? key) === undefined)) throw new CelError("list elements must have the same type");
  return list
    .map((item, position) => ({ item, key: keys[position] ?? null }))
    .sort((a, b) => order(a.key, b.key))
    .map(({ item }) => item);
}
function contains(list: readonly Value[], parts: readonly Value[]): boolean {
  return parts.every((part) => list.some((item) => equals(item, part)));
}

export const kubernetesLists: Library = library({
  isSorted: ofComparable(
    "is_sorted",
    () => "bool",
    (list) => list.every((item, at) => at === 0 || order(list[at - 1] ?? null, item) <= 0),
  ),
  min: ofComparable(
    "min",
    (type) => type,
    (list) => extreme(list, "min", -1),
  ),
  max: ofComparable(
    "max",
    (type) => type,
    (list) => extreme(list, "max", 1),
  ),
  sum: Object.entries(SUMMABLE).map(([type, zero]) => overload(`list_${type}_sum`, `list(${type}).() ${type}`, (list) => sumOf(list as Value[], zero))),
  indexOf: [overload("list_a_index_of_int", "list(A).(A) int", (list, item) => BigInt((list as Value[]).findIndex((each) => equals(each, item ?? null))))],
  lastIndexOf: [
    overload("list_a_last_index_of_int", "list(A).(A) int", (list, item) => BigInt((list as Value[]).findLastIndex((each) => equals(each, item ?? null)))),
  ],
});

export const lists: Library = library({
  slice: [overload("list_slice", "list(A).(int, int) list(A)", (list, start, end) => slice(list as Value[], start as bigint, end as bigint))],
  flatten: [
    overload("list_flatten", "list(list(A)).() list(A)", (list) => flatten(list as Value[], 1n)),
    overload("list_flatten_int", "list(dyn).(int) list(dyn)", (list, depth) => flatten(list as Value[], depth as bigint)),
  ],
  "lists.range": [overload("lists_range", "(int) list(int)", (count) => range(count as bigint))],
  reverse: [overload("list_reverse", "list(A).() list(A)", (list) => [...(list as Value[])].reverse())],
  distinct: [overload("list_distinct", "list(A).() list(A)", (list) => distinct(list as Value[]))],
  sort: COMPARABLE.map((type) => overload(`list_${type}_sort`, `list(${type}).() list(${type})`, (list) => sortBy(list as Value[], list as Value[]))),
  "@sortByAssociatedKeys": COMPARABLE.map((type) =>
    overload(`list_${type}_sortByAssociatedKeys`, `list(A).(list(${type})) list(A)`, (list, keys) => sortBy(list as Value[], keys as Value[])),
  ),
});

export const sets: Library = library({
  "sets.contains": [overload("list_sets_contains_list", "(list(A), list(A)) bool", (list, parts) => contains(list as Value[], parts as Value[]))],
  "sets.equivalent": [
    overload("list_sets_equivalent_list", "(list(A), list(A)) bool", (a, b) => contains(a as Value[], b as Value[]) && contains(b as Value[], a as Value[])),
  ],
  "sets.intersects": [
    overload("list_sets_intersects_list", "(list(A), list(A)) bool", (a, b) => (a as Value[]).some((item) => contains(b as Value[], [item]))),
  ],
});
