// Deployments.
import { checkPerpetualTemplate } from "../core/pod-template-validation.ts";
import { checkAtMost100Percent, checkNonnegative, checkNonnegativeIntOrPercent } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { Deployment, DeploymentStrategy } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";
import { bareNumber, checkCollisionCount, checkCounts, checkParts, checkWorkloadSelector } from "./workload-validation.ts";

const SPEC = FieldPath.root("spec");

function checkStrategy(path: FieldPath, strategy: DeploymentStrategy): FieldError[] {
  const at = path.child("rollingUpdate");
  const { type, rollingUpdate } = strategy;
  if (type === "Recreate") return rollingUpdate === undefined ? [] : [forbidden(at, "may not be specified when strategy `type` is 'Recreate'")];
  if (type !== "RollingUpdate") return [notSupported(path, strategy, ["Recreate", "RollingUpdate"])];
  if (rollingUpdate === undefined) return [required(at, "this should be defaulted and never be nil")];
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate;
  const stuck = bareNumber(maxUnavailable) === 0 && bareNumber(maxSurge) === 0;
  return [
    ...checkNonnegativeIntOrPercent(at.child("maxUnavailable"), maxUnavailable),
    ...checkNonnegativeIntOrPercent(at.child("maxSurge"), maxSurge),
    ...(stuck ? [invalid(at.child("maxUnavailable"), maxUnavailable, "may not be 0 when `maxSurge` is 0")] : []),
    ...checkAtMost100Percent(at.child("maxUnavailable"), maxUnavailable),
  ];
}

export function validateDeployment({ spec }: Deployment): FieldError[] {
  const { replicas, selector, template, minReadySeconds = 0, progressDeadlineSeconds: deadline } = spec;
  const checked = checkWorkloadSelector(SPEC.child("selector"), selector, "deployment");
  const errors = [
    ...checkNonnegative(SPEC.child("replicas"), replicas),
    ...checked.errors,
    ...checkPerpetualTemplate(SPEC.child("template"), template, checked.sound ? selector : "unsound", "ReplicaSet"),
    ...checkStrategy(SPEC.child("strategy"), spec.strategy ?? {}),
    ...checkNonnegative(SPEC.child("minReadySeconds"), minReadySeconds),
    ...checkNonnegative(SPEC.child("revisionHistoryLimit"), spec.revisionHistoryLimit),
    ...checkNonnegative(SPEC.child("progressDeadlineSeconds"), deadline),
  ];
  if (deadline !== undefined && deadline <= minReadySeconds) {
    errors.push(invalid(SPEC.child("progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds"));
  }
  return errors;
}

export function validateDeploymentUpdate(deployment: Deployment, old: Deployment): FieldError[] {
  return [...validateDeployment(deployment), ...checkImmutable(deployment.spec.selector, old.spec.selector, SPEC.child("selector"))];
}

export function validateDeploymentStatusUpdate({ status = {} }: Deployment, old: Deployment): FieldError[] {
  const path = FieldPath.root("status");
  const { observedGeneration, replicas = 0, updatedReplicas, readyReplicas = 0, availableReplicas = 0, unavailableReplicas, terminatingReplicas } = status;
  const errors = [
    ...checkCounts(path, { observedGeneration, replicas, updatedReplicas, readyReplicas, availableReplicas, unavailableReplicas, terminatingReplicas }),
    ...checkParts(path, replicas, { updatedReplicas, readyReplicas, availableReplicas }),
  ];
  if (availableReplicas > readyReplicas) errors.push(invalid(path.child("availableReplicas"), availableReplicas, "cannot be greater than readyReplicas"));
  return [...errors, ...checkCollisionCount(path, status.collisionCount, old.status?.collisionCount)];
}
