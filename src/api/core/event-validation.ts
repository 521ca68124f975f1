import type { FieldError } from "../field-errors.ts";
export function validateCoreEvent(): FieldError[] {
  return [];
}
export function validateCoreEventUpdate(): FieldError[] {
  return [];
}
