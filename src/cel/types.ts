// The types of CEL expressions, and how the checker makes two of them one.
import { CelMap, CelObject, Duration, isList, Opaque, Optional, Timestamp, TypeValue, Uint, type Value } from "./values.ts";

interface Sized {
  /** The most characters, bytes, elements or entries a value has, where its schema says: what costs are estimated from. */
  readonly maxSize?: number;
}
export interface SimpleType extends Sized {
  readonly kind: "dyn" | "null" | "bool" | "int" | "uint" | "double" | "string" | "bytes" | "timestamp" | "duration" | "error";
}
export interface ListType extends Sized {
  readonly kind: "list";
  readonly element: Type;
}
export interface MapType extends Sized {
  readonly kind: "map";
  readonly key: Type;
  readonly value: Type;
}
/** The type of types. */
export interface TypeType extends Sized {
  readonly kind: "type";
  readonly of: Type;
}
/** A library's type, by name; `optional_type` has a parameter. */
export interface OpaqueType extends Sized {
  readonly kind: "opaque";
  readonly name: string;
  readonly parameters: readonly Type[];
}
export interface ObjectType extends Sized {
  readonly kind: "object";
  readonly name: string;
  /** By the name expressions use. */
  readonly fields: ReadonlyMap<string, ObjectField>;
}
export interface ObjectField {
  readonly type: Type;
  /** The name in JSON. */
  readonly jsonName: string;
}
/** A variable of a declaration (`A` in `list(A)`). */
export interface ParameterType extends Sized {
  readonly kind: "parameter";
  readonly name: string;
}
export type Type = SimpleType | ListType | MapType | TypeType | OpaqueType | ObjectType | ParameterType;

export const DYN: Type = { kind: "dyn" };
export const NULL: Type = { kind: "null" };
export const BOOL: Type = { kind: "bool" };
export const INT: Type = { kind: "int" };
export const UINT: Type = { kind: "uint" };
export const DOUBLE: Type = { kind: "double" };
export const STRING: Type = { kind: "string" };
export const BYTES: Type = { kind: "bytes" };
export const TIMESTAMP: Type = { kind: "timestamp" };
export const DURATION: Type = { kind: "duration" };
/** Those that an expression and the declaration of a function call by the same word. */
export const SIMPLE_TYPES: Readonly<Record<string, Type>> = { bool: BOOL, int: INT, uint: UINT, double: DOUBLE, string: STRING, bytes: BYTES };
/** The type of what has a mistake: agrees with everything, so that one mistake is told once. */
export const ERROR: Type = { kind: "error" };
export const listType = (element: Type, maxSize?: number): ListType => ({ kind: "list", element, ...sized(maxSize) });
export const mapType = (key: Type, value: Type, maxSize?: number): MapType => ({ kind: "map", key, value, ...sized(maxSize) });
export const optionalType = (value: Type): OpaqueType => ({ kind: "opaque", name: "optional_type", parameters: [value] });
export const opaqueType = (name: string): OpaqueType => ({ kind: "opaque", name, parameters: [] });

function sized(maxSize: number | undefined): Sized {
  return maxSize === undefined ? {} : { maxSize };
}

const SPELLING: Readonly<Partial<Record<Type["kind"], string>>> = { null: "null_type", error: "!error!" };

/** As error messages write a type. */
export function formatType(type: Type): string {
  switch (type.kind) {
    case "list":
      return `list(${formatType(type.element)})`;
    case "map":
      return `map(${formatType(type.key)}, ${formatType(type.value)})`;
    case "type":
      return `type(${formatType(type.of)})`;
    case "opaque":
      return type.parameters.length === 0 ? type.name : `${type.name}(${type.parameters.map(formatType).join(", ")})`;
    case "object":
    case "parameter":
      return type.name;
    default:
      return SPELLING[type.kind] ?? type.kind;
  }
}

/** What type parameters stand for so far. */
export class Bindings {
  private readonly bound = new Map<string, Type>();
  /** What the assignment at hand has bound: taken back when it fails. */
  private trail: string[] = [];
  private fresh = 0;

  /** A parameter that nothing is known of. */
  parameter(): ParameterType {
    return { kind: "parameter", name: `%${this.fresh++}` };
  }

  /** The type with all that is known filled in; what stays open becomes dyn when `settle`. */
  resolve(type: Type, settle = false): Type {
    switch (type.kind) {
      case "parameter": {
        const known = this.bound.get(type.name);
        return known !== undefined ? this.resolve(known, settle) : settle ? DYN : type;
      }
      case "list":
        return { ...type, element: this.resolve(type.element, settle) };
      case "map":
        return { ...type, key: this.resolve(type.key, settle), value: this.resolve(type.value, settle) };
      case "type":
        return { ...type, of: this.resolve(type.of, settle) };
      case "opaque":
        return type.parameters.length === 0 ? type : { ...type, parameters: type.parameters.map((parameter) => this.resolve(parameter, settle)) };
      default:
        return type;
    }
  }

  /** Makes `from` assignable to `to`, binding parameters; when it cannot be, nothing is bound. */
  assign(pairs: readonly (readonly [to: Type, from: Type])[]): boolean {
    this.trail = [];
    if (pairs.every(([to, from]) => this.unify(to, from))) return true;
    for (const name of this.trail) this.bound.delete(name);
    return false;
  }

  private unify(to: Type, from: Type): boolean {
    const [a, b] = [this.shallow(to), this.shallow(from)];
    if (a.kind === "parameter" && b.kind === "parameter" && a.name === b.name) return true;
    if (a.kind === "parameter") return this.bind(a, b);
    if (b.kind === "parameter") return this.bind(b, a);
    if (isLoose(a) || isLoose(b)) return true;
    // Null stands for a missing object, instant or span.
    if (a.kind === "null" || b.kind === "null") return a.kind === b.kind || isNullable(a) || isNullable(b);
    if (a.kind === "list" && b.kind === "list") return this.unify(a.element, b.element);
    if (a.kind === "map" && b.kind === "map") return this.unify(a.key, b.key) && this.unify(a.value, b.value);
    if (a.kind === "type" && b.kind === "type") return true;
    if (a.kind === "object" && b.kind === "object") return a.name === b.name;
    if (a.kind === "opaque" && b.kind === "opaque") {
      return a.name === b.name && a.parameters.every((parameter, index) => this.unify(parameter, b.parameters[index] ?? ERROR));
    }
    return a.kind === b.kind;
  }

  private shallow(type: Type): Type {
    let current = type;
    while (current.kind === "parameter") {
      const known = this.bound.get(current.name);
      if (known === undefined) return current;
      current = known;
    }
    return current;
  }
  private bind(parameter: ParameterType, type: Type): boolean {
    if (this.occurs(parameter, type)) return false;
    this.bound.set(parameter.name, type);
    this.trail.push(parameter.name);
    return true;
  }
  private occurs(parameter: ParameterType, type: Type): boolean {
    const current = this.shallow(type);
    if (current.kind === "parameter") return current.name === parameter.name;
    if (current.kind === "list") return this.occurs(parameter, current.element);
    if (current.kind === "map") return this.occurs(parameter, current.key) || this.occurs(parameter, current.value);
    return current.kind === "opaque" && current.parameters.some((inner) => this.occurs(parameter, inner));
  }
}

function isLoose(type: Type): boolean {
  return type.kind === "dyn" || type.kind === "error";
}
function isNullable(type: Type): boolean {
  return type.kind === "object" || type.kind === "opaque" || type.kind === "timestamp" || type.kind === "duration";
}

/** The declaration with parameters of its own for this use. */
export function instantiate(type: Type, names: Map<string, Type>, bindings: Bindings): Type {
  switch (type.kind) {
    case "parameter": {
      const known = names.get(type.name) ?? bindings.parameter();
      names.set(type.name, known);
      return known;
    }
    case "list":
      return listType(instantiate(type.element, names, bindings));
    case "map":
      return mapType(instantiate(type.key, names, bindings), instantiate(type.value, names, bindings));
    case "type":
      return { kind: "type", of: instantiate(type.of, names, bindings) };
    case "opaque":
      return { ...type, parameters: type.parameters.map((parameter) => instantiate(parameter, names, bindings)) };
    default:
      return type;
  }
}

/** Whether a value may be used where a declaration says `type`; what a list or map holds is seen when it is taken out. */
export function accepts(type: Type, value: Value): boolean {
  switch (type.kind) {
    case "dyn":
    case "error":
    case "parameter":
      return true;
    case "null":
      return value === null;
    case "bool":
      return typeof value === "boolean";
    case "int":
      return typeof value === "bigint";
    case "double":
      return typeof value === "number";
    case "string":
      return typeof value === "string";
    case "uint":
      return value instanceof Uint;
    case "bytes":
      return value instanceof Uint8Array;
    case "timestamp":
      return value instanceof Timestamp;
    case "duration":
      return value instanceof Duration;
    case "list":
      return isList(value);
    case "map":
      return value instanceof CelMap;
    case "type":
      return value instanceof TypeValue;
    case "object":
      return value instanceof CelObject && value.typeName === type.name;
    case "opaque":
      return type.name === "optional_type" ? value instanceof Optional : value instanceof Opaque && value.typeName === type.name;
  }
}

/** Whether values of this static type always are what `accepts` asks of them: dyn, null and their like may be anything. */
export function isCertain(type: Type): boolean {
  return !isLoose(type) && type.kind !== "parameter" && type.kind !== "null" && !isNullable(type);
}
