import type { FieldError } from "../field-errors.ts";
export function validateNode(): FieldError[] {
  return [];
}
export function validateNodeUpdate(): FieldError[] {
  return [];
}
