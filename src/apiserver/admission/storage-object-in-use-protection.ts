// StorageObjectInUseProtection (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection): finalizers that keep
// volumes, claims and attribute classes as long as they are used; controllers take them off.
import { type Kind, persistentVolumeClaims, persistentVolumes, volumeAttributesClasses } from "../../api/index.ts";
import { isAbout } from "./denial.ts";
import type { AdmissionPlugin } from "./plugin.ts";

const FINALIZERS: readonly (readonly [Kind, string])[] = [
  [persistentVolumes, "kubernetes.io/pv-protection"],
  [persistentVolumeClaims, "kubernetes.io/pvc-protection"],
  [volumeAttributesClasses, "kubernetes.io/vac-protection"],
];

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: "StorageObjectInUseProtection",
  mutate(request) {
    if (request.operation !== "CREATE" || request.object === undefined) return;
    const protection = FINALIZERS.find(([kind]) => isAbout(request, kind));
    if (protection === undefined) return;
    const [, finalizer] = protection;
    const finalizers = request.object.metadata.finalizers ?? [];
    if (!finalizers.includes(finalizer)) request.object.metadata.finalizers = [...finalizers, finalizer];
  },
};
