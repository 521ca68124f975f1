// The rules that make a schema structural: every part has a type, what is said inside of allOf, anyOf, oneOf and not only narrows what is
// said outside of them, and type and metadata are left to the API
// (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
import { type FieldError, type FieldPath, forbidden, invalid, required } from "../field-errors.ts";
import type { JSONSchemaProps } from "../generated/types.ts";
import { equalJson } from "../json-patch.ts";
import { patternProblem } from "./patterns.ts";
import { itemsOf, valuesOf } from "./structural-schema.ts";

type Level = "root" | "item" | "field";

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  item: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
};
const INT_OR_STRING = [{ type: "integer" }, { type: "string" }];

/** All that keeps the schema of whole objects from being structural, by text. */
export function checkStructural(schema: JSONSchemaProps, path: FieldPath): FieldError[] {
  const errors = [...checkInvariants(schema, "root", path), ...checkJunctorsComplete(schema, schema, path, path)];
  return errors.sort((a, b) => (`${a.path}: ${a.body}` < `${b.path}: ${b.body}` ? -1 : 1));
}

function checkInvariants(schema: JSONSchemaProps, level: Level, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const items = itemsOf(schema);
  const values = valuesOf(schema);
  if (schema.type === "array" && schema.items === undefined) errors.push(required(path.child("items"), "must be specified"));
  if (items !== undefined) errors.push(...checkInvariants(items, "item", path.child("items")));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...checkInvariants(property, "field", path.child("properties").key(name)));
  }
  if (schema.additionalProperties !== undefined && level === "root") {
    errors.push(forbidden(path.child("additionalProperties"), "must not be used at the root"));
  }
  if (values !== undefined) errors.push(...checkInvariants(values, "field", path.child("additionalProperties")));
  return [
    ...errors,
    ...checkExtensions(schema, path),
    ...checkValueRules(schema, path),
    ...checkTypes(schema, level, path),
    ...checkResourceFields(schema, level, path),
  ];
}

function isEmbedded(schema: JSONSchemaProps): boolean {
  return schema["x-kubernetes-embedded-resource"] === true;
}

function checkExtensions(schema: JSONSchemaProps, path: FieldPath): FieldError[] {
  if (schema["x-kubernetes-int-or-string"] !== true) return [];
  const names = ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] as const;
  return names.filter((name) => schema[name] === true).map((name) => invalid(path.child(name), true, "must be false if x-kubernetes-int-or-string is true"));
}

function checkTypes(schema: JSONSchemaProps, level: Level, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const type = schema.type ?? "";
  const embedded = "must be object if x-kubernetes-embedded-resource is true";
  const needsNoType = schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (isEmbedded(schema) && type !== "object") errors.push(type === "" ? required(path.child("type"), embedded) : invalid(path.child("type"), type, embedded));
  else if (type === "" && !needsNoType) errors.push(required(path.child("type"), EMPTY_TYPE[level]));
  if (isEmbedded(schema) && schema.additionalProperties !== undefined) {
    errors.push(forbidden(path.child("additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set"));
  }
  if (level === "root" && type !== "" && type !== "object") errors.push(invalid(path.child("type"), type, "must be object at the root"));
  return errors;
}

/** Of type and metadata a schema says no more than that they are what they are; at the root it may narrow the name. */
function checkResourceFields(schema: JSONSchemaProps, level: Level, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const { properties = {} } = schema;
  const hasMetadata = level === "root" || isEmbedded(schema);
  const at = (name: string): FieldPath => path.child("properties").key(name);
  for (const name of ["kind", "apiVersion"]) {
    const property = properties[name];
    if (hasMetadata && property !== undefined && property.type !== "string") {
      errors.push(invalid(at(name).child("type"), property.type ?? "", "must be string"));
    }
  }
  const { metadata } = properties;
  if (hasMetadata && metadata !== undefined && metadata.type !== "object") {
    errors.push(invalid(at("metadata").child("type"), metadata.type ?? "", "must be object"));
  }
  if (level === "root" && metadata !== undefined && !namesOnly(metadata)) {
    const text = "must not specify anything other than name and generateName, but metadata is implicitly specified";
    errors.push(forbidden(at("metadata"), text));
  }
  if (isEmbedded(schema) && schema["x-kubernetes-preserve-unknown-fields"] !== true && Object.keys(properties).length === 0) {
    const text = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
    errors.push(required(path.child("properties"), text));
  }
  return errors;
}

function namesOnly({ type: _, properties = {}, default: __, ...rest }: JSONSchemaProps): boolean {
  return Object.keys(rest).length === 0 && Object.keys(properties).every((name) => name === "name" || name === "generateName");
}

/** What stands in allOf, anyOf, oneOf and not; the ways to say int-or-string by them are excepted. */
function checkValueRules(schema: JSONSchemaProps, path: FieldPath): FieldError[] {
  const { allOf = [], anyOf = [], oneOf = [], not, pattern = "" } = schema;
  const errors: FieldError[] = [];
  if (!equalJson(anyOf, INT_OR_STRING)) for (const [position, part] of anyOf.entries()) errors.push(...checkNested(part, path.child("anyOf").index(position)));
  for (const [position, part] of allOf.entries()) {
    const { anyOf: inner, ...rest } = part;
    const isIntOrString = position === 0 && inner !== undefined && equalJson(inner, INT_OR_STRING);
    errors.push(...checkNested(isIntOrString ? rest : part, path.child("allOf").index(position)));
  }
  for (const [position, part] of oneOf.entries()) errors.push(...checkNested(part, path.child("oneOf").index(position)));
  if (not !== undefined) errors.push(...checkNested(not, path.child("not")));
  const problem = pattern === "" ? undefined : patternProblem(pattern);
  if (problem !== undefined) errors.push(invalid(path.child("pattern"), pattern, `must be a valid regular expression, but isn't: ${problem}`));
  return errors;
}

const FORBIDDEN_BELOW: Readonly<Partial<Record<keyof JSONSchemaProps, string>>> = {
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
  "x-kubernetes-validations": "must be empty to be structural",
};

function checkNested(schema: JSONSchemaProps, path: FieldPath): FieldError[] {
  const items = itemsOf(schema);
  const errors = [...checkValueRules(schema, path), ...(items === undefined ? [] : checkNested(items, path.child("items")))];
  for (const [name, property] of Object.entries(schema.properties ?? {})) errors.push(...checkNested(property, path.child("properties").key(name)));
  for (const [name, text] of Object.entries(FORBIDDEN_BELOW)) {
    const value = schema[name as keyof JSONSchemaProps];
    if (value !== undefined && value !== false && value !== "") errors.push(forbidden(path.child(name), text));
  }
  if (schema.properties?.["metadata"] !== undefined) {
    errors.push(forbidden(path.child("properties").key("metadata"), "must not be specified in a nested context"));
  }
  return errors;
}

/** What a part of allOf, anyOf, oneOf or not speaks of is there outside of them, too. */
function checkComplete(part: JSONSchemaProps, schema: JSONSchemaProps | undefined, at: FieldPath, from: FieldPath): FieldError[] {
  if (schema === undefined) return [required(at, `because it is defined in ${from}`)];
  const errors = checkJunctorsComplete(part, schema, at, from);
  const items = itemsOf(part);
  if (items !== undefined) errors.push(...checkComplete(items, itemsOf(schema), at.child("items"), from.child("items")));
  for (const [name, property] of Object.entries(part.properties ?? {})) {
    const steps = [at, from].map((path) => path.child("properties").key(name)) as [FieldPath, FieldPath];
    errors.push(...checkComplete(property, schema.properties?.[name], ...steps));
  }
  return errors;
}

function checkJunctorsComplete(part: JSONSchemaProps, schema: JSONSchemaProps, at: FieldPath, from: FieldPath): FieldError[] {
  const errors = part.not === undefined ? [] : checkComplete(part.not, schema, at, from.child("not"));
  for (const name of ["allOf", "anyOf", "oneOf"] as const) {
    for (const [position, inner] of (part[name] ?? []).entries()) errors.push(...checkComplete(inner, schema, at, from.child(name).index(position)));
  }
  if (part !== schema) return errors;
  return [...errors, ...checkBelowComplete(schema, at)];
}

/** The same for what lies below. */
function checkBelowComplete(schema: JSONSchemaProps, path: FieldPath): FieldError[] {
  const items = itemsOf(schema);
  const values = valuesOf(schema);
  const errors: FieldError[] = [];
  const visit = (child: JSONSchemaProps, at: FieldPath): void => void errors.push(...checkJunctorsComplete(child, child, at, at));
  if (items !== undefined) visit(items, path.child("items"));
  if (values !== undefined) visit(values, path.child("additionalProperties"));
  for (const [name, property] of Object.entries(schema.properties ?? {})) visit(property, path.child("properties").key(name));
  return errors;
}
