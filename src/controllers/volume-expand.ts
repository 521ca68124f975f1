// Claims that were asked to grow (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims). No
// volume is grown by the controllers themselves: what a claim waits for is the resizer of its driver, and it shall say so.
import { type PersistentVolume, type PersistentVolumeClaim, persistentVolumeClaims, persistentVolumes, storageOf } from "../api/index.ts";
import { note, nothing, type Plan } from "./action.ts";
import { controller } from "./controller.ts";

export interface ObservedExpansion {
  readonly claim: PersistentVolumeClaim;
  readonly volume: PersistentVolume | undefined;
}

export function planExpansion({ claim, volume }: ObservedExpansion): Plan {
  const isBound = claim.status?.phase === "Bound" && volume?.spec.claimRef?.uid === claim.metadata.uid;
  const wantsMore = storageOf(claim.spec.resources?.requests).compare(storageOf(claim.status?.capacity)) > 0;
  if (!isBound || !wantsMore) return nothing;
  return { actions: [note(claim, "Normal", "ExternalExpanding", "waiting for an external controller to expand this PVC")] };
}

/** Told when the wish changes, and when the controllers start anew; not with every other change of the claim. */
export const volumeExpandController = controller<PersistentVolumeClaim, ObservedExpansion>("volume-expand", {
  for: persistentVolumeClaims,
  relevant: (claim, old) =>
    storageOf(claim.spec.resources?.requests).compare(storageOf(old.spec.resources?.requests)) > 0 ||
    storageOf(claim.status?.capacity).compare(storageOf(old.status?.capacity)) > 0,
  reads: [persistentVolumes],
  observe: (key, caches) => {
    const claim = caches.of(persistentVolumeClaims).get(key);
    return claim === undefined ? undefined : { claim, volume: caches.of(persistentVolumes).get(claim.spec.volumeName ?? "") };
  },
  plan: planExpansion,
});
