import type { FieldError } from "../field-errors.ts";
export function validateLimitRange(): FieldError[] {
  return [];
}
export function validateResourceQuota(): FieldError[] {
  return [];
}
export function validateResourceQuotaStatusUpdate(): FieldError[] {
  return [];
}
export function validateResourceQuotaUpdate(): FieldError[] {
  return [];
}
