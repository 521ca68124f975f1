// StorageClass (storage.k8s.io/v1): how volumes of a class are provisioned (https://kubernetes.io/docs/concepts/storage/storage-classes/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { type FieldError, FieldPath } from "../field-errors.ts";
import type { StorageClass } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";
import { youngestFirst } from "../object.ts";
import { checkDriverName, checkParameters } from "./driver-parameters.ts";

const DEFAULT_ANNOTATIONS = ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

/** Tells whether claims that name no class get this one. */
export function isDefaultStorageClass({ metadata }: StorageClass): boolean {
  return DEFAULT_ANNOTATIONS.some((annotation) => metadata.annotations?.[annotation] === "true");
}

/** The class that claims without one get. */
export function defaultStorageClassOf(classes: readonly StorageClass[]): StorageClass | undefined {
  return classes.filter(isDefaultStorageClass).toSorted(youngestFirst)[0];
}

function validateCreate({ provisioner, parameters }: StorageClass): FieldError[] {
  return [...checkDriverName(FieldPath.root("provisioner"), provisioner), ...checkParameters(FieldPath.root("parameters"), parameters, true)];
}

function validateUpdate(object: StorageClass, old: StorageClass): FieldError[] {
  const fields = ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] as const;
  return fields.flatMap((field) => checkImmutable(object[field], old[field], FieldPath.root(field)));
}

export const storageClasses = kind<StorageClass>("storage.k8s.io/v1", "StorageClass", {
  columns: [
    { ...nameColumn(), value: (object) => `${object.metadata.name}${isDefaultStorageClass(object) ? " (default)" : ""}` },
    { name: "Provisioner", type: "string", description: "Who makes the volumes.", value: ({ provisioner }) => provisioner },
    { name: "ReclaimPolicy", type: "string", description: "What becomes of a released volume.", value: ({ reclaimPolicy }) => reclaimPolicy ?? "Delete" },
    { name: "VolumeBindingMode", type: "string", description: "When a claim is bound.", value: ({ volumeBindingMode }) => volumeBindingMode ?? "Immediate" },
    {
      name: "AllowVolumeExpansion",
      type: "string",
      description: "Whether claims may grow.",
      value: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
    },
    ageColumn(),
  ],
  defaults: (object) => {
    object.reclaimPolicy ??= "Delete";
    object.volumeBindingMode ??= "Immediate";
  },
  validateCreate,
  validateUpdate,
});
