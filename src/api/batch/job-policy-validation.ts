// When a job has failed, and when it has succeeded, as its author sees it
// (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy, #success-policy).
import { checkLabelKey, checkNonnegative, checkOneOf } from "../field-checks.ts";
import { duplicate, type FieldError, type FieldPath, invalid, required, tooLong, tooMany } from "../field-errors.ts";
import type { JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule, SuccessPolicy } from "../generated/types.ts";
import { parseIndexes } from "./indexes.ts";

const ACTIONS = ["Count", "FailIndex", "FailJob", "Ignore"];
const MAX_RULES = 20;
const MAX_PATTERNS = 20;
const MAX_EXIT_CODES = 255;
const MAX_INDEXES_BYTES = 64 * 1024;

function choice(values: readonly string[]): string {
  return `valid values: [${values.map((value) => JSON.stringify(value)).join(" ")}]`;
}

/** Required, with the choice in the text. */
function checkChosen(path: FieldPath, value: string | undefined, values: readonly string[]): FieldError[] {
  return value ? checkOneOf(path, value, values) : [required(path, choice(values))];
}

function checkExitCodes(
  path: FieldPath,
  { operator, containerName, values = [] }: PodFailurePolicyOnExitCodesRequirement,
  names: readonly string[],
): FieldError[] {
  const at = path.child("values");
  const errors = checkChosen(path.child("operator"), operator, ["In", "NotIn"]);
  if (containerName !== undefined && !names.includes(containerName)) {
    errors.push(invalid(path.child("containerName"), containerName, "must be one of the container or initContainer names in the pod template"));
  }
  if (values.length === 0) errors.push(invalid(at, values, "at least one value is required"));
  else if (values.length > MAX_EXIT_CODES) errors.push(tooMany(at, values.length, MAX_EXIT_CODES));
  for (const [position, value] of values.entries()) {
    if (operator === "In" && value === 0) errors.push(invalid(at.index(position), value, "must not be 0 for the In operator"));
    if (values.indexOf(value) < position) errors.push(duplicate(at.index(position), value));
  }
  const ordered = values.every((value, position) => position === 0 || (values[position - 1] ?? value) <= value);
  return ordered ? errors : [...errors, invalid(at, values, "must be ordered")];
}

function checkRule(path: FieldPath, rule: PodFailurePolicyRule, spec: JobSpec, names: readonly string[]): FieldError[] {
  const { action, onExitCodes, onPodConditions = [] } = rule;
  const at = path.child("action");
  const errors = checkChosen(at, action, ACTIONS);
  if (action === "FailIndex" && spec.backoffLimitPerIndex === undefined) errors.push(invalid(at, action, "requires the backoffLimitPerIndex to be set"));
  if (onExitCodes !== undefined) errors.push(...checkExitCodes(path.child("onExitCodes"), onExitCodes, names));
  const conditions = path.child("onPodConditions");
  if (onPodConditions.length > MAX_PATTERNS) errors.push(tooMany(conditions, onPodConditions.length, MAX_PATTERNS));
  for (const [position, { type, status }] of onPodConditions.entries()) {
    const pattern = conditions.index(position);
    errors.push(...checkLabelKey(pattern.child("type"), type), ...checkChosen(pattern.child("status"), status, ["False", "True", "Unknown"]));
  }
  const whole = (detail: string): FieldError => ({ type: "FieldValueInvalid", path: path.toString(), body: `Invalid value: ${detail}` });
  if (onExitCodes !== undefined && onPodConditions.length > 0) errors.push(whole("specifying both OnExitCodes and OnPodConditions is not supported"));
  if (onExitCodes === undefined && onPodConditions.length === 0) errors.push(whole("specifying one of OnExitCodes and OnPodConditions is required"));
  return errors;
}

export function checkPodFailurePolicy(path: FieldPath, { rules }: PodFailurePolicy, spec: JobSpec): FieldError[] {
  const at = path.child("rules");
  const { containers, initContainers = [] } = spec.template.spec;
  const names = [...containers, ...initContainers].map(({ name }) => name);
  const errors = rules.length > MAX_RULES ? [tooMany(at, rules.length, MAX_RULES)] : [];
  return [...errors, ...rules.flatMap((rule, position) => checkRule(at.index(position), rule, spec, names))];
}

export function checkSuccessPolicy(path: FieldPath, { rules }: SuccessPolicy, completions: number): FieldError[] {
  const at = path.child("rules");
  if (rules.length === 0) return [required(at, "at least one rules must be specified when the successPolicy is specified")];
  const errors = rules.length > MAX_RULES ? [tooMany(at, rules.length, MAX_RULES)] : [];
  for (const [position, { succeededCount, succeededIndexes }] of rules.entries()) {
    const rule = at.index(position);
    let named: number | undefined;
    if (succeededCount === undefined && succeededIndexes === undefined) {
      errors.push(required(rule, "at least one of succeededCount or succeededIndexes must be specified"));
    }
    if (succeededIndexes !== undefined) {
      const indexes = rule.child("succeededIndexes");
      if (succeededIndexes.length > MAX_INDEXES_BYTES) errors.push(tooLong(indexes, MAX_INDEXES_BYTES));
      const parsed = parseIndexes(succeededIndexes, completions);
      if (parsed.ok) named = parsed.count;
      else errors.push(invalid(indexes, succeededIndexes, `error parsing succeededIndexes: ${parsed.problem}`));
    }
    const count = rule.child("succeededCount");
    errors.push(...checkNonnegative(count, succeededCount));
    if (succeededCount === undefined) continue;
    if (succeededCount > completions) {
      errors.push(invalid(count, succeededCount, `must be less than or equal to ${completions} (the number of specified completions)`));
    }
    if (succeededIndexes !== undefined && succeededCount > (named ?? 0)) {
      const text = `must be less than or equal to ${named ?? 0} (the number of indexes in the specified succeededIndexes field)`;
      errors.push(invalid(count, succeededCount, text));
    }
  }
  return errors;
}
