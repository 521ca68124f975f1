import type { FieldError } from "../field-errors.ts";
export function checkClaimTemplate(..._all: unknown[]): FieldError[] {
  return [];
}
export function validateClaim(): FieldError[] {
  return [];
}
export function validateClaimStatusUpdate(): FieldError[] {
  return [];
}
export function validateClaimUpdate(): FieldError[] {
  return [];
}
export function validatePersistentVolume(): FieldError[] {
  return [];
}
export function validatePersistentVolumeStatusUpdate(): FieldError[] {
  return [];
}
export function validatePersistentVolumeUpdate(): FieldError[] {
  return [];
}
