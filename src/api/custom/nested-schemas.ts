// Schemas below `items` and `additionalProperties`: the types of a definition only know that something stands there, so that decoding leaves
// them as they came - with fields that are empty and nothing, for instance, as they come in protobuf. Here they get their one form.

import { schemaOfDefinition } from "../compile.ts";
import { decodePart } from "../decode.ts";
import type { JSONSchemaProps } from "../generated/types.ts";
import { itemsOf, valuesOf } from "./structural-schema.ts";

const DEFINITION = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/** Brings all schemas below this one to their form, in place: nobody else may hold it. Throws a BadRequest for one that is none. */
export function normalizeBelow(schema: JSONSchemaProps): void {
  const target = schema as unknown as Record<string, unknown>;
  const definition = schemaOfDefinition(DEFINITION);
  if (itemsOf(schema) !== undefined) target["items"] = decodePart(definition, schema.items);
  if (valuesOf(schema) !== undefined) target["additionalProperties"] = decodePart(definition, schema.additionalProperties);
  const { properties = {}, allOf = [], anyOf = [], oneOf = [], not } = schema;
  for (const child of [...Object.values(properties), ...allOf, ...anyOf, ...oneOf, itemsOf(schema), valuesOf(schema), not]) {
    if (child !== undefined) normalizeBelow(child);
  }
}
