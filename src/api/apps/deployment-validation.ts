import type { FieldError } from "../field-errors.ts";
export function validateDeployment(): FieldError[] {
  return [];
}
export function validateDeploymentStatusUpdate(): FieldError[] {
  return [];
}
export function validateDeploymentUpdate(): FieldError[] {
  return [];
}
