import type { FieldError } from "../field-errors.ts";
export function validateStoredPodTemplate(): FieldError[] {
  return [];
}
export function validateStoredPodTemplateUpdate(): FieldError[] {
  return [];
}
