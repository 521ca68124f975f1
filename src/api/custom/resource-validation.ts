// What is wrong with a custom resource: what its schema says (schema-checks.ts), items that stand twice in lists that are sets or maps,
// and the type and metadata of resources that are embedded in it.
//
// An update is forgiven what was wrong before and has not changed (ratcheting): who did not touch a field is not held up by it.
import { duplicate, type FieldError, FieldPath, invalid, required } from "../field-errors.ts";
import type { JSONSchemaProps, ObjectMeta } from "../generated/types.ts";
import { validateObjectMeta } from "../metadata-validation.ts";
import { checkDns1035Label, checkPathSegmentName } from "../names.ts";
import type { UnstructuredObject } from "../object.ts";
import { type JsonObject, keysOf } from "./list-items.ts";
import { checkValue } from "./schema-checks.ts";
import { itemsOf, valuesOf } from "./structural-schema.ts";

/** `old` is undefined at creation. */
export function validateCustomResource(schema: JSONSchemaProps, object: UnstructuredObject, old: UnstructuredObject | undefined): FieldError[] {
  const errors = [...checkValue(schema, object, old), ...checkBelow(schema, object, FieldPath.empty)];
  if (old === undefined) return errors;
  const known = new Set(checkBelow(schema, old, FieldPath.empty).map(errorText));
  return errors.filter((error) => !known.has(errorText(error)));
}

function errorText({ path, body }: FieldError): string {
  return `${path}: ${body}`;
}

/** Lists and embedded resources, all the way down. */
function checkBelow(schema: JSONSchemaProps | undefined, value: unknown, path: FieldPath): FieldError[] {
  if (schema === undefined || typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    return [...checkUniqueness(schema, value, path), ...value.flatMap((item, position) => checkBelow(items, item, path.index(position)))];
  }
  const embedded = schema["x-kubernetes-embedded-resource"] === true ? checkEmbedded(value as JsonObject, path) : [];
  const values = valuesOf(schema);
  return [
    ...embedded,
    ...Object.entries(value).flatMap(([key, item]) => {
      const property = schema.properties?.[key];
      return property === undefined ? checkBelow(values, item, path.key(key)) : checkBelow(property, item, path.child(key));
    }),
  ];
}

function checkUniqueness(schema: JSONSchemaProps, items: readonly unknown[], path: FieldPath): FieldError[] {
  const listType = schema["x-kubernetes-list-type"];
  if (listType !== "set" && listType !== "map") return [];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  if (listType === "map") {
    const misfit = items.findIndex((item) => item !== null && (typeof item !== "object" || Array.isArray(item)));
    if (misfit >= 0) return [invalid(path.index(misfit), items[misfit], "must be an object for an array of list-type map")];
  }
  const seen = new Map<string, number>();
  return items.flatMap((item, position) => {
    const identity = listType === "set" ? item : keysOf(item as JsonObject | null, keys);
    const text = JSON.stringify(identity);
    const times = seen.get(text) ?? 0;
    seen.set(text, times + 1);
    // Each value is complained about once.
    return times === 1 ? [duplicate(path.index(position), identity)] : [];
  });
}

function checkEmbedded(object: JsonObject, path: FieldPath): FieldError[] {
  const { apiVersion, kind, metadata } = object;
  const errors: FieldError[] = [];
  if (apiVersion === undefined) errors.push(required(path.child("apiVersion")));
  else if (typeof apiVersion !== "string") errors.push(invalid(path.child("apiVersion"), apiVersion, "must be a string"));
  else if (apiVersion === "") errors.push(invalid(path.child("apiVersion"), apiVersion, "must not be empty"));
  else if (apiVersion.split("/").length > 2) {
    errors.push(invalid(path.child("apiVersion"), apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  }
  if (kind === undefined) errors.push(required(path.child("kind")));
  else errors.push(...checkKindName(kind, path.child("kind")));
  return metadata === undefined || metadata === null ? errors : [...errors, ...checkEmbeddedMetadata(metadata as ObjectMeta, path)];
}

function checkKindName(kind: unknown, path: FieldPath): FieldError[] {
  if (typeof kind !== "string") return [invalid(path, kind, "must be a string")];
  if (kind === "") return [invalid(path, kind, "must not be empty")];
  const problems = checkDns1035Label(kind.toLowerCase());
  return problems.length === 0 ? [] : [invalid(path, kind, `may have mixed case, but should otherwise match: ${problems.join(",")}`)];
}

/** A name may be missing. */
function checkEmbeddedMetadata(metadata: ObjectMeta, path: FieldPath): FieldError[] {
  const rules = { namespaced: (metadata.namespace ?? "") !== "", declaration: { columns: [], validateName: checkPathSegmentName } };
  const errors = validateObjectMeta(rules, { ...metadata, name: metadata.name || "unnamed" });
  return errors.map((error) => ({ ...error, path: path.child(error.path).toString() }));
}
