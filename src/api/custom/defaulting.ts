// Defaults of custom resources (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting-and-nullable):
// a null where none may stand is dropped, or gives way to the default; then what is missing gets its default.
import { mutableCopy } from "../../base/index.ts";
import type { JSONSchemaProps } from "../generated/types.ts";
import { setOwn } from "../json.ts";
import { itemsOf, valuesOf } from "./structural-schema.ts";

/** Completes `value` in place. */
export function fillDefaults(schema: JSONSchemaProps, value: unknown): void {
  dropNulls(schema, value);
  addDefaults(schema, value);
}

function childOf(schema: JSONSchemaProps | undefined, key: string): JSONSchemaProps | undefined {
  if (schema === undefined) return undefined;
  return schema.properties !== undefined && Object.hasOwn(schema.properties, key) ? schema.properties[key] : valuesOf(schema);
}

function dropNulls(schema: JSONSchemaProps | undefined, value: unknown): void {
  if (Array.isArray(value)) {
    const items = schema === undefined ? undefined : itemsOf(schema);
    for (const item of value) dropNulls(items, item);
  } else if (typeof value === "object" && value !== null) {
    const object = value as Record<string, unknown>;
    for (const key of Object.keys(object)) {
      const child = childOf(schema, key);
      if (isMisplacedNull(child, object[key]) && child?.default === undefined) delete object[key];
      else dropNulls(child, object[key]);
    }
  }
}

/** Null where the schema has a say and does not allow it. */
function isMisplacedNull(schema: JSONSchemaProps | undefined, value: unknown): boolean {
  return value === null && schema !== undefined && schema.nullable !== true;
}

function addDefaults(schema: JSONSchemaProps, value: unknown): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items === undefined) return;
    for (const [position, item] of value.entries()) {
      if (isMisplacedNull(items, item) && items.default !== undefined) value[position] = mutableCopy(items.default);
      addDefaults(items, value[position]);
    }
  } else if (typeof value === "object" && value !== null) addDefaultsToObject(schema, value as Record<string, unknown>);
}

function addDefaultsToObject(schema: JSONSchemaProps, object: Record<string, unknown>): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue;
    if (!Object.hasOwn(object, name) || isMisplacedNull(property, object[name])) setOwn(object, name, mutableCopy(property.default));
  }
  for (const key of Object.keys(object)) {
    const child = childOf(schema, key);
    if (child === undefined) continue;
    if (isMisplacedNull(child, object[key]) && child.default !== undefined) setOwn(object, key, mutableCopy(child.default));
    addDefaults(child, object[key]);
  }
}
