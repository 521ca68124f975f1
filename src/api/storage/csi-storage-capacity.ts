// CSIStorageCapacity (storage.k8s.io/v1): free capacity that a CSI driver reports (https://kubernetes.io/docs/concepts/storage/storage-capacity/).
import { nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { CSIStorageCapacity } from "../generated/types.ts";

export const csiStorageCapacities = kind<CSIStorageCapacity>("storage.k8s.io/v1", "CSIStorageCapacity", {
  columns: [
    nameColumn(),
    { name: "StorageClassName", type: "string", description: "The class the capacity is for.", value: ({ storageClassName }) => storageClassName },
    { name: "Capacity", type: "string", description: "What is free.", value: ({ capacity }) => capacity ?? "<unset>" },
  ],
  requiresResourceVersion: true,
});
