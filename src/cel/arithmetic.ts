// Operators on numbers, instants and spans: 64 bits, and an error rather than a wrapped result
// (https://github.com/google/cel-spec/blob/master/doc/langdef.md#numeric-values).
import { FIRST_INSTANT, LAST_INSTANT, LONGEST_SPAN } from "./clock.ts";
import { type Library, library, type Overload, overload } from "./functions.ts";
import { LARGEST_INT, LARGEST_UINT, SMALLEST_INT } from "./lexer.ts";
import { CelError, compare, Duration, equals, MergingList, Timestamp, Uint, type Value } from "./values.ts";
import { checkWeight, setWeight, weightOf } from "./weight.ts";

export function toInt(value: bigint): bigint {
  if (value < SMALLEST_INT || value > LARGEST_INT) throw new CelError("integer overflow");
  return value;
}
export function toUint(value: bigint): Uint {
  if (value < 0n || value > LARGEST_UINT) throw new CelError("unsigned integer overflow");
  return new Uint(value);
}
function toDuration(nanos: bigint): Duration {
  if (nanos > LONGEST_SPAN || nanos < -LONGEST_SPAN - 1n) throw new CelError("duration overflow");
  return new Duration(nanos);
}
function toTimestamp(nanos: bigint): Timestamp {
  if (nanos < FIRST_INSTANT || nanos > LAST_INSTANT) throw new CelError("timestamp overflow");
  return new Timestamp(nanos);
}

type Binary<T> = (a: T, b: T) => T;
/** Overloads of an operator on the kinds of numbers it is for. */
function numeric(name: string, exact: Binary<bigint>, inexact?: Binary<number>): Overload[] {
  const overloads = [
    overload(`${name}_int64`, "(int, int) int", (a, b) => toInt(exact(a as bigint, b as bigint))),
    overload(`${name}_uint64`, "(uint, uint) uint", (a, b) => toUint(exact((a as Uint).value, (b as Uint).value))),
  ];
  if (inexact === undefined) return overloads;
  return [...overloads, overload(`${name}_double`, "(double, double) double", (a, b) => inexact(a as number, b as number))];
}
function divisor(value: bigint, message: string): bigint {
  if (value === 0n) throw new CelError(message);
  return value;
}
const nanosOf = (value: Value | undefined): bigint => (value instanceof Timestamp || value instanceof Duration ? value.nanos : 0n);

const ORDERED = ["bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"];
const NUMBERS = ["int", "uint", "double"];
const IN_ID: Readonly<Record<string, string>> = { int: "int64", uint: "uint64" };

function comparison(name: string, holds: (order: number) => boolean): Overload[] {
  const run = (a?: Value, b?: Value): boolean => {
    const order = compare(a ?? null, b ?? null);
    return order !== undefined && holds(order);
  };
  const idOf = (type: string): string => IN_ID[type] ?? type;
  const same = ORDERED.map((type) => overload(`${name}_${idOf(type)}`, `(${type}, ${type}) bool`, run));
  const mixed = NUMBERS.flatMap((left) =>
    NUMBERS.filter((right) => right !== left).map((right) => overload(`${name}_${idOf(left)}_${idOf(right)}`, `(${left}, ${right}) bool`, run)),
  );
  return [...same, ...mixed];
}

function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function concatLists(a?: Value, b?: Value): readonly Value[] {
  const [left, right] = [a as readonly Value[], b as readonly Value[]];
  const weight = weightOf(left) + weightOf(right);
  checkWeight(weight);
  return setWeight(left instanceof MergingList ? left.plus(right) : [...left, ...right], weight);
}

export const operators: Library = library({
  "_+_": [
    ...numeric(
      "add",
      (a, b) => a + b,
      (a, b) => a + b,
    ),
    overload("add_string", "(string, string) string", (a, b) => `${a as string}${b as string}`),
    overload("add_bytes", "(bytes, bytes) bytes", (a, b) => concatBytes(a as Uint8Array, b as Uint8Array)),
    overload("add_list", "(list(A), list(A)) list(A)", concatLists),
    overload("add_duration_duration", "(duration, duration) duration", (a, b) => toDuration(nanosOf(a) + nanosOf(b))),
    overload("add_duration_timestamp", "(duration, timestamp) timestamp", (a, b) => toTimestamp(nanosOf(a) + nanosOf(b))),
    overload("add_timestamp_duration", "(timestamp, duration) timestamp", (a, b) => toTimestamp(nanosOf(a) + nanosOf(b))),
  ],
  "_-_": [
    ...numeric(
      "subtract",
      (a, b) => a - b,
      (a, b) => a - b,
    ),
    overload("subtract_duration_duration", "(duration, duration) duration", (a, b) => toDuration(nanosOf(a) - nanosOf(b))),
    overload("subtract_timestamp_duration", "(timestamp, duration) timestamp", (a, b) => toTimestamp(nanosOf(a) - nanosOf(b))),
    overload("subtract_timestamp_timestamp", "(timestamp, timestamp) duration", (a, b) => toDuration(nanosOf(a) - nanosOf(b))),
  ],
  "_*_": numeric(
    "multiply",
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  "_/_": numeric(
    "divide",
    (a, b) => a / divisor(b, "division by zero"),
    (a, b) => a / b,
  ),
  "_%_": numeric("modulo", (a, b) => a % divisor(b, "modulus by zero")),
  "-_": [
    overload("negate_int64", "(int) int", (value) => toInt(-(value as bigint))),
    overload("negate_double", "(double) double", (value) => -(value as number)),
  ],
  "!_": [overload("logical_not", "(bool) bool", (value) => value !== true)],
  // Run by the evaluator itself, which need not look at all operands.
  "_&&_": [overload("logical_and", "(bool, bool) bool", (a, b) => a === true && b === true)],
  "_||_": [overload("logical_or", "(bool, bool) bool", (a, b) => a === true || b === true)],
  "_?_:_": [overload("conditional", "(bool, A, A) A", (condition, a, b) => (condition === true ? a : b) ?? null)],
  "@not_strictly_false": [overload("not_strictly_false", "(bool) bool", (value) => value !== false)],
  "_==_": [overload("equals", "(A, A) bool", (a, b) => equals(a ?? null, b ?? null))],
  "_!=_": [overload("not_equals", "(A, A) bool", (a, b) => !equals(a ?? null, b ?? null))],
  "_<_": comparison("less", (order) => order < 0),
  "_<=_": comparison("less_equals", (order) => order <= 0),
  "_>_": comparison("greater", (order) => order > 0),
  "_>=_": comparison("greater_equals", (order) => order >= 0),
});
