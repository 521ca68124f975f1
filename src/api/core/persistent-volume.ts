// PersistentVolume (https://kubernetes.io/docs/concepts/storage/persistent-volumes/).

import { formatTime, type Mutable, mutableCopy } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../generated/types.ts";
import type { Column, WriteContext } from "../kind.ts";
import { annotations } from "../well-known.ts";
import { validatePersistentVolume, validatePersistentVolumeStatusUpdate, validatePersistentVolumeUpdate } from "./volume-validation.ts";

const SHORT_MODES: readonly (readonly [string, string])[] = [
  ["ReadWriteOnce", "RWO"],
  ["ReadOnlyMany", "ROX"],
  ["ReadWriteMany", "RWX"],
  ["ReadWriteOncePod", "RWOP"],
];

/** `RWO,ROX`. */
export function accessModesText(modes: readonly string[] | undefined): string {
  return SHORT_MODES.filter(([mode]) => modes?.includes(mode) ?? false)
    .map(([, short]) => short)
    .join(",");
}

/** The storage class of a volume or claim; the annotation that came before the field wins. */
export function storageClassOf({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string | undefined {
  return metadata.annotations?.[annotations.storageClass] ?? spec.storageClassName;
}

function claimCell({ spec: { claimRef } }: PersistentVolume): string {
  return claimRef === undefined ? "" : `${claimRef.namespace ?? ""}/${claimRef.name ?? ""}`;
}

const columns: readonly Column<PersistentVolume>[] = [
  nameColumn(),
  { name: "Capacity", type: "string", description: "How much it holds.", value: ({ spec }) => spec.capacity?.["storage"] ?? "0" },
  { name: "Access Modes", type: "string", description: "How it may be mounted.", value: ({ spec }) => accessModesText(spec.accessModes) },
  {
    name: "Reclaim Policy",
    type: "string",
    description: "What becomes of it without its claim.",
    value: ({ spec }) => spec.persistentVolumeReclaimPolicy ?? "",
  },
  {
    name: "Status",
    type: "string",
    description: "Its phase.",
    value: ({ metadata, status }) => (metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating"),
  },
  { name: "Claim", type: "string", description: "The claim it is bound to.", value: claimCell },
  { name: "StorageClass", type: "string", description: "Its storage class.", value: (volume) => storageClassOf(volume) ?? "" },
  {
    name: "VolumeAttributesClass",
    type: "string",
    description: "Its volume attributes class.",
    value: ({ spec }) => spec.volumeAttributesClassName ?? "<unset>",
  },
  { name: "Reason", type: "string", description: "Why it is in its phase.", value: ({ status }) => status?.reason ?? "" },
  ageColumn(),
  { name: "VolumeMode", type: "string", priority: 1, description: "Filesystem or Block.", value: ({ spec }) => spec.volumeMode ?? "<unset>" },
];

export const persistentVolumes = kind<PersistentVolume>("v1", "PersistentVolume", {
  columns,
  countsGeneration: false,
  defaults(volume: Mutable<PersistentVolume>): void {
    const { spec } = volume;
    volume.status = { phase: "Pending", ...volume.status };
    spec.persistentVolumeReclaimPolicy ||= "Retain";
    spec.volumeMode ??= "Filesystem";
    if (spec.hostPath !== undefined) spec.hostPath.type ??= "";
    if (spec.claimRef !== undefined) {
      spec.claimRef.kind ||= "PersistentVolumeClaim";
      spec.claimRef.apiVersion ||= "v1";
    }
  },
  prepareForCreate(volume: Mutable<PersistentVolume>, { now }: WriteContext): void {
    volume.status = { phase: "Pending", lastPhaseTransitionTime: formatTime(now) };
  },
  prepareForStatusUpdate(volume: Mutable<PersistentVolume>, old: PersistentVolume, { now }: WriteContext): void {
    volume.spec = mutableCopy(old.spec);
    const status = volume.status ?? {};
    volume.status = status;
    const before = old.status?.lastPhaseTransitionTime;
    if (status.phase !== old.status?.phase) {
      if (status.lastPhaseTransitionTime === undefined || status.lastPhaseTransitionTime === before) status.lastPhaseTransitionTime = formatTime(now);
    } else if (status.lastPhaseTransitionTime === undefined && before !== undefined) status.lastPhaseTransitionTime = before;
  },
  validateCreate: validatePersistentVolume,
  validateUpdate: validatePersistentVolumeUpdate,
  validateStatusUpdate: validatePersistentVolumeStatusUpdate,
});
