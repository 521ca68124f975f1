// From an object to its one JSON text: what is stored and sent.
//
// Invariants: the text begins with `{"kind":…,"apiVersion":…,"metadata":{`, so that a resourceVersion can be spliced in at an
// offset that is the same for all objects of a kind (`metadataOffset`). Fields follow in the order of the schema, the keys of
// maps in theirs: equal objects have equal texts. Fields that upstream always writes are written, empty ones that it leaves out
// are left out, what no schema names is dropped.
import type { DecodeTarget } from "./decode.ts";
import { emptyValue, isEmptyValue } from "./emptiness.ts";
import { formatJson, setOwn } from "./json.ts";
import { isMisfit } from "./misfits.ts";
import type { KubeObject } from "./object.ts";
import type { FieldSchema, ObjectSchema, Schema } from "./schema.ts";

/** The canonical JSON text of an object. */
export function encode<T extends KubeObject>(target: DecodeTarget<T>, object: T): string {
  return formatJson(canonicalObject(target, object));
}

/** The object as its text will hold it: a copy with fields in order, what is always written filled in, what is left out gone. */
export function canonicalObject<T extends KubeObject>(target: DecodeTarget<T>, object: T): T {
  return canonicalValue(target.schema, { ...object, kind: target.kind, apiVersion: target.apiVersion }) as T;
}

/** How many characters of an encoded object precede the fields of its metadata. */
export function metadataOffset(target: DecodeTarget<unknown>): number {
  return `{"kind":${JSON.stringify(target.kind)},"apiVersion":${JSON.stringify(target.apiVersion)},"metadata":{`.length;
}

function canonicalValue(schema: Schema, value: unknown): unknown {
  if (isMisfit(schema, value)) return canonicalAny(value);
  switch (schema.type) {
    case "object":
      return canonicalFields(schema, value as Readonly<Record<string, unknown>>);
    case "map":
      return canonicalMap(value as Readonly<Record<string, unknown>>, (item) => canonicalItem(schema.values, item, schema.keepsMisfits));
    case "array":
      return (value as readonly unknown[]).map((item) => canonicalItem(schema.items, item, schema.keepsMisfits));
    case "any":
      return canonicalAny(value);
    default:
      return value;
  }
}

function canonicalItem(schema: Schema, item: unknown, keepsNull = false): unknown {
  if (item === null && keepsNull) return null;
  return item === undefined || item === null ? (emptyValue(schema) ?? null) : canonicalValue(schema, item);
}

const orders = new WeakMap<ObjectSchema, readonly FieldSchema[]>();
const FIRST_FIELDS: readonly string[] = ["kind", "apiVersion", "metadata"];

/** The fields in the order in which they are written. */
function fieldOrder(schema: ObjectSchema): readonly FieldSchema[] {
  let order = orders.get(schema);
  if (order === undefined) {
    const isTopLevel = FIRST_FIELDS.every((name) => schema.fields.has(name));
    const rank = (name: string): number => (isTopLevel && FIRST_FIELDS.includes(name) ? FIRST_FIELDS.indexOf(name) : FIRST_FIELDS.length);
    order = [...schema.fields.values()].sort((a, b) => rank(a.name) - rank(b.name));
    orders.set(schema, order);
  }
  return order;
}

function canonicalFields(schema: ObjectSchema, object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const field of fieldOrder(schema)) {
    const value = Object.hasOwn(object, field.name) ? object[field.name] : undefined;
    if (value === undefined || value === null) {
      if (value === null && schema.keepsMisfits === true) result[field.name] = null;
      const empty = field.emitEmpty ? emptyValue(field.schema) : undefined;
      if (empty !== undefined) result[field.name] = empty;
      continue;
    }
    const canonical = canonicalValue(field.schema, value);
    if (!(field.omitEmpty && isEmptyValue(canonical))) result[field.name] = canonical;
  }
  if (schema.preserveUnknown) {
    for (const key of Object.keys(object).sort()) {
      if (!schema.fields.has(key) && object[key] !== undefined) setOwn(result, key, canonicalAny(object[key]));
    }
  }
  return result;
}

function canonicalMap(map: Readonly<Record<string, unknown>>, canonical: (item: unknown) => unknown): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(map).sort()) {
    if (map[key] !== undefined) setOwn(result, key, canonical(map[key]));
  }
  return result;
}

/** Free-form JSON, keys in order. */
function canonicalAny(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(canonicalAny);
  return canonicalMap(value as Readonly<Record<string, unknown>>, canonicalAny);
}
