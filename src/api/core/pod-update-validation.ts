// What may change of a pod once it exists: images, deadlines that come closer, tolerations that are added, gates that are removed;
// through subresources also ephemeral containers that are added, and cpu and memory
// (https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement).
import { type Mutable, mutableCopy } from "../../base/index.ts";
import { checkLabelKey } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden, invalid, required } from "../field-errors.ts";
import type { Container, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, Toleration } from "../generated/types.ts";
import { checkImmutable, sameValue } from "../immutable.ts";
import { inclusiveRangeError } from "../names.ts";
import { annotations } from "../well-known.ts";
import { checkTolerations } from "./affinity-validation.ts";
import { checkImageSpace } from "./container-validation.ts";
import { describeDifference } from "./difference.ts";
import { checkPod } from "./pod-validation.ts";
import { checkAppArmorAnnotationChanges } from "./profile-annotations.ts";

const SPEC = FieldPath.root("spec");
const MAX_INT32 = 2147483647;
const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";
const CHANGEABLE = [
  "`spec.containers[*].image`",
  "`spec.initContainers[*].image`",
  "`spec.activeDeadlineSeconds`",
  "`spec.tolerations` (only additions to existing tolerations)",
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
].join(",");

/** The mirror annotation is the kubelet's mark; it neither comes nor goes. */
function checkAnnotationChanges(pod: Pod, old: Pod): FieldError[] {
  const path = FieldPath.root("metadata").child("annotations");
  const before = old.metadata.annotations?.[annotations.mirrorPod];
  const after = pod.metadata.annotations?.[annotations.mirrorPod];
  const errors = checkAppArmorAnnotationChanges(path, pod.metadata.annotations ?? {}, old.metadata.annotations ?? {});
  if (before === after) return errors;
  const text = before === undefined ? "may not add mirror pod annotation" : "may not remove or update mirror pod annotation";
  return [...errors, forbidden(path.key(annotations.mirrorPod), text)];
}

/** Undefined when so much differs that nothing more can be said. */
function checkImages(list: "containers" | "initContainers", spec: PodSpec, old: PodSpec): { errors: FieldError[]; stop: boolean } {
  const path = SPEC.child(list);
  const containers = spec[list] ?? [];
  if (containers.length !== (old[list] ?? []).length) return { errors: [forbidden(path, "pod updates may not add or remove containers")], stop: true };
  const errors = containers.flatMap((container, position) => [
    ...(container.image ? [] : [required(path.index(position).child("image"))]),
    ...checkImageSpace(path.index(position), container),
  ]);
  return { errors, stop: false };
}

function checkDeadline(deadline: number | undefined, old: number | undefined): FieldError[] {
  const path = SPEC.child("activeDeadlineSeconds");
  if (deadline === undefined) return old === undefined ? [] : [invalid(path, null, "must not update from a positive integer to nil value")];
  if (deadline < 0 || deadline > MAX_INT32) return [invalid(path, deadline, inclusiveRangeError(0, MAX_INT32))];
  return old !== undefined && old < deadline ? [invalid(path, deadline, "must be less than or equal to previous value")] : [];
}

function checkTolerationChanges(tolerations: readonly Toleration[] = [], old: readonly Toleration[] = []): FieldError[] {
  const path = SPEC.child("tolerations");
  for (const before of old) {
    const kept = tolerations.some((toleration) => sameValue({ ...before, tolerationSeconds: toleration.tolerationSeconds }, toleration));
    if (!kept) return [forbidden(path, "existing toleration can not be modified except its tolerationSeconds")];
  }
  return checkTolerations(path, tolerations);
}

function checkGateChanges(gates: PodSpec["schedulingGates"] = [], old: PodSpec["schedulingGates"] = []): FieldError[] {
  return gates.flatMap(({ name }, position) => {
    const isNew = !old.some((gate) => gate.name === name);
    const path = SPEC.child("schedulingGates").index(position).child("name");
    return isNew ? [forbidden(path, `only deletion is allowed, but found new scheduling gate '${name}'`)] : [];
  });
}

/** What was required stays required, in its place. */
function onlyAdds(requirements: readonly NodeSelectorRequirement[] = [], old: readonly NodeSelectorRequirement[] = []): boolean {
  return old.length <= requirements.length && old.every((requirement, position) => sameValue(requirement, requirements[position]));
}

function termOnlyAdds(term: NodeSelectorTerm | undefined, old: NodeSelectorTerm): boolean {
  const wasEmpty = (old.matchExpressions ?? []).length + (old.matchFields ?? []).length === 0;
  const isEmpty = (term?.matchExpressions ?? []).length + (term?.matchFields ?? []).length === 0;
  if (wasEmpty && !isEmpty) return false;
  return onlyAdds(term?.matchExpressions, old.matchExpressions) && onlyAdds(term?.matchFields, old.matchFields);
}

function checkGatedAffinity(spec: PodSpec, old: PodSpec): FieldError[] {
  const before = old.affinity?.nodeAffinity?.[REQUIRED]?.nodeSelectorTerms ?? [];
  const after = spec.affinity?.nodeAffinity?.[REQUIRED]?.nodeSelectorTerms ?? [];
  const path = SPEC.child("affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms");
  if (before.length > 0 && before.length !== after.length) {
    return [invalid(path, after, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")];
  }
  return before.flatMap((term, position) =>
    termOnlyAdds(after[position], term) ? [] : [invalid(path.index(position), after[position], "only additions are allowed (no mutations or deletions)")],
  );
}

/** A pod that waits behind a gate may be narrowed: to fewer nodes, never to others. */
function checkGatedChanges(spec: PodSpec, old: PodSpec): FieldError[] {
  const selector = spec.nodeSelector ?? {};
  const narrowed = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => selector[key] === value);
  const text = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
  return [...(narrowed ? [] : [invalid(SPEC.child("nodeSelector"), selector, text)]), ...checkGatedAffinity(spec, old)];
}

function withImagesOf(containers: Mutable<Container>[] | undefined, old: readonly Container[] | undefined): Mutable<Container>[] | undefined {
  return containers?.map((container, position) => ({ ...container, image: old?.[position]?.image ?? "" }));
}

/** The spec with all that may change put back: what still differs may not. */
function withoutAllowedChanges(spec: PodSpec, old: PodSpec, gated: boolean): PodSpec {
  const same = mutableCopy(spec);
  const before = mutableCopy(old);
  same.containers = withImagesOf(same.containers, old.containers) ?? [];
  const initContainers = withImagesOf(same.initContainers, old.initContainers);
  const graceful = (old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1;
  const result: Mutable<PodSpec> = {
    ...same,
    ...(initContainers === undefined ? {} : { initContainers }),
    activeDeadlineSeconds: before.activeDeadlineSeconds,
    schedulingGates: before.schedulingGates,
    tolerations: before.tolerations,
    ...(graceful ? { terminationGracePeriodSeconds: before.terminationGracePeriodSeconds } : {}),
  };
  if (!gated) return result;
  const { nodeAffinity: _mayChange, ...otherAffinity } = result.affinity ?? {};
  const nodeAffinity = before.affinity?.nodeAffinity;
  return { ...result, nodeSelector: before.nodeSelector, affinity: nodeAffinity === undefined ? otherAffinity : { ...otherAffinity, nodeAffinity } };
}

export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const { spec } = pod;
  const errors = [...checkPod(pod), ...checkAnnotationChanges(pod, old)];
  for (const list of ["containers", "initContainers"] as const) {
    const images = checkImages(list, spec, old.spec);
    errors.push(...images.errors);
    if (images.stop) return errors;
  }
  errors.push(
    ...checkDeadline(spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds),
    ...checkTolerationChanges(spec.tolerations, old.spec.tolerations),
    ...checkGateChanges(spec.schedulingGates, old.spec.schedulingGates),
  );
  if (sameValue(spec, old.spec)) return errors;
  const gated = (old.spec.schedulingGates ?? []).length > 0;
  if (gated) errors.push(...checkGatedChanges(spec, old.spec));
  const rest = withoutAllowedChanges(spec, old.spec, gated);
  if (sameValue(rest, old.spec)) return errors;
  return [...errors, forbidden(SPEC, `pod updates may not change fields other than ${CHANGEABLE}\n${describeDifference(old.spec, rest)}`)];
}

/** Existing ones stay as they are. */
export function validateEphemeralContainersUpdate(pod: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[annotations.mirrorPod] !== undefined) return [forbidden(FieldPath.empty, "static pods do not support ephemeral containers")];
  const path = SPEC.child("ephemeralContainers");
  const errors = [...checkPod(pod), ...checkAnnotationChanges(pod, old)];
  for (const before of old.spec.ephemeralContainers ?? []) {
    const after = pod.spec.ephemeralContainers?.find(({ name }) => name === before.name);
    if (after === undefined) errors.push(forbidden(path, `existing ephemeral containers "${before.name}" may not be removed\n`));
    else if (!sameValue(before, after)) {
      errors.push(forbidden(path, `existing ephemeral containers "${before.name}" may not be changed\n${describeDifference(before, after)}`));
    }
  }
  return errors;
}

/** Conditions of the pod's own life have names without a domain. */
const OWN_CONDITIONS: readonly string[] = ["PodScheduled", "Ready", "Initialized"];

function checkTerminatedStay(list: "containerStatuses" | "initContainerStatuses", pod: Pod, old: Pod): FieldError[] {
  const { restartPolicy, containers, initContainers = [] } = old.spec;
  const everyContainer = [...containers, ...initContainers];
  const hasRules = everyContainer.some(({ restartPolicyRules = [] }) => restartPolicyRules.length > 0);
  if (restartPolicy === "Always" || hasRules) return [];
  return (old.status?.[list] ?? []).flatMap(({ name, state }, position) => {
    const ended = state?.terminated;
    const own = everyContainer.find((container) => container.name === name)?.restartPolicy ?? restartPolicy;
    if (ended === undefined || own === "Always" || (own === "OnFailure" && ended.exitCode !== 0)) return [];
    const after = pod.status?.[list]?.find((status) => status.name === name);
    const path = FieldPath.root("status").child(list).index(position).child("state");
    return after !== undefined && after.state?.terminated === undefined ? [forbidden(path, "may not be transitioned to non-terminated state")] : [];
  });
}

export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const path = FieldPath.root("status");
  const { status } = pod;
  const errors = checkAnnotationChanges(pod, old);
  for (const [position, { type, observedGeneration = 0 }] of (status?.conditions ?? []).entries()) {
    const at = path.child("conditions").index(position);
    if (observedGeneration < 0) errors.push(invalid(at.child("observedGeneration"), observedGeneration, "must be a non-negative integer"));
    if (!OWN_CONDITIONS.includes(type)) errors.push(...checkLabelKey(at.child("Type"), type));
  }
  const nominated = status?.nominatedNodeName ?? "";
  if (old.spec.nodeName && nominated !== "" && nominated !== (old.status?.nominatedNodeName ?? "")) {
    errors.push(forbidden(path.child("nominatedNodeName"), "may not be set on pods that are already bound to a node"));
  }
  errors.push(...checkImmutable(status?.qosClass, old.status?.qosClass, path.child("qosClass")));
  return [...errors, ...checkTerminatedStay("containerStatuses", pod, old), ...checkTerminatedStay("initContainerStatuses", pod, old)];
}
