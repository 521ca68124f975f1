// What may stand in the schema of a custom resource: every field has a type, and the rest only narrows it, so that objects can be pruned and
// defaulted (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
// The rules in CEL of `x-kubernetes-validations` are not compiled here.
import { type FieldError, type FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { JSONSchemaProps } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";

/** Where a schema stands: a whole object, an item of a list, a field; or within a condition, which must add no types of its own. */
type Level = "root" | "item" | "field" | "condition";
type Named = Readonly<Record<string, JSONSchemaProps>>;

const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
const TYPE_MISSING: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  item: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
  condition: "",
};
const CONDITIONS = ["allOf", "anyOf", "oneOf"] as const;
const INT_OR_STRING = [{ type: "integer" }, { type: "string" }];

export function checkStructuralSchema(path: FieldPath, schema: JSONSchemaProps): FieldError[] {
  return checkSchema(path, schema, "root");
}

function checkSchema(path: FieldPath, schema: JSONSchemaProps, level: Level): FieldError[] {
  const errors = [...checkChildren(path, schema, level), ...checkUnsupported(path, schema), ...checkLists(path, schema), ...checkRules(path, schema)];
  return [...errors, ...(level === "condition" ? checkCondition(path, schema) : checkType(path, schema, level))];
}

function checkChildren(path: FieldPath, schema: JSONSchemaProps, level: Level): FieldError[] {
  const inner = (own: Level): Level => (level === "condition" ? "condition" : own);
  const errors: FieldError[] = [];
  const items = itemsOf(schema);
  if (items !== undefined) errors.push(...checkSchema(path.child("items"), items, inner("item")));
  for (const [name, property] of Object.entries((schema.properties ?? {}) as Named)) {
    errors.push(...checkSchema(path.child("properties").key(name), property, inner("field")));
  }
  const more: unknown = schema.additionalProperties;
  if (isSchema(more)) errors.push(...checkSchema(path.child("additionalProperties"), more, inner("field")));
  for (const word of CONDITIONS) {
    for (const [position, condition] of (schema[word] ?? []).entries()) {
      if (!isIntOrString(schema, word)) errors.push(...checkSchema(path.child(word).index(position), condition, "condition"));
    }
  }
  return schema.not === undefined ? errors : [...errors, ...checkSchema(path.child("not"), schema.not, "condition")];
}

/** `anyOf: [{type: integer}, {type: string}]` is how a number or a text is said. */
function isIntOrString(schema: JSONSchemaProps, word: (typeof CONDITIONS)[number]): boolean {
  if (schema["x-kubernetes-int-or-string"] !== true) return false;
  return sameValue(word === "allOf" ? schema.allOf?.[0]?.anyOf : schema.anyOf, INT_OR_STRING);
}

function itemsOf({ items }: JSONSchemaProps): JSONSchemaProps | undefined {
  const value: unknown = items;
  return isSchema(value) ? value : undefined;
}

function isSchema(value: unknown): value is JSONSchemaProps {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkType(path: FieldPath, schema: JSONSchemaProps, level: Level): FieldError[] {
  const at = path.child("type");
  const { type = "" } = schema;
  const embedded = schema["x-kubernetes-embedded-resource"] === true;
  const free = schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
  const errors: FieldError[] = [];
  if (type === "array" && schema.items === undefined) errors.push(required(path.child("items"), "must be specified"));
  if (level === "root" && schema.additionalProperties !== undefined) errors.push(forbidden(path.child("additionalProperties"), "must not be used at the root"));
  if (embedded && type !== "object") {
    const text = "must be object if x-kubernetes-embedded-resource is true";
    errors.push(type === "" ? required(at, text) : invalid(at, type, text));
  } else if (type === "" && !free) errors.push(required(at, TYPE_MISSING[level]));
  if (level === "root" && type !== "" && type !== "object") errors.push(invalid(at, type, "must be object at the root"));
  if (type !== "" && !TYPES.includes(type)) errors.push(notSupported(at, type, TYPES));
  if (level === "root" || embedded) errors.push(...checkMetadata(path, schema));
  return errors;
}

/** Objects in themselves have a kind, a version, and metadata that is everybody's. */
function checkMetadata(path: FieldPath, { properties = {} }: JSONSchemaProps): FieldError[] {
  const named = properties as Named;
  const errors: FieldError[] = [];
  for (const name of ["kind", "apiVersion"]) {
    const type = named[name]?.type;
    if (named[name] !== undefined && type !== "string") errors.push(invalid(path.child("properties").key(name).child("type"), type ?? "", "must be string"));
  }
  const { metadata } = named;
  if (metadata === undefined) return errors;
  const at = path.child("properties").key("metadata");
  if (metadata.type !== "object") errors.push(invalid(at.child("type"), metadata.type ?? "", "must be object"));
  const { properties: described = {}, type: _type, description: _description, ...rest } = metadata;
  const isRestricted = Object.keys(rest).length === 0 && Object.keys(described).every((name) => name === "name" || name === "generateName");
  return isRestricted ? errors : [...errors, forbidden(at, "must not specify anything other than name and generateName, but metadata is implicitly specified")];
}

const FORBIDDEN_IN_CONDITIONS: Readonly<Record<string, string>> = {
  type: "must be empty to be structural",
  additionalProperties: "must be undefined to be structural",
  default: "must be undefined to be structural",
  title: "must be empty to be structural",
  description: "must be empty to be structural",
  nullable: "must be false to be structural",
  "x-kubernetes-preserve-unknown-fields": "must be false to be structural",
  "x-kubernetes-embedded-resource": "must be false to be structural",
  "x-kubernetes-int-or-string": "must be false to be structural",
  "x-kubernetes-list-map-keys": "must be empty to be structural",
  "x-kubernetes-list-type": "must be undefined to be structural",
  "x-kubernetes-map-type": "must be undefined to be structural",
};

function checkCondition(path: FieldPath, schema: JSONSchemaProps): FieldError[] {
  const given = schema as unknown as Readonly<Record<string, unknown>>;
  const errors = Object.entries(FORBIDDEN_IN_CONDITIONS).flatMap(([name, text]) =>
    given[name] === undefined || given[name] === false || given[name] === "" ? [] : [forbidden(path.child(name), text)],
  );
  const { metadata } = (schema.properties ?? {}) as Named;
  return metadata === undefined ? errors : [...errors, forbidden(path.child("properties").key("metadata"), "must not be specified in a nested context")];
}

/** JSON Schema can say more than Kubernetes takes. */
function checkUnsupported(path: FieldPath, schema: JSONSchemaProps): FieldError[] {
  const given = schema as unknown as Readonly<Record<string, unknown>>;
  const errors: FieldError[] = [];
  const properties = Object.keys(schema.properties ?? {}).length;
  if (schema.uniqueItems === true)
    errors.push(forbidden(path.child("uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"));
  if (given["additionalProperties"] !== undefined && given["additionalProperties"] !== true && properties > 0)
    errors.push(forbidden(path.child("additionalProperties"), "additionalProperties and properties are mutual exclusive"));
  if (Array.isArray(given["items"])) errors.push(forbidden(path.child("items"), "items must be a schema object and not an array"));
  if (Object.keys(schema.definitions ?? {}).length > 0) errors.push(forbidden(path.child("definitions"), "definitions is not supported"));
  if (Object.keys(schema.dependencies ?? {}).length > 0) errors.push(forbidden(path.child("dependencies"), "dependencies is not supported"));
  if (Object.keys(schema.patternProperties ?? {}).length > 0) errors.push(forbidden(path.child("patternProperties"), "patternProperties is not supported"));
  if (schema.id) errors.push(forbidden(path.child("id"), "id is not supported"));
  if (given["$ref"] !== undefined) errors.push(forbidden(path.child("$ref"), "$ref is not supported"));
  if (given["x-kubernetes-preserve-unknown-fields"] === false)
    errors.push(invalid(path.child("x-kubernetes-preserve-unknown-fields"), false, "must be true or undefined"));
  return errors;
}

/** How lists and maps are merged. */
function checkLists(path: FieldPath, schema: JSONSchemaProps): FieldError[] {
  const { type = "" } = schema;
  const mapType = schema["x-kubernetes-map-type"];
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const errors: FieldError[] = [];
  for (const [word, value, wanted] of [["map", mapType, "object"] as const, ["list", listType, "array"] as const]) {
    if (value === undefined || type === wanted) continue;
    const text = `must be ${wanted} if x-kubernetes-${word}-type is specified`;
    errors.push(type === "" ? required(path.child("type"), text) : invalid(path.child("type"), type, text));
  }
  const mapTypes = ["atomic", "granular"];
  const listTypes = ["atomic", "set", "map"];
  if (mapType !== undefined && !mapTypes.includes(mapType)) errors.push(notSupported(path.child("x-kubernetes-map-type"), mapType, mapTypes));
  if (listType !== undefined && !listTypes.includes(listType)) errors.push(notSupported(path.child("x-kubernetes-list-type"), listType, listTypes));
  if (keys.length > 0 && listType !== "map") {
    const text = "must be map if x-kubernetes-list-map-keys is non-empty";
    const at = path.child("x-kubernetes-list-type");
    errors.push(listType === undefined ? required(at, text) : invalid(at, listType, text));
  }
  return listType === "map" ? [...errors, ...checkListMap(path, schema, keys)] : errors;
}

function checkListMap(path: FieldPath, schema: JSONSchemaProps, keys: readonly string[]): FieldError[] {
  const at = path.child("x-kubernetes-list-map-keys");
  const items = itemsOf(schema);
  const errors = keys.length === 0 ? [required(at, "must not be empty if x-kubernetes-list-type is map")] : [];
  if (items === undefined) return [...errors, required(path.child("items"), "must have a schema if x-kubernetes-list-type is map")];
  if (items.type !== "object")
    return [...errors, invalid(path.child("items", "type"), items.type ?? "", "must be object if parent array's x-kubernetes-list-type is map")];
  const properties = (items.properties ?? {}) as Named;
  for (const [position, key] of keys.entries()) {
    const property = properties[key];
    if (property === undefined) errors.push(invalid(at, keys, "entries must all be names of item properties"));
    else if (property.type === "array" || property.type === "object") {
      const text = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      errors.push(invalid(path.child("items", "properties").key(key).child("type"), items.type, text));
    }
    if (keys.indexOf(key) < position) errors.push(invalid(at, keys, "must not contain duplicate entries"));
  }
  return errors;
}

function checkRules(path: FieldPath, schema: JSONSchemaProps): FieldError[] {
  return (schema["x-kubernetes-validations"] ?? []).flatMap(({ rule = "", message = "" }, position) => {
    const at = path.child("x-kubernetes-validations").index(position);
    const hasBreaks = (text: string): boolean => /[\n\r]/.test(text);
    if (rule.trim() === "") return [required(at.child("rule"), "rule is not specified")];
    if (message !== "" && message.trim() === "") return [invalid(at.child("message"), message, "must be non-empty if specified")];
    if (hasBreaks(message.trim())) return [invalid(at.child("message"), message, "must not contain line breaks")];
    return hasBreaks(rule.trim()) && message.trim() === "" ? [required(at.child("message"), "message must be specified if rule contains line breaks")] : [];
  });
}
