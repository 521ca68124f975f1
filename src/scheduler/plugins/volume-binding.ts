// VolumeBinding: a pod goes where its volumes are or can be had. Claims that wait for their first consumer get a volume, or the node
// to provision it on, together with the pod (https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode).
//
// Invariant: what a pod is to get is assumed in the storage state before the next pod is looked at, and taken back when its binding
// fails.
import {
  annotations,
  boundToClaim,
  claimNameOf,
  findVolumeFor,
  isClaimBound,
  isClaimOfPod,
  isReachableFrom,
  NO_PROVISIONER,
  type Node,
  notClaimOfPod,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type StorageClass,
  sameValue,
  storageClassOf,
  storageOf,
  waitsForConsumer,
  withAnnotation,
} from "../../api/index.ts";
import { type ClusterEvent, type Plugin, PreFilterVerdict, plugin, type Rejection, unresolvable } from "../plugin.ts";
import type { StorageState } from "../storage-state.ts";
import { bindVolumes } from "./volume-binding-writes.ts";
import { hasCapacityFor, isReachableTopology, isRoomier } from "./volume-topology.ts";

/** A pod's claims, as they are to be treated. */
interface PodClaims {
  readonly storage: StorageState;
  readonly bound: readonly PersistentVolumeClaim[];
  /** They get their volume with the pod; the smallest first. */
  readonly waiting: readonly PersistentVolumeClaim[];
  /** Those that waiting claims may choose from. */
  readonly volumes: readonly PersistentVolume[];
}

const AFFINITY_CONFLICT = "node(s) didn't match PersistentVolume's node affinity";
const NO_VOLUME = "node(s) didn't find available persistent volumes to bind";
const NO_SPACE = "node(s) did not have enough free storage";
const VOLUME_GONE = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";

/** What a pod's waiting claims would get on a node. */
interface Offer {
  readonly bindings: readonly { readonly volume: PersistentVolume; readonly claim: PersistentVolumeClaim }[];
  readonly provisions: readonly PersistentVolumeClaim[];
}

/** Why a claim keeps its pod from every node. */
function whyUnusable(pod: Pod, storage: StorageState): string | undefined {
  for (const volume of pod.spec.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (name === undefined) continue;
    const claim = storage.claims.get(`${pod.metadata.namespace}/${name}`);
    if (claim === undefined) {
      if (volume.ephemeral !== undefined) return `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`;
      return `persistentvolumeclaim "${name}" not found`;
    }
    if (claim.status?.phase === "Lost") return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName ?? ""}"`;
    if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
    if (volume.ephemeral !== undefined && !isClaimOfPod(claim, pod)) return notClaimOfPod(claim, pod);
  }
  return undefined;
}

function claimsOf(pod: Pod, storage: StorageState): readonly PersistentVolumeClaim[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => storage.claims.get(`${pod.metadata.namespace}/${claimNameOf(pod, volume)}`) ?? []);
}

function classOf(claim: PersistentVolumeClaim, storage: StorageState): StorageClass | undefined {
  return storage.classes.get(storageClassOf(claim) ?? "");
}

/** It should have a volume by now: nobody will give it one together with a pod. */
function isOverdue(claim: PersistentVolumeClaim, storage: StorageState): boolean {
  return !isClaimBound(claim) && ((claim.spec.volumeName ?? "") !== "" || !waitsForConsumer(classOf(claim, storage)));
}

function sortClaims(pod: Pod, storage: StorageState): PodClaims {
  const claims = claimsOf(pod, storage);
  const waiting = claims.filter((claim) => !isClaimBound(claim));
  const size = ({ spec }: PersistentVolumeClaim) => storageOf(spec.resources?.requests);
  return {
    storage,
    bound: claims.filter(isClaimBound),
    waiting: waiting.toSorted((one, other) => size(one).compare(size(other))),
    volumes: waiting.length === 0 ? [] : storage.volumes.list(),
  };
}

/** What the claims would get on the node; a rejection when they would not get all. */
function offerOf(claims: PodClaims, node: Node): Offer | Rejection {
  const { storage, bound } = claims;
  const reasons: string[] = [];
  const volumes = bound.map(({ spec }) => storage.volumes.get(spec.volumeName ?? ""));
  if (volumes.some((volume) => volume !== undefined && !isReachableFrom(volume, node))) reasons.push(AFFINITY_CONFLICT);
  const offer = offerForWaiting(claims, node);
  if (typeof offer === "string") reasons.push(offer);
  if (volumes.includes(undefined)) reasons.push(VOLUME_GONE);
  return typeof offer === "string" || reasons.length > 0 ? unresolvable(...reasons) : offer;
}

function offerForWaiting({ storage, waiting, volumes }: PodClaims, node: Node): Offer | string {
  const bindings: { volume: PersistentVolume; claim: PersistentVolumeClaim }[] = [];
  const provisions: PersistentVolumeClaim[] = [];
  const taken = new Set<string>();
  for (const claim of waiting) {
    const selected = claim.metadata.annotations?.[annotations.selectedNode];
    if (selected !== undefined && selected !== node.metadata.name) return NO_VOLUME;
    const volume = selected === undefined ? findVolumeFor(claim, volumes, { node, taken }) : undefined;
    if (volume === undefined) provisions.push(claim);
    else {
      taken.add(volume.metadata.name);
      bindings.push({ volume, claim });
    }
  }
  for (const claim of provisions) {
    const problem = whyNotProvisioned(claim, storage, node);
    if (problem !== undefined) return problem;
  }
  return { bindings, provisions };
}

function whyNotProvisioned(claim: PersistentVolumeClaim, storage: StorageState, node: Node): string | undefined {
  const storageClass = classOf(claim, storage);
  if (storageClass === undefined || storageClass.provisioner === NO_PROVISIONER) return NO_VOLUME;
  if (!isReachableTopology(storageClass.allowedTopologies, node)) return NO_VOLUME;
  return hasCapacityFor(claim, storageClass, storage, node) ? undefined : NO_SPACE;
}

function mayHelp(pod: Pod, event: ClusterEvent): boolean {
  switch (event.type) {
    case "nodeAdded":
    case "volumeChanged":
      return true;
    case "nodeUpdated":
      return !sameValue(event.node.metadata.labels, event.old.metadata.labels);
    case "claimChanged": {
      const { namespace, name } = event.object.metadata;
      return namespace === pod.metadata.namespace && (pod.spec.volumes ?? []).some((volume) => claimNameOf(pod, volume) === name);
    }
    case "storageClassChanged":
      return event.old === undefined || !sameValue(event.object.allowedTopologies, event.old.allowedTopologies);
    case "csiDriverChanged":
      return event.old?.spec.storageCapacity === true && event.object.spec.storageCapacity !== true;
    case "storageCapacityChanged":
      return isRoomier(event.object, event.old);
    default:
      return false;
  }
}

export interface VolumeBindingArgs {
  /** How long a pod waits for its volumes before it is scheduled anew. */
  readonly bindTimeoutSeconds: number;
}

export function createVolumeBinding({ bindTimeoutSeconds = 600 }: Partial<VolumeBindingArgs> = {}): Plugin {
  return plugin<PodClaims>("VolumeBinding", {
    applies: ({ pod }) => (pod.spec.volumes ?? []).some((volume) => claimNameOf(pod, volume) !== undefined),
    preFilter: ({ pod }, { storage }) => {
      const unusable = whyUnusable(pod, storage);
      if (unusable !== undefined) return PreFilterVerdict.reject(unresolvable(unusable));
      const isWaiting = claimsOf(pod, storage).some((claim) => isOverdue(claim, storage));
      return isWaiting ? PreFilterVerdict.reject(unresolvable("pod has unbound immediate PersistentVolumeClaims")) : sortClaims(pod, storage);
    },
    filter: (_pod, { node }, claims) => {
      if (node === undefined) return undefined;
      const offer = offerOf(claims, node);
      return "reasons" in offer ? offer : undefined;
    },
    reserve: ({ pod, uid }, { node }, { storage }) => {
      const claims = sortClaims(pod, storage);
      if (node === undefined || claims.waiting.length === 0) return;
      const offer = offerOf(claims, node);
      if ("reasons" in offer) throw new Error(offer.reasons.join(", "));
      const promise = {
        bindings: offer.bindings.map(({ volume, claim }) => ({ volume: boundToClaim(volume, claim), claim })),
        provisions: offer.provisions.map((claim) => withAnnotation(claim, annotations.selectedNode, node.metadata.name)),
      };
      for (const { volume } of promise.bindings) storage.volumes.assume(volume);
      for (const claim of promise.provisions) storage.claims.assume(claim);
      storage.promises.set(uid, promise);
    },
    unreserve: ({ uid }, { storage }) => {
      const promise = storage.promises.get(uid);
      storage.promises.delete(uid);
      for (const { volume } of promise?.bindings ?? []) storage.volumes.forget(volume);
      for (const claim of promise?.provisions ?? []) storage.claims.forget(claim);
    },
    preparesBinding: ({ uid }, { storage }) => storage.promises.has(uid),
    preBind: async ({ uid }, { node }, context) => {
      const { promises } = context.cluster.storage;
      const promise = promises.get(uid);
      if (promise === undefined || node === undefined) return;
      await bindVolumes(promise, node, context, bindTimeoutSeconds * 1000);
      promises.delete(uid);
    },
    helps: ({ pod }, event) => mayHelp(pod, event),
  });
}
