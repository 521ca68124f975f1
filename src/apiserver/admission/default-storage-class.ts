// DefaultStorageClass (https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass): a claim that names no class gets
// the default one; of several, the youngest.
import { annotations, defaultStorageClassOf, persistentVolumeClaims, storageClasses } from "../../api/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { objectOf } from "./denial.ts";
import type { AdmissionPlugin } from "./plugin.ts";

export function defaultStorageClass({ objects }: { readonly objects: ObjectReader }): AdmissionPlugin {
  return {
    name: "DefaultStorageClass",
    mutate(request) {
      const claim = request.operation === "CREATE" ? objectOf(request, persistentVolumeClaims) : undefined;
      if (claim === undefined || claim.spec.storageClassName !== undefined || claim.metadata.annotations?.[annotations.storageClass] !== undefined) return;
      const chosen = defaultStorageClassOf(objects.list(storageClasses));
      if (chosen !== undefined) claim.spec.storageClassName = chosen.metadata.name;
    },
  };
}
