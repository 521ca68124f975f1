// CSIStorageCapacity (storage.k8s.io/v1): free capacity that a CSI driver reports (https://kubernetes.io/docs/concepts/storage/storage-capacity/).

import { parseQuantity, Quantity } from "../../base/index.ts";
import { nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { checkDnsSubdomainAt, checkLabelSelector } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid } from "../field-errors.ts";
import type { CSIStorageCapacity } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";

function validateCreate({ nodeTopology, storageClassName, capacity }: CSIStorageCapacity): FieldError[] {
  const size = capacity === undefined ? Quantity.zero : parseQuantity(capacity);
  return [
    ...checkLabelSelector(FieldPath.root("nodeTopology"), nodeTopology),
    ...checkDnsSubdomainAt(FieldPath.root("storageClassName"), storageClassName ?? ""),
    ...(size.compare(Quantity.zero) < 0 ? [invalid(FieldPath.root("capacity"), size.toString(), "must be greater than or equal to 0")] : []),
  ];
}

export const csiStorageCapacities = kind<CSIStorageCapacity>("storage.k8s.io/v1", "CSIStorageCapacity", {
  columns: [
    nameColumn(),
    { name: "StorageClassName", type: "string", description: "The class the capacity is for.", value: ({ storageClassName }) => storageClassName },
    { name: "Capacity", type: "string", description: "What is free.", value: ({ capacity }) => capacity ?? "<unset>" },
  ],
  validateCreate,
  validateUpdate: (object, old) => [
    ...checkImmutable(object.nodeTopology, old.nodeTopology, FieldPath.root("nodeTopology")),
    ...checkImmutable(object.storageClassName, old.storageClassName, FieldPath.root("storageClassName")),
  ],
  requiresResourceVersion: true,
});
