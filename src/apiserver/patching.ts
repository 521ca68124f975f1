// Applies a patch of any type to an object's JSON (https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply).
import { applyJsonPatch, applyStrategicMergePatch, type FieldValidation, mergeInto, type Schema, unsupportedMediaTypeError } from "../api/index.ts";

export interface PatchRequest {
  readonly type: "json" | "merge" | "strategic" | "apply";
  readonly body: unknown;
  /** What is wrong with the body and can yet be read: fields that stand twice. */
  readonly problems?: readonly string[];
  readonly force?: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation?: FieldValidation;
}

export const PATCH_MEDIA_TYPES: Readonly<Record<string, PatchRequest["type"]>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

/** The patched JSON, not yet decoded. Throws a `StatusError`. What is applied server-side goes another way. */
export function applyPatch(schema: Schema, document: unknown, patch: PatchRequest): unknown {
  switch (patch.type) {
    case "json":
      return applyJsonPatch(document, patch.body);
    case "merge":
      return mergeInto(document, patch.body);
    case "strategic":
      return applyStrategicMergePatch(schema, document, patch.body);
    case "apply":
      throw unsupportedMediaTypeError(Object.keys(PATCH_MEDIA_TYPES).filter((type) => PATCH_MEDIA_TYPES[type] !== "apply"));
  }
}
