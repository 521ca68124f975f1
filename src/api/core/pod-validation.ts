import type { FieldError } from "../field-errors.ts";
export function validatePod(): FieldError[] {
  return [];
}
