import type { FieldError } from "../field-errors.ts";
export function validateEndpoints(): FieldError[] {
  return [];
}
export function validateEndpointsUpdate(): FieldError[] {
  return [];
}
