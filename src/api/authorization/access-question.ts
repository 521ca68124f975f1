// What is wrong with the questions of the access reviews.
import { type FieldError, FieldPath, invalid } from "../field-errors.ts";
import type { NonResourceAttributes, ResourceAttributes } from "../generated/types.ts";

export interface AccessQuestion {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: NonResourceAttributes;
}

const SPEC = FieldPath.root("spec");

/** It is about a resource or about a path, not both. */
export function checkQuestion({ resourceAttributes, nonResourceAttributes }: AccessQuestion): FieldError[] {
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    return [invalid(SPEC.child("nonResourceAttributes"), nonResourceAttributes, "cannot be specified in combination with resourceAttributes")];
  }
  if (resourceAttributes !== undefined || nonResourceAttributes !== undefined) return [];
  return [invalid(SPEC.child("resourceAttributes"), null, "exactly one of nonResourceAttributes or resourceAttributes must be specified")];
}

/** It is about somebody. */
export function checkSubject({ user = "", groups = [] }: { readonly user?: string; readonly groups?: readonly string[] }): FieldError[] {
  return user === "" && groups.length === 0 ? [invalid(SPEC.child("user"), user, "at least one of user or group must be specified")] : [];
}

/** A local question stays within its namespace. */
export function checkLocality({ resourceAttributes, nonResourceAttributes }: AccessQuestion, namespace: string): FieldError[] {
  const errors: FieldError[] = [];
  if (resourceAttributes !== undefined && (resourceAttributes.namespace ?? "") !== namespace) {
    errors.push(invalid(SPEC.child("resourceAttributes").child("namespace"), resourceAttributes.namespace ?? "", "must match metadata.namespace"));
  }
  if (nonResourceAttributes !== undefined) {
    errors.push(invalid(SPEC.child("nonResourceAttributes"), nonResourceAttributes, "disallowed on this kind of request"));
  }
  return errors;
}
