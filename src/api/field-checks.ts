// Checks of single fields that many kinds share: numbers, labels, label selectors, references by name.
import { type FieldError, type FieldPath, forbidden, invalid, notSupported, required, tooLong } from "./field-errors.ts";
import type { LabelSelector } from "./generated/types.ts";
import { checkDnsLabel, checkDnsSubdomain, checkLabelValue, checkPercent, checkQualifiedName } from "./names.ts";

/** One error for each of `problems`. */
export function problemsAt(path: FieldPath, value: unknown, problems: readonly string[]): FieldError[] {
  return problems.map((problem) => invalid(path, value, problem));
}

/** What a check of a name says of the field. */
export function checkText(path: FieldPath, value: string, check: (value: string) => string[]): FieldError[] {
  return problemsAt(path, value, check(value));
}

/** Required, and of a form. */
export function checkRequiredText(path: FieldPath, value: string | undefined, check: (value: string) => string[]): FieldError[] {
  return value === undefined || value === "" ? [required(path)] : checkText(path, value, check);
}

export function checkRequired(path: FieldPath, value: string | undefined, detail = ""): FieldError[] {
  return value === undefined || value === "" ? [required(path, detail)] : [];
}

/** When set, one of `supported`. */
export function checkOneOf(path: FieldPath, value: string | undefined, supported: readonly string[]): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(path, value, supported)];
}

/** Required, and one of `supported`. */
export function checkRequiredOneOf(path: FieldPath, value: string | undefined, supported: readonly string[]): FieldError[] {
  return value === undefined || value === "" ? [required(path)] : checkOneOf(path, value, supported);
}

export function checkNonnegative(path: FieldPath, value: number | undefined): FieldError[] {
  return value !== undefined && value < 0 ? [invalid(path, value, "must be greater than or equal to 0")] : [];
}

export function checkPositive(path: FieldPath, value: number | undefined): FieldError[] {
  return value !== undefined && value <= 0 ? [invalid(path, value, "must be greater than zero")] : [];
}

/** The key of a label. */
export function checkLabelKey(path: FieldPath, key: string): FieldError[] {
  return checkText(path, key, checkQualifiedName);
}

export function checkLabels(path: FieldPath, labels: Readonly<Record<string, string>> | undefined): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [...checkLabelKey(path, key), ...checkText(path, value, checkLabelValue)]);
}

const MAX_ANNOTATIONS_BYTES = 256 * 1024;

/** Keys are names in lower case; all together are bounded. */
export function checkAnnotations(path: FieldPath, annotations: Readonly<Record<string, string>> | undefined): FieldError[] {
  const entries = Object.entries(annotations ?? {});
  const errors = entries.flatMap(([key]) => problemsAt(path, key, checkQualifiedName(key.toLowerCase())));
  const size = entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (size > MAX_ANNOTATIONS_BYTES) errors.push(tooLong(path, MAX_ANNOTATIONS_BYTES));
  return errors;
}

export function checkLabelSelector(path: FieldPath, selector: LabelSelector | undefined): FieldError[] {
  const errors = checkLabels(path.child("matchLabels"), selector?.matchLabels);
  for (const [position, { key, operator, values = [] }] of (selector?.matchExpressions ?? []).entries()) {
    const at = path.child("matchExpressions").index(position);
    errors.push(...checkOperator(at, operator, values.length), ...checkLabelKey(at.child("key"), key));
    for (const [index, value] of values.entries()) errors.push(...checkText(at.child("values").index(index), value, checkLabelValue));
  }
  return errors;
}

function checkOperator(path: FieldPath, operator: string, values: number): FieldError[] {
  if (operator === "In" || operator === "NotIn") {
    return values === 0 ? [required(path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'")] : [];
  }
  if (operator === "Exists" || operator === "DoesNotExist") {
    return values > 0 ? [forbidden(path.child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")] : [];
  }
  return [invalid(path.child("operator"), operator, "not a valid selector operator")];
}

export function selectorIsEmpty(selector: LabelSelector | undefined): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length === 0;
}

/** `metadata` of a template: labels and annotations. */
export function checkTemplateMetadata(
  path: FieldPath,
  metadata: { readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> } | undefined,
): FieldError[] {
  return [...checkAnnotations(path.child("annotations"), metadata?.annotations), ...checkLabels(path.child("labels"), metadata?.labels)];
}

export function checkDnsLabelAt(path: FieldPath, value: string): FieldError[] {
  return checkText(path, value, checkDnsLabel);
}

export function checkDnsSubdomainAt(path: FieldPath, value: string): FieldError[] {
  return checkText(path, value, checkDnsSubdomain);
}

/** A number, or a percentage of one. */
export function checkNonnegativeIntOrPercent(path: FieldPath, value: number | string): FieldError[] {
  if (typeof value === "number") return checkNonnegative(path, value);
  return checkText(path, value, checkPercent);
}

/** The number of a percentage; undefined for anything else. */
export function percentOf(value: number | string | undefined): number | undefined {
  return typeof value === "string" && checkPercent(value).length === 0 ? Number(value.slice(0, -1)) : undefined;
}

export function checkAtMost100Percent(path: FieldPath, value: number | string): FieldError[] {
  return (percentOf(value) ?? 0) > 100 ? [invalid(path, value, "must not be greater than 100%")] : [];
}
