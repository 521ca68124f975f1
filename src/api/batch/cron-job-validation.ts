import type { FieldError } from "../field-errors.ts";
export function validateCronJob(): FieldError[] {
  return [];
}
export function validateCronJobUpdate(): FieldError[] {
  return [];
}
