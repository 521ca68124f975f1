// Which volume belongs to which claim, which claims a pod uses, and which volume would do for a claim: what the binder, the scheduler
// and the kubelet must agree on (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding).
import { parseQuantity, type Quantity } from "../../base/index.ts";
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass, Volume } from "../generated/types.ts";
import { compileLabelSelector } from "../selector.ts";
import { annotations } from "../well-known.ts";
import { nodeSelectorMatches } from "./node-selection.ts";
import { storageClassOf } from "./persistent-volume.ts";

/** The provisioner of classes whose volumes are made by hand. */
export const NO_PROVISIONER = "kubernetes.io/no-provisioner";

/** The name of the claim behind a volume of a pod; undefined: there is none. */
export function claimNameOf({ metadata }: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): string | undefined {
  if (persistentVolumeClaim !== undefined) return persistentVolumeClaim.claimName;
  return ephemeral === undefined ? undefined : `${metadata.name}-${name}`;
}

/** `namespace/name` of the claims a pod uses, each once. */
export function claimKeysOf(pod: Pod): readonly string[] {
  const names = (pod.spec.volumes ?? []).flatMap((volume) => claimNameOf(pod, volume) ?? []);
  return [...new Set(names)].map((name) => `${pod.metadata.namespace}/${name}`);
}

/** Whether the claim was made for the ephemeral volume of this very pod; another's data must not be taken for it. */
export function isClaimOfPod({ metadata }: PersistentVolumeClaim, pod: Pod): boolean {
  return metadata.ownerReferences?.some(({ controller, uid }) => controller === true && uid === pod.metadata.uid) ?? false;
}

/** Upstream's words for a claim that bears an ephemeral volume's name and is not the pod's. */
export function notClaimOfPod(claim: PersistentVolumeClaim, pod: Pod): string {
  const [claimKey, podKey] = [claim, pod].map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  return `PVC ${claimKey} was not created for pod ${podKey} (pod is not owner)`;
}

/** The binder has done its work. */
export function isClaimBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return (spec.volumeName ?? "") !== "" && metadata.annotations?.[annotations.bindCompleted] !== undefined;
}

/** Whether the volume names the claim, be it bound already or only meant for it. */
export function isVolumeOfClaim({ spec: { claimRef } }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  if (claimRef === undefined || claimRef.name !== metadata.name || claimRef.namespace !== metadata.namespace) return false;
  return (claimRef.uid ?? "") === "" || claimRef.uid === metadata.uid;
}

/** The volume as it is when bound to the claim; the same object when it is. */
export function boundToClaim(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const { claimRef } = volume.spec;
  const { name, namespace, uid = "", resourceVersion } = claim.metadata;
  const byUser = isVolumeOfClaim(volume, claim);
  if (byUser && claimRef?.uid === uid) return volume;
  const reference = { apiVersion: "v1", kind: "PersistentVolumeClaim", name, namespace, uid, resourceVersion };
  const bound = { ...volume, spec: { ...volume.spec, claimRef: reference } };
  return byUser ? bound : withAnnotation(bound, annotations.boundByController, "yes");
}

/** The object with an annotation more; it stays as it was where it has one of the name. */
export function withAnnotation<T extends PersistentVolume | PersistentVolumeClaim>(object: T, name: string, value: string): T {
  const { metadata } = object;
  return { ...object, metadata: { ...metadata, annotations: { [name]: value, ...metadata.annotations } } };
}

export function withoutAnnotation<T extends PersistentVolume | PersistentVolumeClaim>(object: T, name: string): T {
  const { [name]: _gone, ...rest } = object.metadata.annotations ?? {};
  return { ...object, metadata: { ...object.metadata, annotations: rest } };
}

/** Whether claims of the class are bound when a pod needs them, and no sooner. */
export function waitsForConsumer(storageClass: StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === "WaitForFirstConsumer";
}

/** Whether pods on the node can reach the volume. */
export function isReachableFrom({ spec: { nodeAffinity } }: PersistentVolume, node: Node): boolean {
  return nodeAffinity?.required === undefined || nodeSelectorMatches(nodeAffinity.required, node);
}

export function storageOf(amounts: Readonly<Record<string, string>> | undefined): Quantity {
  return parseQuantity(amounts?.["storage"] ?? "0");
}

/** Why a volume that a claim names will not do; undefined: it will. */
export function whyUnfit(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (volume.metadata.deletionTimestamp !== undefined) return `the volume is marked for deletion "${volume.metadata.name}"`;
  if (storageOf(volume.spec.capacity).compare(storageOf(claim.spec.resources?.requests)) < 0) return "requested PV is too small";
  if ((storageClassOf(volume) ?? "") !== (storageClassOf(claim) ?? "")) return "storageClassName does not match";
  if (attributesOf(volume) !== attributesOf(claim)) return "volumeAttributesClassName does not match";
  if (!isSameMode(volume, claim)) return "incompatible volumeMode";
  return hasAccessModes(volume, claim) ? undefined : "incompatible accessMode";
}

export function isSameMode(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (volume.spec.volumeMode ?? "Filesystem") === (claim.spec.volumeMode ?? "Filesystem");
}

/** The volume offers every access mode that the claim asks for. */
export function hasAccessModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode) ?? false);
}

export interface VolumeChoice {
  /** Only volumes that pods on this node can reach. */
  readonly node?: Node;
  /** Only volumes meant for the claim: who waits for a consumer leaves the choice among free ones to the scheduler. */
  readonly onlyReserved?: boolean;
  /** Names of volumes that are spoken for. */
  readonly taken?: ReadonlySet<string>;
}

/**
 * The volume to bind a claim to: one that names the claim; else the smallest available one that will do, of those with the fewest
 * access modes. Undefined: none.
 */
export function findVolumeFor(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[], choice: VolumeChoice = {}): PersistentVolume | undefined {
  const { node, onlyReserved = false, taken = new Set() } = choice;
  const wanted = storageOf(claim.spec.resources?.requests);
  const candidates = volumes.filter(
    (volume) =>
      !taken.has(volume.metadata.name) &&
      (volume.spec.claimRef === undefined || isVolumeOfClaim(volume, claim)) &&
      volume.metadata.deletionTimestamp === undefined &&
      storageOf(volume.spec.capacity).compare(wanted) >= 0 &&
      isSameMode(volume, claim) &&
      attributesOf(volume) === attributesOf(claim) &&
      hasAccessModes(volume, claim),
  );
  const reserved = candidates.find((volume) => isVolumeOfClaim(volume, claim));
  // Meant for the claim and out of reach: no other will do either.
  if (reserved !== undefined) return node === undefined || isReachableFrom(reserved, node) ? reserved : undefined;
  if (onlyReserved) return undefined;
  const selector = claim.spec.selector === undefined ? undefined : compileLabelSelector(claim.spec.selector);
  const fitting = candidates.filter(
    (volume) =>
      volume.status?.phase === "Available" &&
      (storageClassOf(volume) ?? "") === (storageClassOf(claim) ?? "") &&
      (selector === undefined || selector.matches(volume.metadata.labels)) &&
      (node === undefined || isReachableFrom(volume, node)),
  );
  return fitting.toSorted(closestFirst(node === undefined))[0];
}

/** The binder looks at access modes first, the scheduler at sizes alone. */
function closestFirst(byModes: boolean): (one: PersistentVolume, other: PersistentVolume) => number {
  const modes = ({ spec }: PersistentVolume): number => (byModes ? (spec.accessModes ?? []).length : 0);
  return (one, other) => modes(one) - modes(other) || storageOf(one.spec.capacity).compare(storageOf(other.spec.capacity));
}

function attributesOf({ spec }: PersistentVolume | PersistentVolumeClaim): string {
  return spec.volumeAttributesClassName ?? "";
}
