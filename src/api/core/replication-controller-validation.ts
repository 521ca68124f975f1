import type { FieldError } from "../field-errors.ts";
export function validateReplicationController(): FieldError[] {
  return [];
}
export function validateReplicationControllerStatusUpdate(): FieldError[] {
  return [];
}
export function validateReplicationControllerUpdate(): FieldError[] {
  return [];
}
