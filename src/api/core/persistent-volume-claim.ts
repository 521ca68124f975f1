// PersistentVolumeClaim (https://kubernetes.io/docs/concepts/storage/persistent-volumes/).
import { type Mutable, mutableCopy } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedLocalObjectReference } from "../generated/types.ts";
import type { Column } from "../kind.ts";
import { accessModesText, storageClassOf } from "./persistent-volume.ts";
import { validateClaim, validateClaimStatusUpdate, validateClaimUpdate } from "./volume-validation.ts";

function isBound({ spec }: PersistentVolumeClaim): boolean {
  return spec.volumeName !== undefined && spec.volumeName !== "";
}

const columns: readonly Column<PersistentVolumeClaim>[] = [
  nameColumn(),
  {
    name: "Status",
    type: "string",
    description: "Its phase.",
    value: ({ metadata, status }) => (metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating"),
  },
  { name: "Volume", type: "string", description: "The volume it is bound to.", value: ({ spec }) => spec.volumeName ?? "" },
  {
    name: "Capacity",
    type: "string",
    description: "How much the volume holds.",
    value: (claim) => (isBound(claim) ? (claim.status?.capacity?.["storage"] ?? "0") : ""),
  },
  {
    name: "Access Modes",
    type: "string",
    description: "How the volume may be mounted.",
    value: (claim) => (isBound(claim) ? accessModesText(claim.status?.accessModes) : ""),
  },
  { name: "StorageClass", type: "string", description: "Its storage class.", value: (claim) => storageClassOf(claim) ?? "" },
  {
    name: "VolumeAttributesClass",
    type: "string",
    description: "Its volume attributes class.",
    value: ({ spec }) => spec.volumeAttributesClassName ?? "<unset>",
  },
  ageColumn(),
  { name: "VolumeMode", type: "string", priority: 1, description: "Filesystem or Block.", value: ({ spec }) => spec.volumeMode ?? "<unset>" },
];

function isVolumeOrSnapshot({ apiGroup = "", kind: name }: TypedLocalObjectReference): boolean {
  return apiGroup === "" ? name === "PersistentVolumeClaim" : apiGroup === "snapshot.storage.k8s.io" && name === "VolumeSnapshot";
}

/** `dataSource` and `dataSourceRef` are two names of one thing, as long as no namespace is involved. */
function alignDataSources(spec: Mutable<PersistentVolumeClaimSpec>): void {
  // Data of other namespaces is a feature that is off.
  if (spec.dataSourceRef?.namespace) delete spec.dataSourceRef;
  // What the older field cannot name is dropped, as it always was; the newer one may name anything.
  if (spec.dataSourceRef === undefined && spec.dataSource !== undefined && !isVolumeOrSnapshot(spec.dataSource)) delete spec.dataSource;
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) spec.dataSourceRef = { ...dataSource };
  if (dataSource === undefined && dataSourceRef !== undefined && !dataSourceRef.namespace) {
    const { namespace: _none, ...local } = dataSourceRef;
    spec.dataSource = local;
  }
}

export const persistentVolumeClaims = kind<PersistentVolumeClaim>("v1", "PersistentVolumeClaim", {
  columns,
  countsGeneration: false,
  defaults(claim: Mutable<PersistentVolumeClaim>): void {
    claim.status = { phase: "Pending", ...claim.status };
    claim.spec.volumeMode ??= "Filesystem";
  },
  prepareForCreate(claim: Mutable<PersistentVolumeClaim>): void {
    claim.status = { phase: "Pending" };
    alignDataSources(claim.spec);
  },
  prepareForUpdate(claim: Mutable<PersistentVolumeClaim>, old: PersistentVolumeClaim): void {
    claim.status = mutableCopy(old.status ?? {});
    alignDataSources(claim.spec);
  },
  validateCreate: validateClaim,
  validateUpdate: validateClaimUpdate,
  validateStatusUpdate: validateClaimStatusUpdate,
});
