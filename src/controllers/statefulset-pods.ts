// The pods and claims of a stateful set: their names, what they are made of, and who owns the claims
// (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#pod-identity). Pure.
import {
  type ControllerRevision,
  isPodAvailable,
  isPodReady,
  type OwnerReference,
  type PersistentVolumeClaim,
  type Pod,
  type PodTemplateSpec,
  type StatefulSet,
  type Volume,
  workloadLabels,
} from "../api/index.ts";
import { controllerReference } from "./owner.ts";
import { podFromTemplate } from "./pod-template.ts";

export function startOrdinal({ spec }: StatefulSet): number {
  return spec.ordinals?.start ?? 0;
}

/** The pod's number; undefined when its name is none of the set's. */
export function ordinalOf(set: StatefulSet, { metadata }: Pod): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const text = metadata.name.slice(prefix.length);
  return metadata.name.startsWith(prefix) && /^(0|[1-9][0-9]{0,9})$/.test(text) ? Number(text) : undefined;
}

/** The template that a revision keeps. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { $patch: _, ...template } = (data as { spec: { template: Record<string, unknown> } }).spec.template;
  return template as unknown as PodTemplateSpec;
}

export function podRevision({ metadata }: Pod): string {
  return metadata.labels?.[workloadLabels.controllerRevisionHash] ?? "";
}

export function statefulPod(set: StatefulSet, ordinal: number, revision: ControllerRevision): Pod {
  const name = `${set.metadata.name}-${ordinal}`;
  const { generateName: _, ...metadata } = podFromTemplate(set, templateOf(revision)).metadata;
  const { spec } = podFromTemplate(set, templateOf(revision));
  const identity = {
    [workloadLabels.statefulSetPodName]: name,
    [workloadLabels.podIndex]: String(ordinal),
    [workloadLabels.controllerRevisionHash]: revision.metadata.name,
  };
  const subdomain = set.spec.serviceName === undefined || set.spec.serviceName === "" ? {} : { subdomain: set.spec.serviceName };
  const volumes = volumesOf(set, ordinal, spec.volumes ?? []);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...metadata, name, labels: { ...metadata.labels, ...identity } },
    spec: { ...spec, hostname: name, ...subdomain, ...(volumes.length === 0 ? {} : { volumes }) },
  };
}

/** The set's claims stand in for volumes of the same name. */
function volumesOf(set: StatefulSet, ordinal: number, volumes: readonly Volume[]): Volume[] {
  const templates = set.spec.volumeClaimTemplates ?? [];
  const own = templates.map(({ metadata }): Volume => ({ name: metadata.name, persistentVolumeClaim: { claimName: claimName(set, metadata.name, ordinal) } }));
  return [...own, ...volumes.filter(({ name }) => !templates.some(({ metadata }) => metadata.name === name))];
}

export function claimName(set: StatefulSet, template: string, ordinal: number): string {
  return `${template}-${set.metadata.name}-${ordinal}`;
}

/** What a pod's claims look like when they are made. */
export function claimsOf(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      ...template.metadata,
      name: claimName(set, template.metadata.name, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
    },
    spec: template.spec,
  }));
}

/**
 * The owners a claim is to have, which decide when it is deleted: the set where claims go with it, the pod where they go when
 * it is scaled away. Undefined when it has them. Owners that we did not set stay; and claims of a set or pod that is gone, or that
 * somebody else controls, are not ours to own.
 */
export function claimOwners(set: StatefulSet, claim: PersistentVolumeClaim, pod: Pod, condemned: boolean): readonly OwnerReference[] | undefined {
  const current = claim.metadata.ownerReferences ?? [];
  const { whenDeleted = "Retain", whenScaled = "Retain" } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const isSet = ({ kind, name }: OwnerReference): boolean => kind === "StatefulSet" && name === set.metadata.name;
  const isPod = ({ kind, name }: OwnerReference): boolean => kind === "Pod" && name === pod.metadata.name;
  const isStale = (owner: OwnerReference): boolean => (isSet(owner) && owner.uid !== set.metadata.uid) || (isPod(owner) && owner.uid !== pod.metadata.uid);
  if (current.some(isStale)) return undefined;
  const wanted = current.filter((owner) => !isSet(owner) && !isPod(owner));
  const retained = whenDeleted === "Retain" && whenScaled === "Retain";
  const foreign = !retained && wanted.some(({ controller }) => controller === true);
  if (!foreign && whenScaled === "Delete" && condemned) wanted.push(controllerReference({ ...pod, apiVersion: "v1", kind: "Pod" }));
  else if (!foreign && whenDeleted === "Delete") wanted.push(controllerReference({ ...set, apiVersion: "apps/v1", kind: "StatefulSet" }));
  const text = (owners: readonly OwnerReference[]): string => owners.map(({ uid, controller }) => `${uid}/${controller === true}`).join();
  return text(wanted) === text(current) ? undefined : wanted;
}

/** A member carries the labels by which services and users find it. */
export function hasIdentity({ metadata }: Pod, ordinal: number): boolean {
  return metadata.labels?.[workloadLabels.statefulSetPodName] === metadata.name && metadata.labels?.[workloadLabels.podIndex] === String(ordinal);
}

export function isHealthy(set: StatefulSet, pod: Pod, nowMs: number): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    pod.status?.phase === "Running" &&
    isPodReady(pod) &&
    isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)
  );
}
