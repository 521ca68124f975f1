// ReplicationControllers.
import { checkNonnegative } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid, required } from "../field-errors.ts";
import type { ReplicationController } from "../generated/types.ts";
import { checkPerpetualTemplate } from "./pod-template-validation.ts";

const SPEC = FieldPath.root("spec");

export function validateReplicationController({ spec }: ReplicationController): FieldError[] {
  const errors = checkNonnegative(SPEC.child("minReadySeconds"), spec.minReadySeconds);
  if (Object.keys(spec.selector ?? {}).length === 0) errors.push(required(SPEC.child("selector")));
  errors.push(...(spec.replicas === undefined ? [required(SPEC.child("replicas"))] : checkNonnegative(SPEC.child("replicas"), spec.replicas)));
  const selector = spec.selector === undefined ? undefined : { matchLabels: spec.selector };
  return [...errors, ...checkPerpetualTemplate(SPEC.child("template"), spec.template, selector, "ReplicationController")];
}

export function validateReplicationControllerUpdate(controller: ReplicationController): FieldError[] {
  return validateReplicationController(controller);
}

interface ReplicaCounts {
  readonly replicas?: number;
  readonly fullyLabeledReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly terminatingReplicas?: number;
  readonly observedGeneration?: number;
}

/** Counts are no less than nothing, and no part is larger than the whole. */
export function checkReplicaCounts(path: FieldPath, status: ReplicaCounts | undefined): FieldError[] {
  const { replicas = 0, fullyLabeledReplicas = 0, readyReplicas = 0, availableReplicas = 0, terminatingReplicas, observedGeneration = 0 } = status ?? {};
  const counts = { replicas, fullyLabeledReplicas, readyReplicas, availableReplicas, terminatingReplicas, observedGeneration };
  const errors = Object.entries(counts).flatMap(([name, count]) => checkNonnegative(path.child(name), count));
  const whole = "cannot be greater than status.replicas";
  for (const [name, count] of Object.entries({ fullyLabeledReplicas, readyReplicas, availableReplicas })) {
    if (count > replicas) errors.push(invalid(path.child(name), count, whole));
  }
  if (availableReplicas > readyReplicas) errors.push(invalid(path.child("availableReplicas"), availableReplicas, "cannot be greater than readyReplicas"));
  return errors;
}

export function validateReplicationControllerStatusUpdate({ status }: ReplicationController): FieldError[] {
  return checkReplicaCounts(FieldPath.root("status"), status);
}
