// How items of the lists of custom resources are told apart: by their keys, or as themselves.
import type { JSONSchemaProps } from "../generated/types.ts";
import { equalJson } from "../json-patch.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** The keys of an item and their values, in order. */
export function keysOf(item: JsonObject | null, keys: readonly string[]): JsonObject {
  return Object.fromEntries([...keys].sort().flatMap((key) => (item?.[key] === undefined ? [] : [[key, item[key]]])));
}

/** The item of the old list that stands for `item`; undefined when none does, or nobody can tell. */
export function oldItemOf(schema: JSONSchemaProps, item: unknown, old: unknown): unknown {
  if (!Array.isArray(old)) return undefined;
  if (schema["x-kubernetes-list-type"] === "set") return old.find((other) => equalJson(other, item));
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  if (schema["x-kubernetes-list-type"] !== "map" || typeof item !== "object" || item === null) return undefined;
  const identity = keysOf(item as JsonObject, keys);
  return old.find((other) => typeof other === "object" && other !== null && equalJson(keysOf(other as JsonObject, keys), identity));
}
