// StatefulSets.

import { checkPerpetualTemplate } from "../core/pod-template-validation.ts";
import { checkClaimSpec } from "../core/volume-validation.ts";
import { checkDnsLabelAt, checkNonnegative, checkNonnegativeIntOrPercent, checkOneOf } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden, invalid, required } from "../field-errors.ts";
import type { PodTemplateSpec, StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import { checkCollisionCount, checkCounts, checkParts, checkWorkloadSelector } from "./workload-validation.ts";

const SPEC = FieldPath.root("spec");
const CHANGEABLE = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
] as const;

function checkStrategy(path: FieldPath, strategy: StatefulSetUpdateStrategy): FieldError[] {
  const at = path.child("rollingUpdate");
  const { type, rollingUpdate } = strategy;
  if (!type) return [required(path)];
  if (type === "OnDelete") return rollingUpdate === undefined ? [] : [invalid(at, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")];
  if (type !== "RollingUpdate") return [invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")];
  const { partition, maxUnavailable } = rollingUpdate ?? {};
  return [
    ...checkNonnegative(at.child("partition"), partition),
    ...(maxUnavailable === undefined ? [] : checkNonnegativeIntOrPercent(at.child("maxUnavailable"), maxUnavailable)),
  ];
}

/** As pods will have it: names come from the set, volumes also from the claims. */
function asOfPods(spec: StatefulSetSpec): PodTemplateSpec {
  const claims = spec.volumeClaimTemplates ?? [];
  const { subdomain: _subdomain, hostname: _hostname, ...podSpec } = spec.template.spec;
  const names = new Set(claims.map(({ metadata }) => metadata.name));
  const volumes = [
    ...[...names].map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    ...(podSpec.volumes ?? []).filter(({ name }) => !names.has(name)),
  ];
  return { ...spec.template, spec: claims.length === 0 ? podSpec : { ...podSpec, volumes } };
}

function checkSpec(spec: StatefulSetSpec): FieldError[] {
  const policy = spec.podManagementPolicy;
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  const path = SPEC.child("podManagementPolicy");
  const checked = checkWorkloadSelector(SPEC.child("selector"), spec.selector, "statefulset");
  const errors: FieldError[] = [];
  if (!policy) errors.push(required(path));
  else if (policy !== "OrderedReady" && policy !== "Parallel") errors.push(invalid(path, policy, "must be 'OrderedReady' or 'Parallel'"));
  return [
    ...errors,
    ...checkStrategy(SPEC.child("updateStrategy"), spec.updateStrategy ?? {}),
    ...checkOneOf(SPEC.child("persistentVolumeClaimRetentionPolicy", "whenDeleted"), retention?.whenDeleted, ["Retain", "Delete"]),
    ...checkOneOf(SPEC.child("persistentVolumeClaimRetentionPolicy", "whenScaled"), retention?.whenScaled, ["Retain", "Delete"]),
    ...checkNonnegative(SPEC.child("replicas"), spec.replicas),
    ...checkNonnegative(SPEC.child("minReadySeconds"), spec.minReadySeconds),
    ...checkNonnegative(SPEC.child("ordinals.start"), spec.ordinals?.start),
    ...checked.errors,
    ...checkPerpetualTemplate(SPEC.child("template"), asOfPods(spec), checked.sound ? spec.selector : "unsound", "StatefulSet"),
  ];
}

export function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  const claims = (spec.volumeClaimTemplates ?? []).flatMap((claim, position) => {
    const path = SPEC.child("volumeClaimTemplates").index(position);
    const errors = checkClaimSpec(path.child("spec"), claim.spec);
    return claim.metadata?.name ? errors : [...errors, required(path.child("metadata", "name"))];
  });
  return [...checkSpec(spec), ...claims, ...(spec.serviceName ? checkDnsLabelAt(SPEC.child("serviceName"), spec.serviceName) : [])];
}

export function validateStatefulSetUpdate(set: StatefulSet, old: StatefulSet): FieldError[] {
  const kept = { ...set.spec };
  const rest = { ...old.spec };
  for (const name of CHANGEABLE) {
    delete (kept as Partial<StatefulSetSpec> & Record<string, unknown>)[name];
    delete (rest as Partial<StatefulSetSpec> & Record<string, unknown>)[name];
  }
  const text =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  return [...checkSpec(set.spec), ...(sameValue(kept, rest) ? [] : [forbidden(SPEC, text)])];
}

export function validateStatefulSetStatusUpdate({ status }: StatefulSet, old: StatefulSet): FieldError[] {
  const path = FieldPath.root("status");
  const { replicas = 0, readyReplicas = 0, currentReplicas, updatedReplicas, availableReplicas = 0, observedGeneration } = status ?? {};
  const errors = [
    ...checkCounts(path, { replicas, readyReplicas, currentReplicas, updatedReplicas, availableReplicas, observedGeneration }),
    ...checkParts(path, replicas, { readyReplicas, currentReplicas, updatedReplicas, availableReplicas }),
  ];
  if (availableReplicas > readyReplicas)
    errors.push(invalid(path.child("availableReplicas"), availableReplicas, "cannot be greater than status.readyReplicas"));
  return [...errors, ...checkCollisionCount(path, status?.collisionCount, old.status?.collisionCount)];
}
