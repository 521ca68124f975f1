import type { FieldError } from "../field-errors.ts";
export function validateNamespaceFinalizers(): FieldError[] {
  return [];
}
export function validateNamespaceStatus(): FieldError[] {
  return [];
}
