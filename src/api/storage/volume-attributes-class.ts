// VolumeAttributesClass (storage.k8s.io/v1): mutable attributes of volumes (https://kubernetes.io/docs/concepts/storage/volume-attributes-classes/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { type FieldError, FieldPath, forbidden } from "../field-errors.ts";
import type { VolumeAttributesClass } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import { checkDriverName, checkParameters } from "./driver-parameters.ts";

function validateCreate({ driverName, parameters }: VolumeAttributesClass): FieldError[] {
  return [...checkDriverName(FieldPath.root("driverName"), driverName), ...checkParameters(FieldPath.root("parameters"), parameters, false)];
}

function validateUpdate(object: VolumeAttributesClass, old: VolumeAttributesClass): FieldError[] {
  const fields = ["driverName", "parameters"] as const;
  const changed = fields.filter((field) => !sameValue(object[field], old[field]));
  return [...changed.map((field) => forbidden(FieldPath.root(field), `updates to ${field} are forbidden.`)), ...validateCreate(object)];
}

export const volumeAttributesClasses = kind<VolumeAttributesClass>("storage.k8s.io/v1", "VolumeAttributesClass", {
  columns: [
    nameColumn(),
    { name: "DriverName", type: "string", description: "The CSI driver that knows the attributes.", value: ({ driverName }) => driverName },
    ageColumn(),
  ],
  validateCreate,
  validateUpdate,
});
