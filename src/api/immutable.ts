// Equality of values as the API means it, and the check of fields that may never change.
import { type FieldError, type FieldPath, invalid } from "./field-errors.ts";

/** Deep equality in which absent, null, empty lists and empty maps are the same. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b);
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, position) => sameValue(item, b[position]));
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  return Object.keys({ ...left, ...right }).every((key) => sameValue(left[key], right[key]));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && (Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0);
}

/** `field is immutable` when `value` is not what it was. */
export function checkImmutable(value: unknown, old: unknown, path: FieldPath): FieldError[] {
  return sameValue(value, old) ? [] : [invalid(path, value, "field is immutable")];
}
