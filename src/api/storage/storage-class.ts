// StorageClass (storage.k8s.io/v1): how volumes of a class are provisioned (https://kubernetes.io/docs/concepts/storage/storage-classes/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { checkLabelKey, checkOneOf } from "../field-checks.ts";
import { duplicate, type FieldError, FieldPath, required } from "../field-errors.ts";
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

const TOPOLOGIES = FieldPath.root("allowedTopologies");

function validateCreate({ provisioner, parameters, reclaimPolicy, allowedTopologies }: StorageClass): FieldError[] {
  return [
    ...checkDriverName(FieldPath.root("provisioner"), provisioner),
    ...checkParameters(FieldPath.root("parameters"), parameters, true),
    ...(reclaimPolicy === "" ? [] : checkOneOf(FieldPath.root("reclaimPolicy"), reclaimPolicy, ["Delete", "Retain"])),
    ...checkTopologies(allowedTopologies ?? []),
  ];
}

function checkTopologies(terms: NonNullable<StorageClass["allowedTopologies"]>): FieldError[] {
  return terms.flatMap((term, position) => {
    const path = TOPOLOGIES.index(position).child("matchLabelExpressions");
    const isRepeated = terms.slice(0, position).some((earlier) => sameTerm(earlier, term));
    return [...checkExpressions(path, term.matchLabelExpressions ?? []), ...(isRepeated ? [duplicate(path, "")] : [])];
  });
}

type TopologyExpressions = NonNullable<NonNullable<StorageClass["allowedTopologies"]>[number]["matchLabelExpressions"]>;

function checkExpressions(path: FieldPath, expressions: TopologyExpressions): FieldError[] {
  return expressions.flatMap(({ key, values }, position) => {
    const at = path.index(position);
    const isRepeated = expressions.slice(0, position).some((earlier) => earlier.key === key);
    return [
      ...((values ?? []).length === 0 ? [required(at.child("values"))] : []),
      ...(values ?? []).flatMap((value, index) => (values.indexOf(value) < index ? [duplicate(at.child("values").index(index), value)] : [])),
      ...checkLabelKey(at.child("key"), key),
      ...(isRepeated ? [duplicate(at.child("key"), key)] : []),
    ];
  });
}

/** The order of expressions and of their values means nothing. */
function sameTerm(one: TopologyTerm, other: TopologyTerm): boolean {
  const text = ({ matchLabelExpressions = [] }: TopologyTerm): string =>
    JSON.stringify(matchLabelExpressions.map(({ key, values }) => [key, [...new Set(values)].sort()]).sort());
  return text(one) === text(other);
}

type TopologyTerm = NonNullable<StorageClass["allowedTopologies"]>[number];

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
