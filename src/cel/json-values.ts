// Objects of the API as values of expressions. Nothing is copied ahead: an object's fields become values when they are read. With a
// schema values have the types of schema-types.ts; without, maps, lists, and numbers by how they are written.
import type { JSONSchemaProps } from "../api/index.ts";
import { parseInstant, parseSpan } from "./clock.ts";
import { escapeName, propertiesOf } from "./schema-types.ts";
import { CelError, CelMap, CelObject, Duration, equals, MergingList, Timestamp, type Value } from "./values.ts";

type Json = Readonly<Record<string, unknown>>;

/** A value without a schema: what policies see of an object. */
export function jsonValue(json: unknown): Value {
  switch (typeof json) {
    case "string":
    case "boolean":
    case "bigint":
      return json;
    case "number":
      return Number.isInteger(json) ? BigInt(json) : json;
    case "object":
      if (json === null) return null;
      return Array.isArray(json) ? json.map(jsonValue) : new JsonMap(json as Json, jsonValue);
    default:
      return null;
  }
}

/** A value by its schema; `name` and `isRoot` as for `schemaType`. Fails on data that the schema does not allow. */
export function schemaValue(json: unknown, schema: JSONSchemaProps, name: string, isRoot = false): Value {
  if (json === null || json === undefined) {
    if (schema.nullable === true) return null;
    throw new CelError("invalid data, got null for schema with nullable=false");
  }
  if (schema["x-kubernetes-int-or-string"] === true) {
    if (typeof json === "string" || Number.isInteger(json)) return jsonValue(json);
    throw new CelError("invalid data, expected XIntOrString value to be either a string or integer");
  }
  switch (isRoot ? "object" : schema.type) {
    case "object":
      return objectValue(json, schema, name, isRoot);
    case "array":
      return listValue(json, schema, name);
    case "string":
      return textValue(json, schema.format);
    case "number":
      return typeof json === "number" ? json : wrongData("float", json);
    case "integer":
      return Number.isInteger(json) || typeof json === "bigint" ? BigInt(json as number) : wrongData("int", json);
    case "boolean":
      return typeof json === "boolean" ? json : wrongData("bool", json);
  }
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) return jsonValue(json);
  throw new CelError(`invalid type of schema: ${schema.type}`);
}

function wrongData(expected: string, json: unknown): never {
  throw new CelError(`invalid data, expected ${expected}, got ${typeof json}`);
}

function objectValue(json: unknown, schema: JSONSchemaProps, name: string, isRoot: boolean): Value {
  if (typeof json !== "object" || Array.isArray(json)) return wrongData("a map for the provided schema with type=object", json);
  const values: unknown = schema.additionalProperties;
  if (typeof values !== "object" || values === null) return new JsonObject(json as Json, schema, name, isRoot);
  const valueSchema = values as JSONSchemaProps;
  const isEmbedded = valueSchema["x-kubernetes-embedded-resource"] === true;
  return new JsonMap(json as Json, (value) => schemaValue(value, valueSchema, `${name}.@elem`, isEmbedded));
}

function listValue(json: unknown, schema: JSONSchemaProps, name: string): Value {
  if (!Array.isArray(json)) return wrongData("an array for the provided schema with type=array", json);
  const items = (schema.items ?? {}) as JSONSchemaProps;
  const values = json.map((item) => schemaValue(item, items, `${name}.@idx`, items["x-kubernetes-embedded-resource"] === true));
  if (schema["x-kubernetes-list-type"] === "set") return KeyedList.with(values, undefined);
  if (schema["x-kubernetes-list-type"] !== "map") return values;
  return KeyedList.with(
    values,
    (schema["x-kubernetes-list-map-keys"] ?? []).map((key) => escapeName(key) ?? key),
  );
}

function textValue(json: unknown, format: string | undefined): Value {
  if (typeof json !== "string") return wrongData("string", json);
  if (format === "duration") return new Duration(parseSpan(json) ?? wrongFormat("duration", json));
  if (format === "date") return new Timestamp(parseInstant(`${json}T00:00:00Z`) ?? wrongFormat("date", json));
  if (format === "date-time") return new Timestamp(parseInstant(json) ?? wrongFormat("date-time", json));
  if (format !== "byte") return json;
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(json)) wrongFormat("byte", json);
  return Uint8Array.from(atob(json), (character) => character.charCodeAt(0));
}
function wrongFormat(format: string, text: string): never {
  throw new CelError(`Invalid ${format} formatted string ${text}`);
}

/** What is undefined is not in the JSON. */
function isSet(json: Json, key: string): boolean {
  return Object.hasOwn(json, key) && json[key] !== undefined;
}

class JsonMap extends CelMap {
  constructor(
    private readonly json: Json,
    private readonly convert: (value: unknown) => Value,
  ) {
    super();
  }
  get size(): number {
    return this.keys().length;
  }
  get(key: Value): Value | undefined {
    return typeof key === "string" && isSet(this.json, key) ? this.convert(this.json[key]) : undefined;
  }
  keys(): readonly string[] {
    return Object.keys(this.json).filter((key) => isSet(this.json, key));
  }
}

class JsonObject extends CelObject {
  private readonly properties: Readonly<Record<string, JSONSchemaProps>>;
  constructor(
    private readonly json: Json,
    schema: JSONSchemaProps,
    readonly typeName: string,
    isRoot: boolean,
  ) {
    super();
    this.properties = propertiesOf(schema, isRoot);
  }
  get(field: string): Value | undefined {
    const jsonName = Object.hasOwn(this.properties, field) && escapeName(field) === field ? field : this.unescaped(field);
    const property = jsonName === undefined ? undefined : this.properties[jsonName];
    if (jsonName === undefined || property === undefined || !isSet(this.json, jsonName)) return undefined;
    return schemaValue(this.json[jsonName], property, `${this.typeName}.${jsonName}`, property["x-kubernetes-embedded-resource"] === true);
  }
  *fields(): Iterable<string> {
    for (const jsonName of Object.keys(this.json)) {
      const field = Object.hasOwn(this.properties, jsonName) ? escapeName(jsonName) : undefined;
      if (field !== undefined) yield field;
    }
  }
  private unescaped(field: string): string | undefined {
    return field.includes("__") ? Object.keys(this.properties).find((name) => escapeName(name) === field) : undefined;
  }
}

/** Lists of type set or map: their order does not count, and `+` replaces what is there under the same key. */
class KeyedList extends MergingList {
  private keyFields: readonly string[] | undefined;

  static with(items: readonly Value[], keys: readonly string[] | undefined): KeyedList {
    const list = new KeyedList();
    list.push(...items);
    list.keyFields = keys;
    return list;
  }
  plus(other: readonly Value[]): readonly Value[] {
    const merged: Value[] = [...this];
    for (const item of other) {
      const at = merged.findIndex((known) => this.isSame(known, item));
      if (at === -1) merged.push(item);
      else merged[at] = item;
    }
    return KeyedList.with(merged, this.keyFields);
  }
  isLike(other: readonly Value[]): boolean {
    return this.length === other.length && this.every((item) => other.some((candidate) => this.isSame(item, candidate) && equals(item, candidate)));
  }
  private isSame(a: Value, b: Value): boolean {
    return this.keyFields === undefined ? equals(a, b) : this.keyFields.every((key) => equals(keyOf(a, key), keyOf(b, key)));
  }
}
function keyOf(item: Value, key: string): Value {
  return item instanceof CelObject || item instanceof CelMap ? (item.get(key) ?? null) : null;
}
