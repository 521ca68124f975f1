import type { FieldError } from "../field-errors.ts";
export function validateStatefulSet(): FieldError[] {
  return [];
}
export function validateStatefulSetStatusUpdate(): FieldError[] {
  return [];
}
export function validateStatefulSetUpdate(): FieldError[] {
  return [];
}
