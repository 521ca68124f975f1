// The types of fields by their OpenAPI schema, as expressions in custom resources see them, with the largest sizes that a request
// leaves room for (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#type-system-integration).
import type { JSONSchemaProps } from "../api/index.ts";
import { codePointCount } from "./runtime-cost.ts";
import { BOOL, BYTES, DOUBLE, DURATION, DYN, INT, listType, mapType, type ObjectField, STRING, TIMESTAMP, type Type } from "./types.ts";

/** Bytes of the largest request. */
const REQUEST_SIZE = 3 * 1024 * 1024;
/** Of what stands between the outermost quotes or brackets. */
const CONTENT_SIZE = REQUEST_SIZE - 2;
/** Bytes of the smallest values in JSON, and the longest of what has a format. */
const SMALLEST_NUMBER = 1;
const SMALLEST_BOOL = 4;
const SMALLEST_TEXT = 2;
const SMALLEST_CONTAINER = 2;
const FORMATTED: Readonly<Partial<Record<string, { readonly type: Type; readonly smallest: number; readonly longest: number }>>> = {
  duration: { type: DURATION, smallest: 3, longest: 32 },
  date: { type: TIMESTAMP, smallest: 12, longest: 12 },
  "date-time": { type: TIMESTAMP, smallest: 21, longest: 32 },
};
const RESERVED = new Set("true false null in as break const continue else for function if import let loop package namespace return var void while".split(" "));

interface SizedType {
  readonly type: Type;
  /** Bytes of the smallest value in JSON. */
  readonly smallest: number;
}

/** Undefined: expressions cannot see it. `name` is the type's name in messages; `isRoot` for a whole object of the API. */
export function schemaType(schema: JSONSchemaProps, name: string, isRoot = false): Type | undefined {
  return typed(schema, name, isRoot)?.type;
}

/** The name of a property in expressions; undefined: it has none. */
export function escapeName(name: string): string | undefined {
  if (!/^[A-Za-z_./-][A-Za-z0-9_./-]*$/.test(name)) return undefined;
  if (RESERVED.has(name)) return `__${name}__`;
  return name.replaceAll("__", "__underscores__").replaceAll(".", "__dot__").replaceAll("-", "__dash__").replaceAll("/", "__slash__");
}

function isEmbedded(schema: JSONSchemaProps): boolean {
  return schema["x-kubernetes-embedded-resource"] === true;
}

function typed(schema: JSONSchemaProps, name: string, isRoot: boolean): SizedType | undefined {
  if (schema["x-kubernetes-int-or-string"] === true) return { type: { ...DYN, maxSize: textSize(schema) }, smallest: SMALLEST_NUMBER };
  switch (isRoot ? "object" : schema.type) {
    case "array":
      return typedList(schema, name);
    case "object":
      return typedObject(schema, name, isRoot);
    case "string":
      return typedText(schema);
    case "boolean":
      return { type: { ...BOOL, maxSize: 0 }, smallest: SMALLEST_BOOL };
    case "number":
      return { type: { ...DOUBLE, maxSize: 0 }, smallest: SMALLEST_NUMBER };
    case "integer":
      return { type: { ...INT, maxSize: 0 }, smallest: SMALLEST_NUMBER };
  }
  return undefined;
}

function typedList(schema: JSONSchemaProps, name: string): SizedType | undefined {
  const items = schema.items as JSONSchemaProps | undefined;
  const item = items === undefined ? undefined : typed(items, `${name}.@idx`, isEmbedded(items));
  if (item === undefined) return undefined;
  const most = schema.maxItems === undefined ? Math.floor(CONTENT_SIZE / (item.smallest + 1)) : Math.max(0, schema.maxItems);
  return { type: listType(item.type, most), smallest: SMALLEST_CONTAINER };
}

function typedObject(schema: JSONSchemaProps, name: string, isRoot: boolean): SizedType | undefined {
  const values: unknown = schema.additionalProperties;
  if (typeof values === "object" && values !== null) {
    const valueSchema = values as JSONSchemaProps;
    const value = typed(valueSchema, `${name}.@elem`, isEmbedded(valueSchema));
    if (value === undefined) return undefined;
    const most = schema.maxProperties === undefined ? Math.floor(CONTENT_SIZE / (value.smallest + 6)) : Math.max(0, schema.maxProperties);
    return { type: mapType({ ...STRING, maxSize: 0 }, value.type, most), smallest: SMALLEST_CONTAINER };
  }
  const fields = new Map<string, ObjectField>();
  let smallest = SMALLEST_CONTAINER;
  for (const [jsonName, property] of Object.entries(propertiesOf(schema, isRoot))) {
    const field = typed(property, `${name}.${jsonName}`, isEmbedded(property));
    if (field === undefined) continue;
    const escaped = escapeName(jsonName);
    if (escaped !== undefined) fields.set(escaped, { type: field.type, jsonName });
    if (schema.required?.includes(jsonName) === true && property.default === undefined) smallest += jsonName.length + field.smallest + 4;
  }
  return { type: { kind: "object", name, fields, maxSize: 0 }, smallest };
}

/** Whole objects have these fields, whatever their schema says. */
export function propertiesOf(schema: JSONSchemaProps, isRoot: boolean): Readonly<Record<string, JSONSchemaProps>> {
  const properties = (schema.properties ?? {}) as Readonly<Record<string, JSONSchemaProps>>;
  if (!isRoot) return properties;
  const text: JSONSchemaProps = { type: "string" };
  return { ...properties, apiVersion: text, kind: text, metadata: { type: "object", properties: { name: text, generateName: text } } };
}

function typedText(schema: JSONSchemaProps): SizedType {
  const formatted = FORMATTED[schema.format ?? ""];
  if (formatted !== undefined) return { type: { ...formatted.type, maxSize: formatted.longest }, smallest: formatted.smallest };
  if (schema.format === "byte") {
    return { type: { ...BYTES, maxSize: schema.maxLength === undefined ? CONTENT_SIZE : Math.max(0, schema.maxLength) }, smallest: SMALLEST_TEXT };
  }
  return { type: { ...STRING, maxSize: textSize(schema) }, smallest: SMALLEST_TEXT };
}

/** Bytes: a character has up to four. */
function textSize(schema: JSONSchemaProps): number {
  if (schema.maxLength !== undefined) return Math.max(0, schema.maxLength) * 4;
  const allowed: readonly unknown[] = schema["x-kubernetes-int-or-string"] === true ? [] : (schema.enum ?? []);
  if (allowed.length === 0) return CONTENT_SIZE;
  return Math.max(0, ...allowed.map((value) => (typeof value === "string" ? codePointCount(value) : 0)));
}
