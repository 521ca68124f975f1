// `format` of the strings extension: %s, %d, %f, %e, %b, %x, %X, %o (https://pkg.go.dev/github.com/google/cel-go/ext#Strings).
import { formatInstant, formatSeconds } from "./clock.ts";
import { formatDouble } from "./conversions.ts";
import { CelError, CelMap, Duration, isList, Timestamp, TypeValue, typeNameOf, Uint, type Value } from "./values.ts";

const DEFAULT_PRECISION = 6;
const MOST_PRECISION = 1000;

export function formatText(text: string, args: readonly Value[]): string {
  let next = 0;
  return text.replace(/%(%|(?:\.([0-9]+))?([A-Za-z])|[\s\S]?)/gu, (_clause, rest: string, precision: string | undefined, verb: string | undefined) => {
    if (rest === "%") return "%";
    if (verb === undefined) throw new CelError("could not parse formatting clause: unexpected end of format string");
    const arg = args[next];
    if (arg === undefined) throw new CelError(`index ${next} out of range`);
    next++;
    const digits = precision === undefined ? DEFAULT_PRECISION : Number(precision);
    if (digits > MOST_PRECISION) throw new CelError(`could not parse formatting clause: precision ${digits} is more than ${MOST_PRECISION}`);
    return formatClause(verb, digits, arg);
  });
}

function formatClause(verb: string, precision: number, arg: Value): string {
  switch (verb) {
    case "s":
      return plainText(arg);
    case "d":
      return decimal(arg);
    case "f":
    case "e":
      return fraction(verb, precision, arg);
    case "b":
      return typeof arg === "boolean" ? (arg ? "1" : "0") : inBase(arg, 2, "binary", "bools and integers");
    case "o":
      return inBase(arg, 8, "octal", "integers");
    case "x":
    case "X": {
      const hex = hexadecimal(arg);
      return verb === "X" ? hex.toUpperCase() : hex;
    }
    default:
      throw new CelError(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
  }
}

function wrongType(verb: string, allowed: string, arg: Value): CelError {
  return new CelError(`error during formatting: ${verb} clause can only be used on ${allowed}, was given ${typeNameOf(arg)}`);
}
function special(value: number): string | undefined {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? undefined : value > 0 ? "Infinity" : "-Infinity";
}

function plainText(arg: Value): string {
  if (arg === null) return "null";
  if (typeof arg === "string") return arg;
  if (typeof arg === "number") return special(arg) ?? formatDouble(arg);
  if (typeof arg === "boolean" || typeof arg === "bigint") return String(arg);
  if (arg instanceof Uint) return String(arg.value);
  if (arg instanceof Uint8Array) return new TextDecoder().decode(arg);
  if (arg instanceof Timestamp) return formatInstant(arg.nanos);
  if (arg instanceof Duration) return formatSeconds(arg.nanos);
  if (arg instanceof TypeValue) return arg.typeName;
  if (isList(arg)) return `[${arg.map(plainText).join(", ")}]`;
  if (!(arg instanceof CelMap)) throw wrongType("string", "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps", arg);
  const entries = [...arg.keys()].map((key) => [plainText(key), plainText(arg.get(key) ?? null)] as const);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, value]) => `${key}: ${value}`).join(", ")}}`;
}
function decimal(arg: Value): string {
  if (typeof arg === "bigint") return String(arg);
  if (arg instanceof Uint) return String(arg.value);
  const text = typeof arg === "number" ? special(arg) : undefined;
  if (text === undefined) throw wrongType("decimal", "integers", arg);
  return text;
}
function fraction(verb: "f" | "e", precision: number, arg: Value): string {
  const name = verb === "f" ? "fixed-point" : "scientific";
  const value = arg instanceof Uint ? Number(arg.value) : typeof arg === "bigint" ? Number(arg) : arg;
  if (typeof value !== "number") throw wrongType(name, "doubles", arg);
  const text = special(value);
  if (text !== undefined) return text;
  if (verb === "f") return fixed(value, precision);
  return value.toExponential(Math.min(precision, 100)).replace(/e([+-])(\d)$/, "e$10$2");
}
/** Halves go to the even digit, as in Go; JavaScript writes at most 100 digits and rounds halves up. */
const MOST_DIGITS = 100;
function fixed(value: number, precision: number): string {
  if (Math.abs(value) >= 1e21) return BigInt(value).toString() + (precision > 0 ? `.${"0".repeat(precision)}` : "");
  if (precision >= MOST_DIGITS) return value.toFixed(MOST_DIGITS).padEnd(value.toFixed(0).length + 1 + precision, "0");
  const exact = value.toFixed(MOST_DIGITS);
  const cut = exact.length - MOST_DIGITS + precision;
  const kept = exact.slice(0, precision === 0 ? cut - 1 : cut);
  return /^50*$/.test(exact.slice(cut)) && /[02468]$/.test(kept) ? kept : value.toFixed(precision);
}
function inBase(arg: Value, base: number, verb: string, allowed: string): string {
  if (typeof arg === "bigint") return arg.toString(base);
  if (arg instanceof Uint) return arg.value.toString(base);
  throw wrongType(verb, allowed, arg);
}
function hexadecimal(arg: Value): string {
  const bytes = typeof arg === "string" ? new TextEncoder().encode(arg) : arg;
  if (bytes instanceof Uint8Array) return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return inBase(arg, 16, "hex", "integers, byte buffers, and strings");
}
