// The values of CEL. What JavaScript has is used as it is: null, booleans, bigint for `int`, number for `double`, strings, byte
// arrays, arrays for lists. Immutable, all of them.
import { formatInstant, formatSeconds } from "./clock.ts";

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | TypeValue
  | Optional
  | Opaque
  | CelMap
  | CelObject
  | readonly Value[];

/** What an expression ends with that has no value: its message is what clients see. */
export class CelError extends Error {
  override readonly name = "CelError";
}

export class Uint {
  constructor(readonly value: bigint) {}
}
/** Nanoseconds since 1970 began, UTC. */
export class Timestamp {
  constructor(readonly nanos: bigint) {}
}
export class Duration {
  constructor(readonly nanos: bigint) {}
}
export class TypeValue {
  constructor(readonly typeName: string) {}
}
export class Optional {
  private constructor(readonly value: Value | undefined) {}
  static readonly none = new Optional(undefined);
  static of(value: Value): Optional {
    return new Optional(value);
  }
}
/** A value of a library: a quantity, an address, an authorizer. */
export abstract class Opaque {
  abstract readonly typeName: string;
  abstract equals(other: Opaque): boolean;
  /** As `string()` shows it; undefined: it has no such form. */
  text(): string | undefined {
    return undefined;
  }
}

/** A list whose schema says how it is compared and merged: as a set, or by keys. */
export abstract class MergingList extends Array<Value> {
  /** What is made of its items is a plain list. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
  abstract plus(other: readonly Value[]): readonly Value[];
  abstract isLike(other: readonly Value[]): boolean;
}

export abstract class CelMap {
  abstract readonly size: number;
  abstract get(key: Value): Value | undefined;
  abstract keys(): Iterable<Value>;
}
/** A value with named fields of a declared type. */
export abstract class CelObject {
  abstract readonly typeName: string;
  /** Undefined: not set. */
  abstract get(field: string): Value | undefined;
  abstract fields(): Iterable<string>;
}

/** What an expression writes as `{...}`, or a library makes. */
export class ValueMap extends CelMap {
  private readonly entries = new Map<string, { readonly key: Value; readonly value: Value }>();
  static of(entries: Iterable<readonly [Value, Value]>): ValueMap {
    const map = new ValueMap();
    for (const [key, value] of entries) map.insert(key, value);
    return map;
  }
  /** For who makes the map, before anybody else sees it. */
  insert(key: Value, value: Value): void {
    const id = mapKey(key);
    if (id === undefined) throw new CelError(`unsupported key type: ${typeNameOf(key)}`);
    if (this.entries.has(id)) throw new CelError(`insert failed: key ${display(key)} already exists`);
    this.entries.set(id, { key, value });
  }
  get size(): number {
    return this.entries.size;
  }
  get(key: Value): Value | undefined {
    const id = mapKey(key);
    return id === undefined ? undefined : this.entries.get(id)?.value;
  }
  *keys(): Iterable<Value> {
    for (const { key } of this.entries.values()) yield key;
  }
}

/** Keys that are equal have one text, 1 and 1u and 1.0 too. Undefined: nothing that can be a key. */
function mapKey(key: Value): string | undefined {
  if (typeof key === "string") return `s${key}`;
  if (typeof key === "bigint") return `n${key}`;
  if (typeof key === "boolean") return `b${key}`;
  if (key instanceof Uint) return `n${key.value}`;
  if (typeof key === "number") return Number.isInteger(key) ? `n${BigInt(key)}` : undefined;
  return undefined;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** The name `type()` gives. */
export function typeNameOf(value: Value): string {
  if (value === null) return "null_type";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "double";
    case "string":
      return "string";
    default:
      return nameOfObject(value);
  }
}

function nameOfObject(value: Exclude<Value, null | boolean | bigint | number | string>): string {
  if (isList(value)) return "list";
  if (value instanceof CelMap) return "map";
  if (value instanceof CelObject || value instanceof Opaque) return value.typeName;
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof Uint) return "uint";
  if (value instanceof Timestamp) return "google.protobuf.Timestamp";
  if (value instanceof Duration) return "google.protobuf.Duration";
  return value instanceof Optional ? "optional_type" : "type";
}

type Numeric = bigint | number | Uint;
export function isNumeric(value: Value): value is Numeric {
  return typeof value === "bigint" || typeof value === "number" || value instanceof Uint;
}
/** Whole numbers are compared exactly, and as doubles as soon as one of the two is a double. */
function compareNumeric(a: Numeric, b: Numeric): number | undefined {
  const [left, right] = [a instanceof Uint ? a.value : a, b instanceof Uint ? b.value : b];
  if (typeof left === typeof right) return left < right ? -1 : left > right ? 1 : left === right ? 0 : undefined;
  return compareNumeric(Number(left), Number(right));
}

/** Values of different types are unlike, numbers excepted: those are compared by what they are worth. */
export function equals(a: Value, b: Value): boolean {
  if (isNumeric(a)) return isNumeric(b) && compareNumeric(a, b) === 0;
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (a instanceof MergingList) return isList(b) && a.isLike(b);
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, index) => equals(item, b[index] ?? null));
  if (a instanceof CelMap) return b instanceof CelMap && mapsEqual(a, b);
  if (a instanceof CelObject) return b instanceof CelObject && objectsEqual(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && a.length === b.length && a.every((byte, index) => byte === b[index]);
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.typeName === b.typeName;
  if (a instanceof Opaque) return b instanceof Opaque && a.typeName === b.typeName && a.equals(b);
  if (!(a instanceof Optional) || !(b instanceof Optional)) return false;
  return a.value === undefined || b.value === undefined ? a.value === b.value : equals(a.value, b.value);
}

function mapsEqual(a: CelMap, b: CelMap): boolean {
  if (a.size !== b.size) return false;
  for (const key of a.keys()) {
    const [left, right] = [a.get(key), b.get(key)];
    if (left === undefined || right === undefined || !equals(left, right)) return false;
  }
  return true;
}
function objectsEqual(a: CelObject, b: CelObject): boolean {
  if (a.typeName !== b.typeName) return false;
  const [left, right] = [[...a.fields()], [...b.fields()]];
  if (left.length !== right.length) return false;
  return left.every((field) => {
    const [mine, other] = [a.get(field), b.get(field)];
    return mine !== undefined && other !== undefined && equals(mine, other);
  });
}

/** Negative, zero, positive; undefined where the two have no order (NaN, or types that are not compared). */
export function compare(a: Value, b: Value): number | undefined {
  if (isNumeric(a) && isNumeric(b)) return compareNumeric(a, b);
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof Timestamp && b instanceof Timestamp) return compareNumbers(a.nanos, b.nanos);
  if (a instanceof Duration && b instanceof Duration) return compareNumbers(a.nanos, b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  return undefined;
}

export function compareNumbers(a: bigint | number, b: bigint | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
/** By code points; UTF-16 units sort astral characters before the last of the basic plane. */
function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    if (a.charCodeAt(index) !== b.charCodeAt(index)) return compareNumbers(a.codePointAt(index) ?? 0, b.codePointAt(index) ?? 0);
  }
  return a.length - b.length;
}
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const index = a.findIndex((byte, at) => byte !== b[at]);
  if (index === -1) return a.length - b.length;
  return index >= b.length ? 1 : (a[index] ?? 0) - (b[index] ?? 0);
}

/** For messages of errors. */
export function display(value: Value): string {
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Timestamp) return formatInstant(value.nanos);
  if (value instanceof Duration) return formatSeconds(value.nanos);
  if (value instanceof TypeValue) return value.typeName;
  if (isList(value)) return `[${value.map(display).join(", ")}]`;
  if (value instanceof CelMap) return `{${[...value.keys()].map((key) => `${display(key)}: ${display(value.get(key) ?? null)}`).join(", ")}}`;
  if (value instanceof Opaque) return value.text() ?? value.typeName;
  return value !== null && typeof value === "object" ? typeNameOf(value) : String(value);
}
