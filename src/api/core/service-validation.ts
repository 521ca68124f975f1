import type { FieldError } from "../field-errors.ts";
export function validateService(): FieldError[] {
  return [];
}
export function validateServiceStatusUpdate(): FieldError[] {
  return [];
}
export function validateServiceUpdate(): FieldError[] {
  return [];
}
