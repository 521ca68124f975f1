// The four walks over typed values that server-side apply consists of: which fields a value has, how two values differ, how an applied
// configuration merges into an object, and how fields are taken out again. Values are never changed.

import { setOwn } from "../json.ts";
import { equalJson } from "../json-patch.ts";
import type { ArraySchema, MapSchema, ObjectSchema, Schema } from "../schema.ts";
import { FieldSet, FieldSetBuilder, type PathElement } from "./field-set.ts";
import { childSchema, isDeclaredField, isObject, isVoid, itemElement, itemsByElement, type JsonObject, shapeOf } from "./shape.ts";

/** The fields that a value sets: its leaves, the items of its lists, the keys of its maps. */
export function fieldsOf(schema: Schema, value: unknown): FieldSet {
  const builder = new FieldSetBuilder();
  const shape = shapeOf(schema, value);
  if (shape.type === "map") addFields(builder, shape.schema, value as JsonObject);
  return builder.build();
}

function addFields(builder: FieldSetBuilder, schema: ObjectSchema | MapSchema, value: JsonObject): void {
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const element = `f:${key}`;
    const isLeaf = addBelow(builder, element, childSchema(schema, key), item);
    if (isLeaf || !isDeclaredField(schema, key) || (isObject(item) && isVoid(item))) builder.add(element);
  }
}

/** Adds what lies below; true for a leaf, below which nothing lies. */
function addBelow(builder: FieldSetBuilder, element: PathElement, schema: Schema, value: unknown): boolean {
  const shape = shapeOf(schema, value);
  if (shape.type === "leaf") return true;
  const below = builder.child(element);
  if (shape.type === "map") addFields(below, shape.schema, value as JsonObject);
  else {
    for (const [item, child] of itemsByElement(shape.schema, value as readonly unknown[])) {
      addBelow(below, item, shape.schema.items, child);
      below.add(item);
    }
  }
  return false;
}

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

interface ComparisonBuilders {
  readonly added: FieldSetBuilder;
  readonly modified: FieldSetBuilder;
  readonly removed: FieldSetBuilder;
}

/** What changes from `old` to `value`. */
export function compareFields(schema: Schema, old: unknown, value: unknown): Comparison {
  const builders = { added: new FieldSetBuilder(), modified: new FieldSetBuilder(), removed: new FieldSetBuilder() };
  const shape = shapeOf(schema, value);
  if (shape.type === "map") compareMaps(builders, shape.schema, isObject(old) ? old : {}, value as JsonObject);
  return { added: builders.added.build(), modified: builders.modified.build(), removed: builders.removed.build() };
}

function compareMaps(builders: ComparisonBuilders, schema: ObjectSchema | MapSchema, old: JsonObject, value: JsonObject): void {
  for (const key of new Set([...Object.keys(old), ...Object.keys(value)])) {
    compareChild(builders, `f:${key}`, childSchema(schema, key), own(old, key), own(value, key));
  }
}

function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function compareChild(builders: ComparisonBuilders, element: PathElement, schema: Schema, old: unknown, value: unknown): void {
  if (old === value) return;
  const shape = shapeOf(schema, value ?? old);
  const leaf = shape.type === "leaf" || (isVoid(old) && isVoid(value)) || !sameJsonType(old, value);
  if (old === undefined) builders.added.add(element);
  else if (value === undefined) builders.removed.add(element);
  else if (leaf && !equalJson(old, value)) builders.modified.add(element);
  if (leaf) return;
  const below = { added: builders.added.child(element), modified: builders.modified.child(element), removed: builders.removed.child(element) };
  if (shape.type === "map") compareMaps(below, shape.schema, (old ?? {}) as JsonObject, (value ?? {}) as JsonObject);
  else compareLists(below, shape.schema, (old ?? []) as readonly unknown[], (value ?? []) as readonly unknown[]);
}

function sameJsonType(a: unknown, b: unknown): boolean {
  return a === undefined || b === undefined || Array.isArray(a) === Array.isArray(b);
}

function compareLists(builders: ComparisonBuilders, schema: ArraySchema, old: readonly unknown[], value: readonly unknown[]): void {
  const before = itemsByElement(schema, old);
  const after = itemsByElement(schema, value);
  for (const element of new Set([...before.keys(), ...after.keys()])) {
    compareChild(builders, element, schema.items, before.get(element), after.get(element));
  }
}

/** `live` with all that `config` says. */
export function mergeValues(schema: Schema, live: unknown, config: unknown): unknown {
  if (config === undefined) return live;
  const shape = shapeOf(schema, config);
  if (shape.type === "map" && isObject(live)) return mergeMaps(shape.schema, live, config as JsonObject);
  if (shape.type === "list" && Array.isArray(live)) return mergeLists(shape.schema, live, config as readonly unknown[]);
  return config;
}

function mergeMaps(schema: ObjectSchema | MapSchema, live: JsonObject, config: JsonObject): JsonObject {
  const result: Record<string, unknown> = { ...live };
  for (const [key, value] of Object.entries(config)) setOwn(result, key, mergeValues(childSchema(schema, key), own(live, key), value));
  return result;
}

/**
 * The items of the configuration come in its order. Items that only the object has keep their order, and go before the next item of
 * the configuration that the object has, too.
 */
function mergeLists(schema: ArraySchema, live: readonly unknown[], config: readonly unknown[]): unknown[] {
  const applied = itemsByElement(schema, config);
  const before = itemsByElement(schema, live);
  const shared = [...applied.keys()].filter((element) => before.has(element));
  const result: unknown[] = [];
  let position = 0;
  const takeOwn = (nextShared: PathElement | undefined): void => {
    for (; position < live.length; position++) {
      const element = itemElement(schema, live[position]) ?? "";
      if (!applied.has(element)) result.push(live[position]);
      else if (element === nextShared) return;
    }
  };
  for (const [element, item] of applied) {
    takeOwn(shared[0]);
    result.push(mergeValues(schema.items, before.get(element), item));
    if (element === shared[0]) shared.shift();
  }
  takeOwn(undefined);
  return result;
}

/** `value` without the fields of `set`; undefined when nothing is left of a map or a list that lost all it had. */
export function removeFields(schema: Schema, value: unknown, set: FieldSet): unknown {
  const shape = shapeOf(schema, value);
  if (shape.type === "leaf" || set.isEmpty) return value;
  return shape.type === "map" ? removeFromMap(shape.schema, value as JsonObject, set) : removeFromList(shape.schema, value as readonly unknown[], set);
}

function removeFromMap(schema: ObjectSchema | MapSchema, value: JsonObject, set: FieldSet): unknown {
  const result: Record<string, unknown> = {};
  let touched = false;
  for (const [key, item] of Object.entries(value)) {
    const element = `f:${key}`;
    if (set.members.has(element)) touched = true;
    else setOwn(result, key, removeFields(childSchema(schema, key), item, set.below(element)) ?? (Array.isArray(item) ? [] : {}));
  }
  return touched && Object.keys(result).length === 0 ? undefined : result;
}

function removeFromList(schema: ArraySchema, value: readonly unknown[], set: FieldSet): unknown {
  const result: unknown[] = [];
  for (const item of value) {
    const element = itemElement(schema, item) ?? "";
    if (set.members.has(element)) continue;
    result.push(removeFields(schema.items, item, set.below(element)) ?? {});
  }
  return result.length === 0 && value.length > 0 ? undefined : result;
}

/** The set with every declared field on the way to a member as a member too, so that taking out all below takes out the field. */
export function withNamedParents(schema: Schema, set: FieldSet): FieldSet {
  const members = new Set(set.members);
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of set.children) {
    const isField = element.startsWith("f:") && (schema.type === "object" || schema.type === "map");
    if (isField && isDeclaredField(schema, element.slice(2))) members.add(element);
    const below = isField ? childSchema(schema, element.slice(2)) : schema.type === "array" ? schema.items : schema;
    children.set(element, withNamedParents(below, child));
  }
  return FieldSet.of(members, children);
}
