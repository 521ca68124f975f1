import type { FieldError } from "../field-errors.ts";
export function validateConfigMap(): FieldError[] {
  return [];
}
export function validateConfigMapUpdate(): FieldError[] {
  return [];
}
export function validateSecret(): FieldError[] {
  return [];
}
export function validateSecretUpdate(): FieldError[] {
  return [];
}
