// CSIStorageCapacity (storage.k8s.io/v1): free capacity that a CSI driver reports (https://kubernetes.io/docs/concepts/storage/storage-capacity/).
import { nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { CSIStorageCapacity } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";

export const csiStorageCapacities = kind<CSIStorageCapacity>("storage.k8s.io/v1", "CSIStorageCapacity", {
  columns: [
    nameColumn(),
    { name: "StorageClassName", type: "string", description: "The class the capacity is for.", value: ({ storageClassName }) => storageClassName },
    { name: "Capacity", type: "string", description: "What is free.", value: ({ capacity }) => capacity ?? "<unset>" },
  ],
  validateUpdate: (object, old) => [
    ...checkImmutable(object.nodeTopology, old.nodeTopology, FieldPath.root("nodeTopology")),
    ...checkImmutable(object.storageClassName, old.storageClassName, FieldPath.root("storageClassName")),
  ],
  requiresResourceVersion: true,
});
