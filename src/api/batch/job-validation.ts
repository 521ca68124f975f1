import type { FieldError } from "../field-errors.ts";
export function validateJob(): FieldError[] {
  return [];
}
export function validateJobUpdate(): FieldError[] {
  return [];
}
