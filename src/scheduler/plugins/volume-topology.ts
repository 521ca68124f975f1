// Where volumes can be provisioned: the topologies a class allows, and the free space that CSI drivers report
// (https://kubernetes.io/docs/concepts/storage/storage-capacity/).
import { type CSIStorageCapacity, labelSelectorMatches, type Node, type PersistentVolumeClaim, type StorageClass, storageOf } from "../../api/index.ts";
import { parseQuantity, type Quantity } from "../../base/index.ts";
import type { StorageState } from "../storage-state.ts";

/** Without terms every node will do; else one of them must hold, and with it all of its expressions. */
export function isReachableTopology(terms: StorageClass["allowedTopologies"], { metadata: { labels = {} } }: Node): boolean {
  if (terms === undefined || terms.length === 0) return true;
  return terms.some(({ matchLabelExpressions = [] }) => {
    return matchLabelExpressions.length > 0 && matchLabelExpressions.every(({ key, values }) => values.includes(labels[key] ?? ""));
  });
}

/** Drivers that do not report capacity have enough. */
export function hasCapacityFor(claim: PersistentVolumeClaim, { metadata, provisioner }: StorageClass, storage: StorageState, node: Node): boolean {
  if (storage.csiDrivers.get(provisioner)?.spec.storageCapacity !== true) return true;
  const wanted = storageOf(claim.spec.resources?.requests);
  return storage.capacities.list().some((capacity) => {
    if (capacity.storageClassName !== metadata.name || capacity.nodeTopology === undefined) return false;
    const limit = largestVolume(capacity);
    return limit !== undefined && limit.compare(wanted) >= 0 && labelSelectorMatches(capacity.nodeTopology, node.metadata.labels ?? {});
  });
}

/** Whether a larger volume can be had than before. */
export function isRoomier(capacity: CSIStorageCapacity, old: CSIStorageCapacity | undefined): boolean {
  if (old === undefined) return true;
  const [limit, before] = [largestVolume(capacity), largestVolume(old)];
  return limit !== undefined && (before === undefined || limit.compare(before) > 0);
}

function largestVolume({ maximumVolumeSize, capacity }: CSIStorageCapacity): Quantity | undefined {
  const text = maximumVolumeSize ?? capacity;
  return text === undefined ? undefined : parseQuantity(text);
}
