// PersistentVolumeClaimResize (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims): a claim may grow when it
// is bound and its class says so.
import { type PersistentVolumeClaim, persistentVolumeClaims, storageClasses } from "../../api/index.ts";
import { parseQuantity } from "../../base/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { denied, objectOf, oldObjectOf } from "./denial.ts";
import type { AdmissionPlugin } from "./plugin.ts";

export function persistentVolumeClaimResize({ objects }: { readonly objects: ObjectReader }): AdmissionPlugin {
  function mayGrow(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
    const name = claim.spec.storageClassName ?? "";
    return name !== "" && name === old.spec.storageClassName && objects.get(storageClasses, "", name)?.allowVolumeExpansion === true;
  }
  return {
    name: "PersistentVolumeClaimResize",
    validate(request) {
      const claim = objectOf(request, persistentVolumeClaims) as PersistentVolumeClaim | undefined;
      const old = oldObjectOf(request, persistentVolumeClaims);
      if (request.operation !== "UPDATE" || claim === undefined || old === undefined || sizeOf(claim).compare(sizeOf(old)) <= 0) return;
      if (old.status?.phase !== "Bound") throw denied(request, "Only bound persistent volume claims can be expanded");
      if (mayGrow(claim, old)) return;
      throw denied(request, "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize");
    },
  };
}

function sizeOf({ spec }: PersistentVolumeClaim): ReturnType<typeof parseQuantity> {
  return parseQuantity(spec.resources?.requests?.["storage"] ?? "0");
}
