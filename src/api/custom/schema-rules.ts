// What may stand in the schema of a version of a CustomResourceDefinition, beside the rules of structure: what of OpenAPI is supported, lists
// and maps that fit their topology, defaults that are valid themselves. Texts are Kubernetes' own.
import { type FieldError, type FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { JSONSchemaProps } from "../generated/types.ts";
import { equalJson } from "../json-patch.ts";
import { checkValue } from "./schema-checks.ts";
import { checkStructural } from "./structural-rules.ts";
import { isResource, itemsOf, prunedBy, valuesOf } from "./structural-schema.ts";

const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
const RESOURCE_FIELDS: readonly string[] = ["metadata", "kind", "apiVersion"];
/** What upstream calls the fields that the root may have where the status is taken out of it. */
const ALLOWED_AT_ROOT =
  "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]";
const ROOT_FIELDS: ReadonlySet<string> = new Set([
  ...["description", "type", "format", "title", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern"],
  ...["maxItems", "minItems", "uniqueItems", "multipleOf", "required", "items", "properties", "externalDocs", "example"],
  ...["x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations"],
]);
const UNSUPPORTED = ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] as const;

/** All that is wrong with the schema of whole objects. */
export function checkRootSchema(schema: JSONSchemaProps, path: FieldPath, hasStatus: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (hasStatus && schema.type !== "object") {
    const text = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    errors.push(invalid(path.child("type"), schema.type ?? "", text));
  } else if (hasStatus && Object.entries(schema).some(([name, value]) => value !== false && !ROOT_FIELDS.has(name))) {
    errors.push(invalid(path, schema, `only ${ALLOWED_AT_ROOT} fields are allowed at the root of the schema if the status subresource is enabled`));
  }
  if (schema.nullable === true) errors.push(forbidden(path.child("nullable"), "nullable cannot be true at the root"));
  const structural = checkStructural(schema, path);
  const defaults = structural.length > 0 ? [] : checkDefaults(schema, path, true);
  return [...errors, ...structural, ...defaults, ...checkSchema(schema, path, { isRoot: true })];
}

interface Place {
  readonly isRoot?: boolean;
  /** Inside of the metadata or type of a resource. */
  readonly inMetadata?: boolean;
  /** Why no default may stand here. */
  readonly noDefault?: string;
}

function checkSchema(schema: JSONSchemaProps, path: FieldPath, place: Place): FieldError[] {
  return [...checkSupported(schema, path, place), ...checkBelow(schema, path, place), ...checkTopology(schema, path), ...checkKeys(schema, path)];
}

function checkSupported(schema: JSONSchemaProps, path: FieldPath, { inMetadata = false, noDefault }: Place): FieldError[] {
  const errors: FieldError[] = [];
  const { type = "" } = schema;
  if (type !== "" && type !== "null" && !TYPES.includes(type)) errors.push(notSupported(path.child("type"), type, TYPES));
  if (schema.default !== undefined && noDefault !== undefined) errors.push(forbidden(path.child("default"), `must not be set ${noDefault}`));
  for (const name of UNSUPPORTED) if (schema[name] !== undefined) errors.push(forbidden(path.child(name), `${name} is not supported`));
  if (type === "null") errors.push(forbidden(path.child("type"), "type cannot be set to null, use nullable as an alternative"));
  if (Array.isArray(schema.items)) errors.push(forbidden(path.child("items"), "items must be a schema object and not an array"));
  if (inMetadata && schema["x-kubernetes-embedded-resource"] === true) {
    errors.push(forbidden(path.child("x-kubernetes-embedded-resource"), "must not be used inside of resource meta"));
  }
  if (schema.uniqueItems === true) {
    errors.push(forbidden(path.child("uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"));
  }
  if (schema["x-kubernetes-preserve-unknown-fields"] === false) {
    errors.push(invalid(path.child("x-kubernetes-preserve-unknown-fields"), false, "must be true or undefined"));
  }
  return [...errors, ...checkRules(schema, path.child("x-kubernetes-validations"))];
}

/** Rules in CEL: what is wrong with their form, and else that nobody evaluates them. */
function checkRules({ "x-kubernetes-validations": rules = [] }: JSONSchemaProps, path: FieldPath): FieldError[] {
  const hasBreaks = (text: string): boolean => /[\n\r]/.test(text);
  const errors = rules.flatMap(({ rule = "", message = "" }, position) => {
    const at = path.index(position);
    if (rule.trim() === "") return [required(at.child("rule"), "rule is not specified")];
    if (message !== "" && message.trim() === "") return [invalid(at.child("message"), message, "must be non-empty if specified")];
    if (hasBreaks(message.trim())) return [invalid(at.child("message"), message, "must not contain line breaks")];
    return hasBreaks(rule.trim()) && message.trim() === "" ? [required(at.child("message"), "message must be specified if rule contains line breaks")] : [];
  });
  if (errors.length > 0 || rules.length === 0) return errors;
  return [forbidden(path, "kubets does not evaluate validation rules yet, and accepts none that it would ignore")];
}

function checkBelow(schema: JSONSchemaProps, path: FieldPath, place: Place): FieldError[] {
  const errors: FieldError[] = [];
  const items = itemsOf(schema);
  const values = valuesOf(schema);
  const { properties = {}, not } = schema;
  const { isRoot: _, ...inside } = place;
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== true && Object.keys(properties).length > 0) {
    errors.push(forbidden(path.child("additionalProperties"), "additionalProperties and properties are mutual exclusive"));
  }
  const inMap = place.inMetadata === true ? { ...inside, noDefault: "inside additionalProperties applying to object metadata" } : inside;
  if (values !== undefined) errors.push(...checkSchema(values, path.child("additionalProperties"), inMap));
  for (const [name, property] of Object.entries(properties)) {
    const isMetadata = isResource(schema, place.isRoot === true) && RESOURCE_FIELDS.includes(name);
    const metadata = place.isRoot === true ? { inMetadata: true, noDefault: `in top-level ${name}` } : { inMetadata: true };
    errors.push(...checkSchema(property, path.child("properties").key(name), isMetadata ? { ...inside, ...metadata } : inside));
  }
  if (not !== undefined) errors.push(...checkSchema(not, path.child("not"), inside));
  for (const name of ["allOf", "oneOf", "anyOf"] as const) {
    for (const [position, part] of (schema[name] ?? []).entries()) errors.push(...checkSchema(part, path.child(name).index(position), inside));
  }
  if (items !== undefined) errors.push(...checkSchema(items, path.child("items"), inside));
  return errors;
}

/** The type of a list or map fits what its topology needs. */
function checkTopology(schema: JSONSchemaProps, path: FieldPath): FieldError[] {
  const { "x-kubernetes-map-type": mapType, "x-kubernetes-list-type": listType, type = "" } = schema;
  const items = itemsOf(schema);
  const errors: FieldError[] = [];
  const needsType = (wanted: string, because: string): FieldError =>
    type === ""
      ? required(path.child("type"), `must be ${wanted} if ${because} is specified`)
      : invalid(path.child("type"), type, `must be ${wanted} if ${because} is specified`);
  if (mapType !== undefined && type !== "object") errors.push(needsType("object", "x-kubernetes-map-type"));
  if (mapType !== undefined && mapType !== "atomic" && mapType !== "granular") {
    errors.push(notSupported(path.child("x-kubernetes-map-type"), mapType, ["atomic", "granular"]));
  }
  if (listType !== undefined && type !== "array") errors.push(needsType("array", "x-kubernetes-list-type"));
  else if (listType === "set" && items !== undefined) errors.push(...checkSetItems(items, path.child("items")));
  if (listType !== undefined && !["atomic", "set", "map"].includes(listType)) {
    errors.push(notSupported(path.child("x-kubernetes-list-type"), listType, ["atomic", "set", "map"]));
  }
  return errors;
}

/** Items of a set are compared as a whole. */
function checkSetItems(items: JSONSchemaProps, path: FieldPath): FieldError[] {
  const { type, "x-kubernetes-list-type": listType, "x-kubernetes-map-type": mapType } = items;
  const text = "must be atomic as item of a list with x-kubernetes-list-type=set";
  const errors = items.nullable === true ? [forbidden(path.child("nullable"), "cannot be nullable when x-kubernetes-list-type is set")] : [];
  if (type === "array" && listType !== undefined && listType !== "atomic") errors.push(invalid(path.child("x-kubernetes-list-type"), listType, text));
  if (type === "object" && mapType !== "atomic") errors.push(invalid(path.child("x-kubernetes-map-type"), mapType ?? null, text));
  return errors;
}

/** The keys of a list that is a map are there, are scalars, and are always set. */
function checkKeys(schema: JSONSchemaProps, path: FieldPath): FieldError[] {
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const errors: FieldError[] = [];
  const mustBeMap = "must be map if x-kubernetes-list-map-keys is non-empty";
  if (keys.length > 0 && listType === undefined) errors.push(required(path.child("x-kubernetes-list-type"), mustBeMap));
  else if (keys.length > 0 && listType !== "map") errors.push(invalid(path.child("x-kubernetes-list-type"), listType, mustBeMap));
  if (listType !== "map") return errors;
  const items = itemsOf(schema);
  const at = path.child("items");
  if (keys.length === 0) errors.push(required(path.child("x-kubernetes-list-map-keys"), "must not be empty if x-kubernetes-list-type is map"));
  if (schema.items === undefined) errors.push(required(at, "must have a schema if x-kubernetes-list-type is map"));
  if (items === undefined) return errors;
  if (items.type !== "object")
    return [...errors, invalid(at.child("type"), items.type ?? "", "must be object if parent array's x-kubernetes-list-type is map")];
  for (const key of keys) errors.push(...checkKey(items, key, keys, path));
  if (new Set(keys).size < keys.length) errors.push(invalid(path.child("x-kubernetes-list-map-keys"), keys, "must not contain duplicate entries"));
  if (items.nullable === true) errors.push(forbidden(at.child("nullable"), "cannot be nullable when x-kubernetes-list-type is map"));
  return errors;
}

function checkKey(items: JSONSchemaProps, key: string, keys: readonly string[], path: FieldPath): FieldError[] {
  const property = items.properties?.[key];
  if (property === undefined) return [invalid(path.child("x-kubernetes-list-map-keys"), keys, "entries must all be names of item properties")];
  const at = path.child("items").child("properties").key(key);
  const errors: FieldError[] = [];
  if (property.type === "array" || property.type === "object") {
    errors.push(invalid(at.child("type"), items.type, "must be a scalar type if parent array's x-kubernetes-list-type is map"));
  }
  if (items.required?.includes(key) !== true && property.default === undefined) {
    const text = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
    errors.push(required(at.child("default"), text));
  }
  if (property.nullable === true) {
    errors.push(forbidden(at.child("nullable"), "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"));
  }
  return errors;
}

/** A default fits the schema that it stands in. Below additionalProperties of metadata none may stand. */
function checkDefaults(schema: JSONSchemaProps, path: FieldPath, isRoot = false): FieldError[] {
  const errors: FieldError[] = [];
  const at = path.child("default");
  if (schema.default !== undefined) {
    if (!equalJson(prunedBy(schema, schema.default), schema.default)) errors.push(invalid(at, schema.default, "must not have unknown fields"));
    for (const error of checkValue(schema, schema.default, undefined)) errors.push({ ...error, path: placed(at, error.path) });
  }
  const items = itemsOf(schema);
  const values = valuesOf(schema);
  if (items !== undefined) errors.push(...checkDefaults(items, path.child("items")));
  if (values !== undefined) errors.push(...checkDefaults(values, path.child("additionalProperties")));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (!isRoot || name !== "metadata") errors.push(...checkDefaults(property, path.child("properties").key(name)));
  }
  return errors;
}

/** The path of an error in a value that stands at `at`; some have none. */
function placed(at: FieldPath, path: string): string {
  if (path === "<nil>") return path;
  return path === "" ? at.toString() : at.child(path).toString();
}
