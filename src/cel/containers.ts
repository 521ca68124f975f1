// What lists, maps, texts and optional values can be asked: membership, sizes, indexes, parts, the fields of instants and spans.
import { type ClockFields, clockFields } from "./clock.ts";
import { indexValue, optionalIndex } from "./evaluator.ts";
import { type Library, library, type Overload, overload } from "./functions.ts";
import { matchesPattern } from "./regex.ts";
import { sizeOf } from "./runtime-cost.ts";
import { CelError, CelMap, Duration, equals, isList, isNumeric, Optional, type Timestamp, type Value } from "./values.ts";

const size = (value?: Value): bigint => BigInt(sizeOf(value));

function clockFunction(id: string, read: (fields: ClockFields) => number, spanUnit?: bigint): Overload[] {
  const run = (instant: Value | undefined, zone: string): bigint => {
    const fields = clockFields((instant as Timestamp).nanos, zone);
    if (fields === undefined) throw new CelError(`unknown time zone ${zone}`);
    return BigInt(read(fields));
  };
  const overloads = [
    overload(`timestamp_to_${id}`, "timestamp.() int", (instant) => run(instant, "")),
    overload(`timestamp_to_${id}_with_tz`, "timestamp.(string) int", (instant, zone) => run(instant, zone as string)),
  ];
  if (spanUnit === undefined) return overloads;
  const ofSpan = (span?: Value): bigint => (span instanceof Duration ? span.nanos / spanUnit : 0n);
  // Milliseconds of a span are those beyond its seconds, the other fields count the whole span.
  const read2 = id === "milliseconds" ? (span?: Value): bigint => ofSpan(span) % 1000n : ofSpan;
  return [...overloads, overload(`duration_to_${id}`, "duration.() int", read2)];
}

function isZero(value: Value): boolean {
  if (value === null || value === false || value === "") return true;
  if (isNumeric(value)) return equals(value, 0n);
  if (isList(value) || value instanceof Uint8Array || value instanceof CelMap) return sizeOf(value) === 0;
  if (value instanceof Duration) return value.nanos === 0n;
  return value instanceof Optional && value.value === undefined;
}
function firstOf(list: readonly Value[], index: number): Optional {
  const value = list.at(index);
  return value === undefined ? Optional.none : Optional.of(value);
}
function unwrap(list: readonly Value[]): Value[] {
  return list.flatMap((item) => (item instanceof Optional && item.value !== undefined ? [item.value] : []));
}
function present(optional: Value | undefined): Value {
  if (optional instanceof Optional && optional.value !== undefined) return optional.value;
  throw new CelError("optional.none() dereference");
}
const index = (container?: Value, at?: Value): Value => indexValue(container ?? null, at ?? null);
const maybeIndex = (container?: Value, at?: Value): Value => optionalIndex(container ?? null, at ?? null);

export const containers: Library = library({
  "@in": [
    overload("in_list", "(A, list(A)) bool", (item, list) => (list as Value[]).some((candidate) => equals(item ?? null, candidate))),
    overload("in_map", "(A, map(A, B)) bool", (key, map) => (map as CelMap).get(key ?? null) !== undefined),
  ],
  "_[_]": [
    overload("index_list", "(list(A), int) A", index),
    overload("index_map", "(map(A, B), A) B", index),
    overload("optional_list_index_int", "(optional(list(A)), int) optional(A)", index),
    overload("optional_map_index_value", "(optional(map(A, B)), A) optional(B)", index),
  ],
  "_[?_]": [
    overload("list_optindex_optional_int", "(list(A), int) optional(A)", maybeIndex),
    overload("optional_list_optindex_optional_int", "(optional(list(A)), int) optional(A)", maybeIndex),
    overload("map_optindex_optional_value", "(map(A, B), A) optional(B)", maybeIndex),
    overload("optional_map_optindex_optional_value", "(optional(map(A, B)), A) optional(B)", maybeIndex),
  ],
  "cel.@mapInsert": [
    overload("@mapInsert_map_map", "(map(A, B), map(A, B)) map(A, B)", (map) => map ?? null),
    overload("@mapInsert_map_key_value", "(map(A, B), A, B) map(A, B)", (map) => map ?? null),
  ],
  size: ["string", "bytes", "list", "map"].flatMap((name) => {
    const type = name === "list" ? "list(A)" : name === "map" ? "map(A, B)" : name;
    return [overload(`size_${name}`, `(${type}) int`, size), overload(`${name}_size`, `${type}.() int`, size)];
  }),
  contains: [overload("contains_string", "string.(string) bool", (text, part) => (text as string).includes(part as string))],
  startsWith: [overload("starts_with_string", "string.(string) bool", (text, part) => (text as string).startsWith(part as string))],
  endsWith: [overload("ends_with_string", "string.(string) bool", (text, part) => (text as string).endsWith(part as string))],
  matches: [
    overload("matches", "(string, string) bool", (text, pattern) => matchesPattern(text as string, pattern as string)),
    overload("matches_string", "string.(string) bool", (text, pattern) => matchesPattern(text as string, pattern as string)),
  ],
  getFullYear: clockFunction("year", (fields) => fields.year),
  getMonth: clockFunction("month", (fields) => fields.month),
  getDayOfYear: clockFunction("day_of_year", (fields) => fields.dayOfYear),
  getDayOfMonth: clockFunction("day_of_month", (fields) => fields.dayOfMonth - 1),
  getDate: clockFunction("day_of_month_1_based", (fields) => fields.dayOfMonth),
  getDayOfWeek: clockFunction("day_of_week", (fields) => fields.dayOfWeek),
  getHours: clockFunction("hours", (fields) => fields.hours, 3_600_000_000_000n),
  getMinutes: clockFunction("minutes", (fields) => fields.minutes, 60_000_000_000n),
  getSeconds: clockFunction("seconds", (fields) => fields.seconds, 1_000_000_000n),
  getMilliseconds: clockFunction("milliseconds", (fields) => fields.milliseconds, 1_000_000n),
});

export const optionals: Library = library({
  "optional.of": [overload("optional_of", "(A) optional(A)", (value) => Optional.of(value ?? null))],
  "optional.ofNonZeroValue": [
    overload("optional_ofNonZeroValue", "(A) optional(A)", (value) => (isZero(value ?? null) ? Optional.none : Optional.of(value ?? null))),
  ],
  "optional.none": [overload("optional_none", "() optional(A)", () => Optional.none)],
  value: [overload("optional_value", "optional(A).() A", (optional) => present(optional))],
  hasValue: [overload("optional_hasValue", "optional(A).() bool", (optional) => (optional as Optional).value !== undefined)],
  or: [overload("optional_or_optional", "optional(A).(optional(A)) optional(A)", (a, b) => ((a as Optional).value === undefined ? b : a) ?? null)],
  orValue: [overload("optional_orValue_value", "optional(A).(A) A", (optional, other) => (optional as Optional).value ?? other ?? null)],
  first: [overload("list_first", "list(A).() optional(A)", (list) => firstOf(list as Value[], 0))],
  last: [overload("list_last", "list(A).() optional(A)", (list) => firstOf(list as Value[], -1))],
  "optional.unwrap": [overload("optional_unwrap", "(list(optional(A))) list(A)", (list) => unwrap(list as Value[]))],
  unwrapOpt: [overload("optional_unwrapOpt", "list(optional(A)).() list(A)", (list) => unwrap(list as Value[]))],
});
