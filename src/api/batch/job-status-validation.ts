import type { FieldError } from "../field-errors.ts";
export function validateJobStatusUpdate(): FieldError[] {
  return [];
}
