// What the workloads share: a selector that fits the template, numbers no less than nothing, counts that add up.
import { checkLabelSelector, checkNonnegative, selectorIsEmpty } from "../field-checks.ts";
import { type FieldError, type FieldPath, invalid, required } from "../field-errors.ts";
import type { LabelSelector } from "../generated/types.ts";

/** `sound`: the selector can be asked whether it fits labels. */
export function checkWorkloadSelector(path: FieldPath, selector: LabelSelector | undefined, owner: string): { errors: FieldError[]; sound: boolean } {
  // What a set of nodes lacks is told where its template does not fit.
  if (selector === undefined) return { errors: owner === "daemonset" ? [] : [required(path)], sound: true };
  const errors = checkLabelSelector(path, selector);
  const sound = errors.length === 0;
  if (!sound && owner !== "daemonset") errors.push(invalid(path, selector, owner === "statefulset" ? "" : "invalid label selector"));
  if (selectorIsEmpty(selector)) errors.push(invalid(path, selector, `empty selector is invalid for ${owner}`));
  return { errors, sound };
}

/** Counts that are no less than nothing. */
export function checkCounts(path: FieldPath, counts: Readonly<Record<string, number | undefined>>): FieldError[] {
  return Object.entries(counts).flatMap(([name, count]) => checkNonnegative(path.child(name), count));
}

/** Parts that are no larger than the whole. */
export function checkParts(path: FieldPath, replicas: number, parts: Readonly<Record<string, number | undefined>>): FieldError[] {
  return Object.entries(parts).flatMap(([name, count = 0]) =>
    count > replicas ? [invalid(path.child(name), count, "cannot be greater than status.replicas")] : [],
  );
}

/** Collisions are counted, never forgotten. */
export function checkCollisionCount(path: FieldPath, count: number | undefined, old: number | undefined): FieldError[] {
  const errors = checkNonnegative(path.child("collisionCount"), count);
  return old !== undefined && (count ?? 0) < old ? [...errors, invalid(path.child("collisionCount"), count ?? 0, "cannot be decremented")] : errors;
}

/** The bare number of a count or a percentage. */
export function bareNumber(value: number | string | undefined): number {
  return typeof value === "string" ? Number.parseInt(value, 10) || 0 : (value ?? 0);
}
