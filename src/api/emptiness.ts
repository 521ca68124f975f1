// What "empty" means for a value of a schema, and which fields are written although they are empty. Upstream's types are Go
// structs: a struct or a scalar held by value is always there, and `omitempty` leaves out the zero of a scalar, list or map.
import type { FieldSchema, ObjectSchema, Schema } from "./schema.ts";

const alwaysPresent = new WeakMap<ObjectSchema, readonly FieldSchema[]>();

/** The fields that an object always has. */
export function fieldsAlwaysPresent(schema: ObjectSchema): readonly FieldSchema[] {
  let fields = alwaysPresent.get(schema);
  if (fields === undefined) {
    fields = [...schema.fields.values()].filter((field) => field.emitEmpty);
    alwaysPresent.set(schema, fields);
  }
  return fields;
}

/** The zero of a scalar, an empty list or map, a struct with what it always has; undefined where nothing stands for empty (times, anything). */
export function emptyValue(schema: Schema): unknown {
  switch (schema.type) {
    case "object": {
      const result: Record<string, unknown> = {};
      for (const field of fieldsAlwaysPresent(schema)) {
        const value = emptyValue(field.schema);
        if (value !== undefined) result[field.name] = value;
      }
      return result;
    }
    case "map":
      return {};
    case "array":
      return [];
    case "string":
    case "bytes":
      return "";
    case "boolean":
      return false;
    case "int32":
    case "int64":
    case "double":
    case "intOrString":
      return 0;
    case "quantity":
      return "0";
    case "time":
    case "microTime":
    case "any":
      return undefined;
  }
}

/** Tells whether `omitempty` would leave this value out. */
export function isEmptyValue(value: unknown): boolean {
  if (typeof value !== "object") return value === "" || value === 0 || value === false || value === undefined;
  if (value === null) return true;
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}
