// Values of custom resources that are of another JSON type than their schema says. They travel through decoding and encoding as they
// are: what is wrong with them is validation's to say, and what was stored under an older schema must not be lost.
import type { Schema } from "./schema.ts";

/** Tells whether the value is of another type than the schema, and the schema keeps such values. */
export function isMisfit(schema: Schema, value: unknown): boolean {
  if (schema.type === "array") return schema.keepsMisfits === true && !Array.isArray(value);
  if (schema.type !== "object" && schema.type !== "map") return false;
  return schema.keepsMisfits === true && (typeof value !== "object" || value === null || Array.isArray(value));
}
