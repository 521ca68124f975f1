// Functions from one type to another (https://github.com/google/cel-spec/blob/master/doc/langdef.md#list-of-standard-definitions).
import { toInt, toUint } from "./arithmetic.ts";
import { FIRST_INSTANT, floorDivide, formatInstant, formatSeconds, LAST_INSTANT, parseInstant, parseSpan } from "./clock.ts";
import { type Library, library, overload } from "./functions.ts";
import { CelError, Duration, Timestamp, TypeValue, typeNameOf, Uint } from "./values.ts";

const SECOND = 1_000_000_000n;
const TRUE_TEXTS = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE_TEXTS = ["0", "f", "F", "FALSE", "false", "False"];
const encoder = new TextEncoder();

function conversionError(text: string, to: string): CelError {
  return new CelError(`type conversion error from 'string' to '${to}': ${JSON.stringify(text)}`);
}
function wholeNumber(value: number, low: number, high: number, message: string): bigint {
  if (!Number.isFinite(value) || value <= low || value >= high) throw new CelError(message);
  return BigInt(Math.trunc(value));
}
function readInt(text: string): bigint {
  if (!/^[+-]?[0-9]+$/.test(text)) throw conversionError(text, "int");
  return toInt(BigInt(text.replace(/^\+/, "")));
}
function readUint(text: string): Uint {
  if (!/^[0-9]+$/.test(text)) throw conversionError(text, "uint");
  return toUint(BigInt(text));
}
function readDouble(text: string): number {
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special !== null) return special[2]?.toLowerCase() === "nan" ? Number.NaN : special[1] === "-" ? -Infinity : Infinity;
  if (!/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(text)) throw conversionError(text, "double");
  return Number(text);
}
function readBool(text: string): boolean {
  if (TRUE_TEXTS.includes(text)) return true;
  if (FALSE_TEXTS.includes(text)) return false;
  throw conversionError(text, "bool");
}

/** As Go's `%g` with as many digits as it takes: an exponent below -4 and from 21 on. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (Object.is(value, -0)) return "-0";
  const [mantissa = "", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 21) return exponent < 0 ? value.toFixed(Math.max(0, mantissa.replace(/^-?\d\.?/, "").length - exponent)) : String(value);
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function readText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CelError("invalid UTF-8 in bytes, cannot convert to string");
  }
}
function readTimestamp(text: string): Timestamp {
  const nanos = parseInstant(text);
  if (nanos === undefined) throw conversionError(text, "google.protobuf.Timestamp");
  return new Timestamp(nanos);
}
function timestampOfSeconds(seconds: bigint): Timestamp {
  const nanos = seconds * SECOND;
  if (nanos < FIRST_INSTANT || nanos > LAST_INSTANT) throw new CelError("timestamp overflow");
  return new Timestamp(nanos);
}
function readDuration(text: string): Duration {
  const nanos = parseSpan(text);
  if (nanos === undefined) throw conversionError(text, "google.protobuf.Duration");
  return new Duration(nanos);
}

export const conversions: Library = library({
  dyn: [overload("to_dyn", "(A) dyn", (value) => value ?? null)],
  type: [overload("type", "(A) type(A)", (value) => new TypeValue(typeNameOf(value ?? null)))],
  bool: [overload("bool_to_bool", "(bool) bool", (value) => value ?? null), overload("string_to_bool", "(string) bool", (text) => readBool(text as string))],
  int: [
    overload("int64_to_int64", "(int) int", (value) => value ?? null),
    overload("uint64_to_int64", "(uint) int", (value) => toInt((value as Uint).value)),
    overload("double_to_int64", "(double) int", (value) => wholeNumber(value as number, -(2 ** 63), 2 ** 63, "integer overflow")),
    overload("string_to_int64", "(string) int", (text) => readInt(text as string)),
    overload("timestamp_to_int64", "(timestamp) int", (value) => floorDivide((value as Timestamp).nanos, SECOND)),
    overload("duration_to_int64", "(duration) int", (value) => (value as Duration).nanos),
  ],
  uint: [
    overload("uint64_to_uint64", "(uint) uint", (value) => value ?? null),
    overload("int64_to_uint64", "(int) uint", (value) => toUint(value as bigint)),
    overload("double_to_uint64", "(double) uint", (value) => {
      const double = value as number;
      return new Uint(wholeNumber(double, -Number.MIN_VALUE, 2 ** 64, "unsigned integer overflow"));
    }),
    overload("string_to_uint64", "(string) uint", (text) => readUint(text as string)),
  ],
  double: [
    overload("double_to_double", "(double) double", (value) => value ?? null),
    overload("int64_to_double", "(int) double", (value) => Number(value as bigint)),
    overload("uint64_to_double", "(uint) double", (value) => Number((value as Uint).value)),
    overload("string_to_double", "(string) double", (text) => readDouble(text as string)),
  ],
  string: [
    overload("string_to_string", "(string) string", (value) => value ?? null),
    overload("bool_to_string", "(bool) string", (value) => String(value)),
    overload("int64_to_string", "(int) string", (value) => String(value)),
    overload("uint64_to_string", "(uint) string", (value) => String((value as Uint).value)),
    overload("double_to_string", "(double) string", (value) => formatDouble(value as number)),
    overload("bytes_to_string", "(bytes) string", (value) => readText(value as Uint8Array)),
    overload("timestamp_to_string", "(timestamp) string", (value) => formatInstant((value as Timestamp).nanos)),
    overload("duration_to_string", "(duration) string", (value) => formatSeconds((value as Duration).nanos)),
  ],
  bytes: [
    overload("bytes_to_bytes", "(bytes) bytes", (value) => value ?? null),
    overload("string_to_bytes", "(string) bytes", (text) => encoder.encode(text as string)),
  ],
  timestamp: [
    overload("timestamp_to_timestamp", "(timestamp) timestamp", (value) => value ?? null),
    overload("string_to_timestamp", "(string) timestamp", (text) => readTimestamp(text as string)),
    overload("int64_to_timestamp", "(int) timestamp", (seconds) => timestampOfSeconds(seconds as bigint)),
  ],
  duration: [
    overload("duration_to_duration", "(duration) duration", (value) => value ?? null),
    overload("string_to_duration", "(string) duration", (text) => readDuration(text as string)),
    overload("int64_to_duration", "(int) duration", (nanos) => new Duration(nanos as bigint)),
  ],
});
