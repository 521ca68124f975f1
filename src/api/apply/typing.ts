// Whether an applied configuration has the types that its schema says: told before it is decoded, in the terms of apply, where an item of
// a list is named by its keys (https://kubernetes.io/docs/reference/using-api/server-side-apply/).
import { goText } from "../go-text.ts";
import type { ArraySchema, MapSchema, ObjectSchema, ScalarType, Schema } from "../schema.ts";
import { fieldSetPathText } from "./field-set.ts";
import { isObject, itemElement, type JsonObject } from "./shape.ts";

const NUMBERS: ReadonlySet<ScalarType> = new Set(["int32", "int64", "double"]);
const TEXTS: ReadonlySet<ScalarType> = new Set(["string", "bytes", "time", "microTime"]);

/** What does not fit, each with its path; empty when all does. */
export function typeProblems(schema: Schema, value: unknown, path = ""): string[] {
  if (value === null || value === undefined) return [];
  switch (schema.type) {
    case "any":
      return [];
    case "object":
    case "map":
      return isObject(value) ? mapProblems(schema, value, path) : [`${path}: expected map, got &{${goText(value)}}`];
    case "array":
      return Array.isArray(value) ? listProblems(schema, value, path) : [`${path}: expected list, got &{${goText(value)}}`];
    default: {
      const problem = scalarProblem(schema.type, value);
      return problem === undefined ? [] : [`${path}: ${problem}`];
    }
  }
}

function mapProblems(schema: ObjectSchema | MapSchema, value: JsonObject, path: string): string[] {
  return Object.entries(value).flatMap(([key, item]) => {
    if (schema.type === "map") return typeProblems(schema.values, item, `${path}.${key}`);
    const field = schema.fields.get(key);
    if (field !== undefined) return typeProblems(field.schema, item, `${path}.${key}`);
    return schema.preserveUnknown ? [] : [`${path}.${key}: field not declared in schema`];
  });
}

function listProblems(schema: ArraySchema, value: readonly unknown[], path: string): string[] {
  const isKeyed = schema.listType === "map";
  return value.flatMap((item, position) => {
    if (isKeyed && !isObject(item)) return [`${path}: element ${position}: associative list with keys may not have non-map elements`];
    const element = isKeyed ? itemElement(schema, item) : undefined;
    return typeProblems(schema.items, item, element === undefined ? `${path}[${position}]` : `${path}${fieldSetPathText([element])}`);
  });
}

function scalarProblem(type: ScalarType, value: unknown): string | undefined {
  if (NUMBERS.has(type))
    return typeof value === "number" || typeof value === "bigint" ? undefined : `expected numeric (int or float), got ${goTypeOfValue(value)}`;
  if (TEXTS.has(type)) return typeof value === "string" ? undefined : `expected string, got &value.valueUnstructured{Value:${goText(value)}}`;
  if (type === "boolean") return typeof value === "boolean" ? undefined : `expected boolean, got &{${goText(value)}}`;
  return typeof value === "object" ? `expected any scalar, got &{${goText(value)}}` : undefined;
}

function goTypeOfValue(value: unknown): string {
  if (Array.isArray(value)) return "[]interface {}";
  return isObject(value) ? "map[string]interface {}" : typeof value === "boolean" ? "bool" : "string";
}
