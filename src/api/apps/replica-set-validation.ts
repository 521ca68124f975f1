// ReplicaSets.
import { checkPerpetualTemplate } from "../core/pod-template-validation.ts";
import { checkReplicaCounts } from "../core/replication-controller-validation.ts";
import { checkNonnegative } from "../field-checks.ts";
import { type FieldError, FieldPath } from "../field-errors.ts";
import type { ReplicaSet } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";
import { checkWorkloadSelector } from "./workload-validation.ts";

const SPEC = FieldPath.root("spec");

export function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  const checked = checkWorkloadSelector(SPEC.child("selector"), spec.selector, "deployment");
  return [
    ...checkNonnegative(SPEC.child("replicas"), spec.replicas),
    ...checkNonnegative(SPEC.child("minReadySeconds"), spec.minReadySeconds),
    ...checked.errors,
    ...checkPerpetualTemplate(SPEC.child("template"), spec.template, checked.sound ? spec.selector : "unsound", "ReplicaSet"),
  ];
}

export function validateReplicaSetUpdate(set: ReplicaSet, old: ReplicaSet): FieldError[] {
  return [...validateReplicaSet(set), ...checkImmutable(set.spec.selector, old.spec.selector, SPEC.child("selector"))];
}

export function validateReplicaSetStatusUpdate({ status }: ReplicaSet): FieldError[] {
  return checkReplicaCounts(FieldPath.root("status"), status);
}
