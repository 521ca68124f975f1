// Makes the claims of generic ephemeral volumes: each belongs to its pod and goes with it
// (https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes).
import { claimNameOf, isClaimOfPod, notClaimOfPod, type PersistentVolumeClaim, type Pod, persistentVolumeClaims, pods, type Volume } from "../api/index.ts";
import { type Action, create, note, nothing, type Plan } from "./action.ts";
import { controller, wake } from "./controller.ts";
import { controllerReference } from "./owner.ts";
import { indexPodsByClaim, POD_BY_CLAIM } from "./volume-claim-binder.ts";

export interface ObservedEphemeralVolumes {
  readonly pod: Pod;
  readonly claimNamed: (name: string) => PersistentVolumeClaim | undefined;
}

export function planEphemeralVolumes({ pod, claimNamed }: ObservedEphemeralVolumes): Plan {
  if (pod.metadata.deletionTimestamp !== undefined) return nothing;
  return { actions: (pod.spec.volumes ?? []).flatMap((volume) => planVolume(pod, volume, claimNamed)) };
}

function planVolume(pod: Pod, volume: Volume, claimNamed: ObservedEphemeralVolumes["claimNamed"]): Action[] {
  const template = volume.ephemeral?.volumeClaimTemplate;
  const name = claimNameOf(pod, volume);
  if (template === undefined || name === undefined) return [];
  const failed = (message: string) =>
    ({ about: pod, type: "Warning", reason: "FailedBinding", message: `ephemeral volume ${volume.name}: ${message}` }) as const;
  const existing = claimNamed(name);
  if (existing !== undefined) {
    if (isClaimOfPod(existing, pod)) return [];
    const { type, reason, message } = failed(notClaimOfPod(existing, pod));
    return [note(pod, type, reason, message)];
  }
  const { labels, annotations } = template.metadata ?? {};
  const claim: PersistentVolumeClaim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace: pod.metadata.namespace, labels, annotations, ownerReferences: [controllerReference(pod)] },
    spec: template.spec,
  };
  return [create(persistentVolumeClaims, claim, { failed: (error) => failed(`create PVC ${name}: ${error.message}`) })];
}

export const ephemeralVolumeController = controller<Pod, ObservedEphemeralVolumes>("ephemeral-volume", {
  for: pods,
  // What a pod asks for does not change.
  relevant: () => false,
  wakes: [
    wake(
      persistentVolumeClaims,
      ({ metadata }, caches) =>
        caches
          .of(pods)
          .byIndex(POD_BY_CLAIM, `${metadata.namespace}/${metadata.name}`)
          .map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`),
      () => false,
    ),
  ],
  index: indexPodsByClaim,
  observe: (key, caches) => {
    const pod = caches.of(pods).get(key);
    if (pod?.spec.volumes?.some(({ ephemeral }) => ephemeral !== undefined) !== true) return undefined;
    return { pod, claimNamed: (name) => caches.of(persistentVolumeClaims).get(`${pod.metadata.namespace}/${name}`) };
  },
  plan: planEphemeralVolumes,
});
