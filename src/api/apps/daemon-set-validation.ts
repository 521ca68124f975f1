import type { FieldError } from "../field-errors.ts";
export function validateDaemonSet(): FieldError[] {
  return [];
}
export function validateDaemonSetStatusUpdate(): FieldError[] {
  return [];
}
export function validateDaemonSetUpdate(): FieldError[] {
  return [];
}
