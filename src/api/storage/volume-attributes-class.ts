// VolumeAttributesClass (storage.k8s.io/v1): mutable attributes of volumes (https://kubernetes.io/docs/concepts/storage/volume-attributes-classes/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { VolumeAttributesClass } from "../generated/types.ts";

export const volumeAttributesClasses = kind<VolumeAttributesClass>("storage.k8s.io/v1", "VolumeAttributesClass", {
  columns: [
    nameColumn(),
    { name: "DriverName", type: "string", description: "The CSI driver that knows the attributes.", value: ({ driverName }) => driverName },
    ageColumn(),
  ],
});
