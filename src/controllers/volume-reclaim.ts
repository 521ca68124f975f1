// The life of volumes as their claims come and go: Available, Bound, Released, Failed, and what the reclaim policy asks for
// (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#lifecycle-of-a-volume-and-claim).
//
// Invariant: a volume is given up only after the API itself has said that its claim is gone: a cache may lag behind.
import {
  annotations,
  isSameMode,
  isStatus,
  type PersistentVolume,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
  persistentVolumes,
  withoutAnnotation,
} from "../api/index.ts";
import type { Client } from "../client/index.ts";
import { type Action, note, nothing, type Plan, update, updateStatus } from "./action.ts";
import { controller, wake } from "./controller.ts";

export interface ObservedVolume {
  readonly volume: PersistentVolume;
  /** Whatever bears the name that the volume's claimRef gives. */
  readonly claim: PersistentVolumeClaim | undefined;
}

const MIGRATED_TO = "pv.kubernetes.io/migrated-to";
const BUILT_IN_PREFIX = "kubernetes.io/";

export function planVolume({ volume, claim }: ObservedVolume): Plan {
  const { claimRef } = volume.spec;
  if ((claimRef?.uid ?? "") === "") return { actions: withPhase(volume, "Available") };
  if (claim === undefined || claim.metadata.uid !== claimRef?.uid) return release(volume);
  const { volumeName = "" } = claim.spec;
  if (volumeName === volume.metadata.name) return { actions: withPhase(volume, "Bound") };
  // The claim's own plan binds it, or tells why it waits.
  if (volumeName === "") return isSameMode(volume, claim) ? nothing : { actions: mismatch(volume, claim) };
  const isSurplus = volume.metadata.annotations?.[annotations.provisionedBy] !== undefined && policyOf(volume) === "Delete";
  return isSurplus ? release(volume) : unbind(volume);
}

function policyOf({ spec }: PersistentVolume): string {
  return spec.persistentVolumeReclaimPolicy ?? "Retain";
}

function release(volume: PersistentVolume): Plan {
  const phase = volume.status?.phase;
  if (phase !== "Released" && phase !== "Failed") return { actions: withPhase(volume, "Released") };
  if (phase === "Failed") return nothing;
  const policy = policyOf(volume);
  if (policy === "Delete") return isDeletedElsewhere(volume) ? nothing : { actions: fail(volume, "VolumeFailedDelete", noDeleter(volume)) };
  if (policy === "Recycle") return { actions: fail(volume, "VolumeFailedRecycle", "No recycler plugin found for the volume!") };
  return nothing;
}

/** Who made the volume removes it, and the object with it. */
function isDeletedElsewhere({ metadata, spec }: PersistentVolume): boolean {
  const provisioner = metadata.annotations?.[annotations.provisionedBy] ?? "";
  if (provisioner !== "") return !provisioner.startsWith(BUILT_IN_PREFIX);
  return metadata.annotations?.[MIGRATED_TO] !== undefined || spec.csi !== undefined;
}

function noDeleter({ metadata }: PersistentVolume): string {
  return `error getting deleter volume plugin for volume "${metadata.name}": no deletable volume plugin matched`;
}

function fail(volume: PersistentVolume, reason: string, message: string): Action[] {
  return [...withPhase(volume, "Failed", message), note(volume, "Warning", reason, message)];
}

/** The claim has another volume: this one is free again, or waits for its claim as the user wished. */
function unbind(volume: PersistentVolume): Plan {
  const { claimRef, ...rest } = volume.spec;
  const byController = volume.metadata.annotations?.[annotations.boundByController] !== undefined;
  if (byController) return { actions: [update(persistentVolumes, withoutAnnotation({ ...volume, spec: rest }, annotations.boundByController))] };
  const { uid: _uid, ...wish } = claimRef ?? {};
  return { actions: [update(persistentVolumes, { ...volume, spec: { ...rest, claimRef: wish } })] };
}

function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): Action[] {
  const aboutVolume = `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claim.metadata.name}" due to incompatible volumeMode.`;
  const aboutClaim = `Cannot bind PersistentVolume "${volume.metadata.name}" to requested PersistentVolumeClaim due to incompatible volumeMode.`;
  return [note(volume, "Warning", "VolumeMismatch", aboutVolume), note(claim, "Warning", "VolumeMismatch", aboutClaim)];
}

function withPhase(volume: PersistentVolume, phase: string, message?: string): Action[] {
  if (volume.status?.phase === phase) return [];
  const { message: _message, ...rest } = volume.status ?? {};
  return [updateStatus(persistentVolumes, { ...volume, status: { ...rest, phase, ...(message === undefined ? {} : { message }) } })];
}

/** Asks for a claim that the cache does not have before its volume is given up. */
async function verify(observed: ObservedVolume, client: Client): Promise<ObservedVolume> {
  const { volume, claim } = observed;
  const { namespace, name = "", uid = "" } = volume.spec.claimRef ?? {};
  const isGivenUp = volume.status?.phase === "Released" || volume.status?.phase === "Failed";
  if (uid === "" || isGivenUp || claim?.metadata.uid === uid) return observed;
  try {
    return { volume, claim: await client.get(persistentVolumeClaims, { namespace, name }) };
  } catch (error) {
    if (isStatus(error, "NotFound")) return { volume, claim: undefined };
    throw error;
  }
}

const VOLUME_BY_CLAIM = "volume-by-claim";

export const volumeReclaim = controller<PersistentVolume, ObservedVolume>("persistentvolume-reclaim", {
  for: persistentVolumes,
  wakes: [
    wake(
      persistentVolumeClaims,
      ({ metadata }, caches) =>
        caches
          .of(persistentVolumes)
          .byIndex(VOLUME_BY_CLAIM, `${metadata.namespace}/${metadata.name}`)
          .map((volume) => volume.metadata.name),
      (claim, old) => claim.spec.volumeName !== old.spec.volumeName || claim.metadata.uid !== old.metadata.uid,
    ),
  ],
  index: (caches) => {
    caches
      .of(persistentVolumes)
      .addIndex(VOLUME_BY_CLAIM, ({ spec: { claimRef } }) => (claimRef === undefined ? [] : [`${claimRef.namespace}/${claimRef.name}`]));
  },
  observe: (key, caches) => {
    const volume = caches.of(persistentVolumes).get(key);
    if (volume === undefined) return undefined;
    const { namespace, name } = volume.spec.claimRef ?? {};
    return { volume, claim: caches.of(persistentVolumeClaims).get(`${namespace}/${name}`) };
  },
  verify,
  plan: planVolume,
});
