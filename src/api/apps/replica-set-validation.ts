import type { FieldError } from "../field-errors.ts";
export function validateReplicaSet(): FieldError[] {
  return [];
}
export function validateReplicaSetStatusUpdate(): FieldError[] {
  return [];
}
export function validateReplicaSetUpdate(): FieldError[] {
  return [];
}
