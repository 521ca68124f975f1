// A pod as it is created, and what holds for it whenever it is written.
import { type FieldError, FieldPath, forbidden, invalid } from "../field-errors.ts";
import type { Pod, PodSpec } from "../generated/types.ts";
import { annotations } from "../well-known.ts";
import { checkImageSpace } from "./container-validation.ts";
import { checkPodSpec } from "./pod-spec-validation.ts";
import { checkProfileAnnotations, checkProfilesAgree } from "./profile-annotations.ts";

const SPEC = FieldPath.root("spec");
const MAX_INT32 = 2147483647;

/** Annotations that mean something for pods and templates of them. */
export function checkPodAnnotations(path: FieldPath, values: Readonly<Record<string, string>> | undefined, spec: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  const mirror = values?.[annotations.mirrorPod];
  if (mirror !== undefined && !spec.nodeName) {
    errors.push(invalid(path.key(annotations.mirrorPod), mirror, "must set spec.nodeName if mirror pod annotation is set"));
  }
  const cost = values?.[annotations.podDeletionCost];
  const plain = cost === undefined || (/^(0|-?[1-9][0-9]*)$/.test(cost) && Math.abs(Number(cost)) <= MAX_INT32);
  if (!plain) errors.push(invalid(path.key(annotations.podDeletionCost), cost, "must be a 32bit integer"));
  return [...errors, ...checkProfileAnnotations(path, values ?? {}, spec)];
}

function checkTokenVolumes(path: FieldPath, spec: PodSpec): FieldError[] {
  if (spec.serviceAccountName) return [];
  return (spec.volumes ?? []).flatMap(({ projected }, index) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }, position) => {
      const at = path.child("volumes").index(index).child("projected", "sources").index(position).child("serviceAccountToken");
      return serviceAccountToken === undefined ? [] : [forbidden(at, "must not be specified when serviceAccountName is not set")];
    }),
  );
}

/** On every write. */
export function checkPod(pod: Pod): FieldError[] {
  const { spec, metadata } = pod;
  return [
    ...checkPodAnnotations(FieldPath.root("metadata").child("annotations"), metadata.annotations, spec),
    ...checkPodSpec(SPEC, spec, metadata),
    ...checkTokenVolumes(SPEC, spec),
    ...(["containers", "initContainers"] as const).flatMap((list) =>
      (spec[list] ?? []).flatMap((container, position) => checkImageSpace(SPEC.child(list).index(position), container)),
    ),
  ];
}

export function validatePod(pod: Pod): FieldError[] {
  const errors = checkPod(pod);
  if ((pod.spec.ephemeralContainers ?? []).length > 0) errors.push(forbidden(SPEC.child("ephemeralContainers"), "cannot be set on create"));
  if (pod.spec.nodeName && (pod.spec.schedulingGates ?? []).length > 0) {
    errors.push(forbidden(SPEC.child("nodeName"), "cannot be set until all schedulingGates have been cleared"));
  }
  return [...errors, ...checkProfilesAgree(SPEC, pod.metadata.annotations ?? {}, pod.spec)];
}
