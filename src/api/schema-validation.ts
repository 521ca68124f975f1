// What the schema alone can say is wrong: fields that must be there and are not, and values outside their enumeration. Kinds
// say the rest in their declarations. Status is not looked at: those who write it are trusted with its words.
import { type FieldError, FieldPath, notSupported, required } from "./field-errors.ts";
import type { Kind } from "./kind.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "./metadata-validation.ts";
import type { KubeObject } from "./object.ts";
import type { FieldSchema, ObjectSchema, Schema } from "./schema.ts";

const UNCHECKED: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata", "status"]);

/** All that is wrong with an object that is to be created. */
export function validateCreate<T extends KubeObject>(kind: Kind<T>, object: T): FieldError[] {
  const declared = kind.declaration.validateCreate?.(object) ?? [];
  return withSchemaErrors(kind, object, [...validateObjectMeta(kind, object.metadata), ...declared]);
}

/** All that is wrong with an update. */
export function validateUpdate<T extends KubeObject>(kind: Kind<T>, object: T, old: T): FieldError[] {
  const declared = kind.declaration.validateUpdate?.(object, old) ?? [];
  return withSchemaErrors(kind, object, [...validateObjectMetaUpdate(object.metadata, old.metadata), ...declared]);
}

/** All that is wrong with an update of `/status`. */
export function validateStatusUpdate<T extends KubeObject>(kind: Kind<T>, object: T, old: T): FieldError[] {
  return [...validateObjectMetaUpdate(object.metadata, old.metadata), ...(kind.declaration.validateStatusUpdate?.(object, old) ?? [])];
}

/** Adds what the schema finds wrong where the kind itself had nothing to say. */
function withSchemaErrors(kind: Kind, object: KubeObject, errors: FieldError[]): FieldError[] {
  if (errors.length === 0) return validateSchema(kind.schema, object);
  const spoken = errors.map((error) => withoutPositions(error.path));
  const isTold = (path: string): boolean =>
    spoken.some((told) => path === told || (told !== "spec" && told.split(".").length > 1 && path.startsWith(`${told}.`)));
  return [...errors, ...validateSchema(kind.schema, object).filter((error) => !isTold(withoutPositions(error.path)))];
}

/** Upstream's own checks do not always name the position in a list. */
function withoutPositions(path: string): string {
  return path.replaceAll(/\[\d+\]/g, "").replace(/^metadata\.taints/, "spec.taints");
}

/** Missing required fields and values outside their enumeration. */
export function validateSchema(schema: Schema, object: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.type !== "object") return errors;
  for (const field of schema.fields.values()) {
    if (!UNCHECKED.has(field.name)) checkField(field, (object as unknown as Record<string, unknown>)[field.name], FieldPath.empty, errors);
  }
  return errors;
}

/** `parent` is where the field's object stands: most fields are fine or absent, and no path is made for them. */
function checkField(field: FieldSchema, value: unknown, parent: FieldPath, errors: FieldError[]): void {
  if (value === undefined || value === null) {
    if (field.required && !field.emitEmpty) errors.push(required(parent.child(field.name)));
  } else if (field.enum !== undefined) checkEnum(field, field.enum, value, parent, errors);
  else if (!isLeaf(field.schema)) checkValue(field.schema, value, parent.child(field.name), errors);
}

function checkEnum(field: FieldSchema, allowed: readonly string[], value: unknown, parent: FieldPath, errors: FieldError[]): void {
  const refused = (path: FieldPath, text: string): FieldError => notSupported(path, text, [...allowed].sort());
  if (Array.isArray(value)) {
    for (const [position, item] of value.entries()) {
      if (typeof item === "string" && !allowed.includes(item)) errors.push(refused(parent.child(field.name).index(position), item));
    }
  } else if (value === "" && !allowed.includes("")) {
    if (field.required) errors.push(required(parent.child(field.name)));
  } else if (typeof value === "string" && !allowed.includes(value)) errors.push(refused(parent.child(field.name), value));
}

function checkValue(schema: Schema, value: unknown, path: FieldPath, errors: FieldError[]): void {
  if (typeof value !== "object" || value === null) return;
  if (schema.type === "object") {
    if (schema.definition === OBJECT_META) return;
    for (const field of schema.fields.values()) checkField(field, (value as Record<string, unknown>)[field.name], path, errors);
  } else if (schema.type === "array" && !isLeaf(schema.items)) {
    for (const [position, item] of (value as readonly unknown[]).entries()) checkValue(schema.items, item, path.index(position), errors);
  } else if (schema.type === "map" && !isLeaf(schema.values)) {
    for (const [key, item] of Object.entries(value)) checkValue(schema.values, item, path.key(key), errors);
  }
}

const OBJECT_META: ObjectSchema["definition"] = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

function isLeaf(schema: Schema): boolean {
  return schema.type !== "object" && schema.type !== "array" && schema.type !== "map";
}
