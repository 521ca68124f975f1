import type { FieldError } from "../field-errors.ts";
export function validateAutoscaler(..._objects: unknown[]): FieldError[] {
  return [];
}
export function validateAutoscalerStatusUpdate(..._objects: unknown[]): FieldError[] {
  return [];
}
export function validateAutoscalerUpdate(..._objects: unknown[]): FieldError[] {
  return [];
}
