// CSIDriver (storage.k8s.io/v1): what the cluster must know of a CSI driver (https://kubernetes-csi.github.io/docs/csi-driver-object.html).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { CSIDriver } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";

export const csiDrivers = kind<CSIDriver>("storage.k8s.io/v1", "CSIDriver", {
  columns: [
    nameColumn(),
    {
      name: "AttachRequired",
      type: "boolean",
      description: "Whether volumes are attached before they are mounted.",
      value: ({ spec }) => spec.attachRequired ?? true,
    },
    {
      name: "PodInfoOnMount",
      type: "boolean",
      description: "Whether mounting tells the driver of the pod.",
      value: ({ spec }) => spec.podInfoOnMount ?? false,
    },
    { name: "StorageCapacity", type: "boolean", description: "Whether the driver reports free capacity.", value: ({ spec }) => spec.storageCapacity ?? false },
    {
      name: "TokenRequests",
      type: "string",
      description: "Audiences of the service account tokens the driver gets.",
      value: ({ spec }) => spec.tokenRequests?.map(({ audience }) => audience).join(",") ?? "<unset>",
    },
    {
      name: "RequiresRepublish",
      type: "boolean",
      description: "Whether volumes are published again from time to time.",
      value: ({ spec }) => spec.requiresRepublish ?? false,
    },
    {
      name: "Modes",
      type: "string",
      description: "Lifecycles of volumes the driver serves.",
      value: ({ spec }) => (spec.volumeLifecycleModes ?? []).join(",") || "<none>",
    },
    ageColumn(),
  ],
  defaults: ({ spec }) => {
    if (spec === undefined) return;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= "ReadWriteOnceWithFSType";
    if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ["Persistent"];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  validateUpdate: ({ spec }, old) => [
    ...checkImmutable(spec.attachRequired, old.spec.attachRequired, FieldPath.root("spec").child("attachedRequired")),
    ...checkImmutable(spec.volumeLifecycleModes, old.spec.volumeLifecycleModes, FieldPath.root("spec").child("volumeLifecycleModes")),
  ],
  requiresResourceVersion: true,
});
