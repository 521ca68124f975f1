// How apply looks at a value: as a leaf that one manager owns as a whole, as a map of fields, or as a list whose items have an
// identity. The schema decides; where it says nothing (free-form parts of custom resources) the value itself does.
import { emptyValue } from "../emptiness.ts";
import type { ArraySchema, MapSchema, ObjectSchema, Schema } from "../schema.ts";
import { fieldSetPathText, type PathElement } from "./field-set.ts";

export type JsonObject = Readonly<Record<string, unknown>>;
export type Shape =
  | { readonly type: "leaf" }
  | { readonly type: "map"; readonly schema: ObjectSchema | MapSchema }
  | { readonly type: "list"; readonly schema: ArraySchema };

const LEAF: Shape = { type: "leaf" };
/** Maps are looked into, all else is a leaf. */
const DEDUCED: ObjectSchema = { type: "object", fields: new Map(), preserveUnknown: true, mapType: "granular" };

/** The shape of a value, or of what may be two values of one field. */
export function shapeOf(schema: Schema, value: unknown): Shape {
  if (schema.type === "object" || schema.type === "map") return schema.mapType === "atomic" || !isObject(value) ? LEAF : { type: "map", schema };
  if (schema.type === "array") return schema.listType === "atomic" || !Array.isArray(value) ? LEAF : { type: "list", schema };
  return LEAF;
}

/** The schema of a field or of a key of a map. */
export function childSchema(schema: ObjectSchema | MapSchema, key: string): Schema {
  return schema.type === "map" ? schema.values : (schema.fields.get(key)?.schema ?? DEDUCED);
}

/** Tells whether the schema itself names the field, so that its being there says nothing of its own. */
export function isDeclaredField(schema: ObjectSchema | MapSchema, key: string): boolean {
  return schema.type === "object" && schema.fields.has(key);
}

/** The identity of an item of a set or of a list with keys; undefined when a key is missing that has no default. */
export function itemElement(schema: ArraySchema, item: unknown): PathElement | undefined {
  if (schema.listType === "set") return `v:${JSON.stringify(item)}`;
  if (!isObject(item)) return undefined;
  const fields = schema.items.type === "object" ? schema.items.fields : undefined;
  const keys: Record<string, unknown> = {};
  for (const key of [...schema.listMapKeys].sort()) {
    const field = fields?.get(key);
    // A field that is never absent is empty where nothing is said of it.
    const value = item[key] ?? field?.default ?? (field?.omitEmpty === true || field?.emitEmpty === true ? emptyValue(field.schema) : undefined);
    if (value !== undefined) keys[key] = value;
  }
  return Object.keys(keys).length === 0 ? undefined : `k:${JSON.stringify(keys)}`;
}

/** The items of a list by their identity, in order. Of items that say they are the same, the first counts. */
export function itemsByElement(schema: ArraySchema, items: readonly unknown[]): Map<PathElement, unknown> {
  const found = new Map<PathElement, unknown>();
  for (const item of items) {
    const element = itemElement(schema, item);
    if (element !== undefined && !found.has(element)) found.set(element, item);
  }
  return found;
}

/** What is wrong with the first list that has an item twice, or one without its keys; undefined when there is none. */
export function duplicateItems(schema: Schema, value: unknown, path = ""): string | undefined {
  const shape = shapeOf(schema, value);
  if (shape.type === "map") {
    for (const [key, item] of Object.entries(value as JsonObject)) {
      const found = duplicateItems(childSchema(shape.schema, key), item, `${path}.${key}`);
      if (found !== undefined) return found;
    }
  } else if (shape.type === "list") {
    const seen = new Set<PathElement>();
    for (const [position, item] of (value as readonly unknown[]).entries()) {
      const element = itemElement(shape.schema, item);
      const keys = shape.schema.listMapKeys.map((key) => JSON.stringify(key)).join(", ");
      if (element === undefined)
        return `${path}: element ${position}: associative list with keys has an element that omits key field ${keys} (and doesn't have default value)`;
      if (seen.has(element)) return `${path}: duplicate entries for key ${fieldSetPathText([element])}`;
      seen.add(element);
      const found = duplicateItems(shape.schema.items, item, `${path}${fieldSetPathText([element])}`);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Neither there nor holding anything. */
export function isVoid(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
