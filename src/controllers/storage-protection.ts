// Finalizers that keep volumes, claims and volume attribute classes as long as they are used
// (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection).
//
// Invariant: a claim is let go only after the API itself has said that no pod on a node uses it.
import {
  claimKeysOf,
  claimNameOf,
  isClaimOfPod,
  type Kind,
  type KubeObject,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  type VolumeAttributesClass,
  volumeAttributesClasses,
} from "../api/index.ts";
import { nothing, type Plan, update } from "./action.ts";
import { controller, wake } from "./controller.ts";
import { indexPodsByClaim, POD_BY_CLAIM } from "./volume-claim-binder.ts";

export interface ObservedProtected<T extends KubeObject> {
  readonly object: T;
  readonly isUsed: boolean;
}

/** The finalizer goes when the object is to go and nobody uses it; one that lacks it gets it. */
export function planProtection<T extends KubeObject>(kind: Kind<T>, finalizer: string, { object, isUsed }: ObservedProtected<T>): Plan {
  const { finalizers = [], deletionTimestamp } = object.metadata;
  const has = finalizers.includes(finalizer);
  const withFinalizers = (list: readonly string[]): Plan => ({ actions: [update(kind, { ...object, metadata: { ...object.metadata, finalizers: list } })] });
  if (deletionTimestamp === undefined) return has ? nothing : withFinalizers([...finalizers, finalizer]);
  return has && !isUsed ? withFinalizers(finalizers.filter((name) => name !== finalizer)) : nothing;
}

/** Only a pod on a node keeps a claim: no kubelet starts a pod whose claim is being deleted. */
export function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if ((pod.spec.nodeName ?? "") === "") return false;
  return (pod.spec.volumes ?? []).some((volume) => {
    if (claimNameOf(pod, volume) !== claim.metadata.name) return false;
    // A pod that waits for its own claim to go must not keep it.
    return volume.ephemeral === undefined || (!isShutDown(pod) && isClaimOfPod(claim, pod));
  });
}

/** The kubelet has done with it, or it was deleted by force. */
function isShutDown({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
}

const CLAIM_FINALIZER = "kubernetes.io/pvc-protection";

export const claimProtection = controller<PersistentVolumeClaim, ObservedProtected<PersistentVolumeClaim>>("pvc-protection", {
  for: persistentVolumeClaims,
  wakes: [
    wake(
      pods,
      claimKeysOf,
      (pod, old) => pod.spec.nodeName !== old.spec.nodeName || pod.metadata.deletionGracePeriodSeconds !== old.metadata.deletionGracePeriodSeconds,
    ),
  ],
  index: indexPodsByClaim,
  observe: (key, caches) => {
    const object = caches.of(persistentVolumeClaims).get(key);
    if (object === undefined) return undefined;
    const users = caches.of(pods).byIndex(POD_BY_CLAIM, key);
    return { object, isUsed: users.some((pod) => usesClaim(pod, object)) };
  },
  verify: async ({ object, isUsed }, client) => {
    if (object.metadata.deletionTimestamp === undefined || isUsed) return { object, isUsed };
    const { items } = await client.list(pods, { namespace: object.metadata.namespace });
    return { object, isUsed: items.some((pod) => usesClaim(pod, object)) };
  },
  plan: (observed) => planProtection(persistentVolumeClaims, CLAIM_FINALIZER, observed),
});

export const volumeProtection = controller<PersistentVolume, ObservedProtected<PersistentVolume>>("pv-protection", {
  for: persistentVolumes,
  observe: (key, caches) => {
    const object = caches.of(persistentVolumes).get(key);
    return object === undefined ? undefined : { object, isUsed: object.status?.phase === "Bound" };
  },
  plan: (observed) => planProtection(persistentVolumes, "kubernetes.io/pv-protection", observed),
});

const CLAIM_BY_ATTRIBUTES = "by-attributes-class";

export const attributesClassProtection = controller<VolumeAttributesClass, ObservedProtected<VolumeAttributesClass>>("volumeattributesclass-protection", {
  for: volumeAttributesClasses,
  wakes: [
    wake(persistentVolumeClaims, attributesClassesOf),
    wake(persistentVolumes, ({ spec }) => (spec.volumeAttributesClassName === undefined ? [] : [spec.volumeAttributesClassName])),
  ],
  index: (caches) => {
    caches.of(persistentVolumeClaims).addIndex(CLAIM_BY_ATTRIBUTES, attributesClassesOf);
    caches.of(persistentVolumes).addIndex(CLAIM_BY_ATTRIBUTES, ({ spec }) => [spec.volumeAttributesClassName ?? ""]);
  },
  observe: (key, caches) => {
    const object = caches.of(volumeAttributesClasses).get(key);
    if (object === undefined) return undefined;
    const users = [caches.of(persistentVolumeClaims), caches.of(persistentVolumes)].map((informer) => informer.byIndex(CLAIM_BY_ATTRIBUTES, key).length);
    return { object, isUsed: users.some((count) => count > 0) };
  },
  plan: (observed) => planProtection(volumeAttributesClasses, "kubernetes.io/vac-protection", observed),
});

/** The one asked for, the one in force, and the one that is being changed to. */
function attributesClassesOf({ spec, status }: PersistentVolumeClaim): string[] {
  const names = [spec.volumeAttributesClassName, status?.currentVolumeAttributesClassName, status?.modifyVolumeStatus?.targetVolumeAttributesClassName];
  return [...new Set(names.filter((name) => name !== undefined && name !== ""))] as string[];
}
