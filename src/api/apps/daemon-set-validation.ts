// DaemonSets.
import { checkPerpetualTemplate } from "../core/pod-template-validation.ts";
import { checkAtMost100Percent, checkNonnegative, checkNonnegativeIntOrPercent } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid, notSupported, required } from "../field-errors.ts";
import type { DaemonSet, DaemonSetUpdateStrategy } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";
import { bareNumber, checkCollisionCount, checkCounts, checkWorkloadSelector } from "./workload-validation.ts";

const SPEC = FieldPath.root("spec");

/** Pods of a node are replaced before or after, not both. */
function checkStrategy(path: FieldPath, strategy: DaemonSetUpdateStrategy): FieldError[] {
  if (strategy.type === "OnDelete") return [];
  if (strategy.type !== "RollingUpdate") return [notSupported(path, strategy, ["RollingUpdate", "OnDelete"])];
  const at = path.child("rollingUpdate");
  if (strategy.rollingUpdate === undefined) return [required(at)];
  const { maxUnavailable = 0, maxSurge = 0 } = strategy.rollingUpdate;
  const errors = [
    ...checkNonnegativeIntOrPercent(at.child("maxUnavailable"), maxUnavailable),
    ...checkNonnegativeIntOrPercent(at.child("maxSurge"), maxSurge),
    ...checkAtMost100Percent(at.child("maxUnavailable"), maxUnavailable),
    ...checkAtMost100Percent(at.child("maxSurge"), maxSurge),
  ];
  const surges = bareNumber(maxSurge) !== 0;
  const misses = bareNumber(maxUnavailable) !== 0;
  if (surges && misses) errors.push(invalid(at.child("maxSurge"), maxSurge, "may not be set when maxUnavailable is non-zero"));
  if (!surges && !misses) errors.push(required(at.child("maxUnavailable"), "cannot be 0 when maxSurge is 0"));
  return errors;
}

export function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  const checked = checkWorkloadSelector(SPEC.child("selector"), spec.selector, "daemonset");
  return [
    ...checked.errors,
    ...checkPerpetualTemplate(SPEC.child("template"), spec.template, checked.sound ? spec.selector : "unsound", "DaemonSet"),
    ...checkNonnegative(SPEC.child("minReadySeconds"), spec.minReadySeconds),
    ...checkStrategy(SPEC.child("updateStrategy"), spec.updateStrategy ?? {}),
    ...checkNonnegative(SPEC.child("revisionHistoryLimit"), spec.revisionHistoryLimit),
  ];
}

export function validateDaemonSetUpdate(set: DaemonSet, old: DaemonSet): FieldError[] {
  return [...checkImmutable(set.spec.selector, old.spec.selector, SPEC.child("selector")), ...validateDaemonSet(set)];
}

export function validateDaemonSetStatusUpdate({ status }: DaemonSet, old: DaemonSet): FieldError[] {
  const path = FieldPath.root("status");
  const { conditions: _conditions, collisionCount, ...counts } = status ?? { currentNumberScheduled: 0 };
  return [...checkCounts(path, counts), ...checkCollisionCount(path, collisionCount, old.status?.collisionCount)];
}
