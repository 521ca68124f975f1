// The schema of a custom resource as OpenAPI publishes it: what its definition says, with the type and metadata that every object has. The
// form for OpenAPI 2.0 leaves out what that version, and kubectl reading it, cannot cope with.
import { type JSONSchemaProps, type Kind, listKindOf } from "../../api/index.ts";
import { present } from "../../base/index.ts";
import type { Definitions, JsonSchema } from "./json-schema.ts";

const OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
const API_VERSION = { type: "string", description: "APIVersion defines the group and version of the schema that this object follows." };
const KIND = { type: "string", description: "Kind is the name of the type of this object, in CamelCase." };

/** A reference to the definition of a custom kind. */
export function referenceToCustom(definitions: Definitions, kind: Kind): JsonSchema {
  return definitions.add(kind.definition, () => {
    const { openApiSchema } = present(kind.custom, `definition of ${kind.kind}`);
    return { ...published(definitions, openApiSchema, true), ...typeOf(kind, kind.kind) };
  });
}

/** A reference to the definition of its list. */
export function referenceToCustomList(definitions: Definitions, kind: Kind): JsonSchema {
  const listKind = listKindOf(kind);
  const name = kind.definition.slice(0, -kind.kind.length) + listKind;
  return definitions.add(name, () => ({
    description: `${listKind} is a list of ${kind.kind}`,
    type: "object",
    required: ["items"],
    properties: {
      apiVersion: API_VERSION,
      items: { description: `The ${kind.resource} of the list.`, type: "array", items: referenceToCustom(definitions, kind) },
      kind: KIND,
      metadata: definitions.reference(LIST_META),
    },
    ...typeOf(kind, listKind),
  }));
}

function typeOf({ group, version, declaration }: Kind, kind: string): JsonSchema {
  const fields = Object.keys(declaration.selectableFields ?? {}).map((fieldPath) => ({ fieldPath }));
  return {
    "x-kubernetes-group-version-kind": [{ group, version, kind }],
    ...(fields.length === 0 ? {} : { "x-kubernetes-selectable-fields": fields }),
  };
}

function published(definitions: Definitions, schema: JSONSchemaProps, isRoot: boolean): JsonSchema {
  const isEmbedded = schema["x-kubernetes-embedded-resource"] === true;
  const keepsUnknown = schema["x-kubernetes-preserve-unknown-fields"] === true;
  // Who publishes some of the fields to kubectl forbids all others.
  if (isRoot && keepsUnknown && definitions.dialect === "v2") return { type: "object" };
  const own = definitions.dialect === "v2" ? reduced(definitions, schema) : complete(definitions, schema);
  if (!(isRoot || isEmbedded) || (definitions.dialect === "v2" && keepsUnknown)) return own;
  const metadata = definitions.reference(OBJECT_META);
  const properties = { ...(own["properties"] as object | undefined), apiVersion: API_VERSION, kind: KIND, metadata };
  const required = [...new Set([...(schema.required ?? []), "kind", "apiVersion"])];
  return { ...own, properties, ...(isEmbedded ? { required } : {}) };
}

/** The schema with what lies below it published, too. */
function complete(definitions: Definitions, schema: JSONSchemaProps): JsonSchema {
  const { items, properties, additionalProperties, ...rest } = schema;
  const isIntOrString =
    definitions.dialect === "v3" && schema["x-kubernetes-int-or-string"] === true && schema.anyOf === undefined && schema.allOf?.[0]?.anyOf === undefined;
  const below = (child: unknown): unknown => (typeof child === "object" && child !== null ? published(definitions, child as JSONSchemaProps, false) : child);
  return {
    ...rest,
    ...(isIntOrString ? { anyOf: [{ type: "integer" }, { type: "string" }] } : {}),
    ...(items === undefined ? {} : { items: below(items) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: below(additionalProperties) }),
    ...(properties === undefined ? {} : { properties: Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, below(property)])) }),
  };
}

/** Without junctors, without types that may be null, and without parts of what keeps unknown fields. */
function reduced(definitions: Definitions, schema: JSONSchemaProps): JsonSchema {
  const { allOf: _, anyOf: __, oneOf: ___, not: ____, nullable, items, properties, required, ...rest } = schema;
  const keepsUnknown = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const isUntyped = nullable === true || (keepsUnknown && (schema.type === "object" || schema.type === "array"));
  const { type, ...untyped } = rest;
  const values = schema.additionalProperties as JSONSchemaProps | undefined;
  const kept = values?.nullable === true ? [] : (required ?? []).filter((name) => properties?.[name]?.nullable !== true);
  return complete(definitions, {
    ...(isUntyped ? untyped : { ...untyped, ...(type === undefined ? {} : { type }) }),
    ...(kept.length === 0 ? {} : { required: kept }),
    ...(nullable === true || keepsUnknown ? {} : { ...(items === undefined ? {} : { items }), ...(properties === undefined ? {} : { properties }) }),
  });
}
