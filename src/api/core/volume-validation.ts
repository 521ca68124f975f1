// Persistent volumes and claims (https://kubernetes.io/docs/concepts/storage/persistent-volumes/): sizes, modes, one source, and what is fixed once made.
import { parseQuantity, Quantity } from "../../base/index.ts";
import { checkDnsSubdomainAt, checkLabelSelector, checkOneOf, checkRequired, checkTemplateMetadata } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type {
  JsonValue,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimTemplate,
  PersistentVolumeSpec,
  Volume,
} from "../generated/types.ts";
import { checkImmutable, sameValue } from "../immutable.ts";
import { annotations, resourceNames } from "../well-known.ts";
import { checkNodeSelector } from "./affinity-validation.ts";
import { checkCsiDriverName } from "./csi-names.ts";
import { describeDifference } from "./difference.ts";
import { legacyVolumeChecks } from "./legacy-volume-validation.ts";
import { checkNoBacksteps } from "./path-checks.ts";
import { checkQuantity } from "./resource-validation.ts";

const SPEC = FieldPath.root("spec");
const ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const VOLUME_MODES = ["Block", "Filesystem"];
const STORAGE = resourceNames.storage;

function checkAccessModes(path: FieldPath, modes: readonly string[] | undefined, detail: string): FieldError[] {
  if ((modes ?? []).length === 0) return [required(path, detail)];
  const errors = (modes ?? []).flatMap((mode) => checkOneOf(path, mode, ACCESS_MODES));
  const mixed = modes?.includes("ReadWriteOncePod") === true && modes.some((mode) => mode !== "ReadWriteOncePod" && ACCESS_MODES.includes(mode));
  return mixed ? [...errors, forbidden(path, "may not use ReadWriteOncePod with other access modes")] : errors;
}

function checkPositiveQuantity(path: FieldPath, text: string): FieldError[] {
  const quantity = parseQuantity(text);
  return quantity.compare(Quantity.zero) > 0 ? [] : [invalid(path, quantity.toString(), "must be greater than zero")];
}

function sortedByKey(amounts: PersistentVolumeSpec["capacity"]): JsonValue {
  return amounts === undefined ? null : Object.fromEntries(Object.entries(amounts).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function checkCapacity(path: FieldPath, capacity: PersistentVolumeSpec["capacity"]): FieldError[] {
  const names = Object.keys(capacity ?? {});
  const errors = names.length === 0 ? [required(path)] : [];
  if (names.length !== 1 || names[0] !== STORAGE) errors.push(notSupported(path, sortedByKey(capacity), [STORAGE]));
  return [...errors, ...Object.entries(capacity ?? {}).flatMap(([name, text]) => checkPositiveQuantity(path.key(name), text))];
}

/** The fields of a volume that say where its data lies. */
function sourcesOf(spec: PersistentVolumeSpec): Readonly<Record<string, unknown>> {
  const {
    accessModes: _accessModes,
    capacity: _capacity,
    claimRef: _claimRef,
    mountOptions: _mountOptions,
    nodeAffinity: _nodeAffinity,
    persistentVolumeReclaimPolicy: _policy,
    storageClassName: _storageClassName,
    volumeAttributesClassName: _attributes,
    volumeMode: _volumeMode,
    ...sources
  } = spec;
  return Object.fromEntries(Object.entries(sources).filter(([, source]) => source !== undefined));
}

function checkSource(name: string, spec: PersistentVolumeSpec, volumeName: string): FieldError[] {
  const path = SPEC.child(name);
  if (name === "local") {
    const errors = checkRequired(path.child("path"), spec.local?.path);
    errors.push(...checkNoBacksteps(path.child("path"), spec.local?.path ?? ""));
    return spec.nodeAffinity?.required === undefined ? [...errors, required(SPEC.child("nodeAffinity"), "Local volume requires node affinity")] : errors;
  }
  if (name === "csi") return checkCsiSource(path, spec);
  const legacy = legacyVolumeChecks.find(({ source }) => source === name);
  const volume = { ...sourcesOf(spec), name: volumeName } as Volume;
  return legacy?.check(legacy.path === undefined ? path : SPEC.child(legacy.path), volume) ?? [];
}

function checkCsiSource(path: FieldPath, { csi }: PersistentVolumeSpec): FieldError[] {
  return [...checkCsiDriverName(path.child("driver"), csi?.driver ?? ""), ...checkRequired(path.child("volumeHandle"), csi?.volumeHandle)];
}

/** A volume that is written into an attachment: a CSI volume, and nothing of what binds volumes to claims. */
export function checkInlineVolume(path: FieldPath, spec: PersistentVolumeSpec): FieldError[] {
  const context = "in the context of inline volumes";
  const outOfPlace = (field: "claimRef" | "capacity" | "nodeAffinity" | "storageClassName"): FieldError[] =>
    spec[field] === undefined || spec[field] === "" ? [] : [forbidden(path.child(field), `may not be specified ${context}`)];
  const errors = [...outOfPlace("claimRef"), ...outOfPlace("capacity")];
  if (spec.csi === undefined) errors.push(required(path.child("csi"), `has to be specified ${context}`));
  errors.push(...checkAccessModes(path.child("accessModes"), spec.accessModes, ""));
  const { persistentVolumeReclaimPolicy: policy = "Retain", volumeMode = "Filesystem" } = spec;
  if (policy !== "Retain") errors.push(forbidden(path.child("persistentVolumeReclaimPolicy"), `may only be Retain ${context}`));
  errors.push(...outOfPlace("nodeAffinity"), ...(spec.csi === undefined ? [] : checkCsiSource(path.child("csi"), spec)), ...outOfPlace("storageClassName"));
  if (volumeMode !== "Filesystem") errors.push(forbidden(path.child("volumeMode"), `may not specify volumeMode other than Filesystem ${context}`));
  return errors;
}

function checkSources(spec: PersistentVolumeSpec, volumeName: string): FieldError[] {
  const [first, ...others] = Object.keys(sourcesOf(spec));
  if (first === undefined) return [required(SPEC, "must specify a volume type")];
  return [...checkSource(first, spec, volumeName), ...others.map((name) => forbidden(SPEC.child(name), "may not specify more than 1 volume type"))];
}

export function validatePersistentVolume({ metadata, spec }: PersistentVolume): FieldError[] {
  const policy = spec.persistentVolumeReclaimPolicy;
  const affinity = SPEC.child("nodeAffinity");
  const errors = [
    ...checkAccessModes(SPEC.child("accessModes"), spec.accessModes, ""),
    ...checkCapacity(SPEC.child("capacity"), spec.capacity),
    ...checkOneOf(SPEC.child("persistentVolumeReclaimPolicy"), policy, ["Delete", "Recycle", "Retain"]),
  ];
  if (spec.nodeAffinity !== undefined) {
    const { required: selector } = spec.nodeAffinity;
    errors.push(
      ...(selector === undefined
        ? [required(affinity.child("required"), "must specify required node constraints")]
        : checkNodeSelector(affinity.child("required"), selector)),
    );
  }
  errors.push(...checkSources(spec, metadata.name));
  if (spec.hostPath !== undefined && /^\/+$/.test(spec.hostPath.path) && policy === "Recycle") {
    errors.push(forbidden(SPEC.child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'"));
  }
  if (spec.storageClassName) errors.push(...checkDnsSubdomainAt(SPEC.child("storageClassName"), spec.storageClassName));
  errors.push(...checkOneOf(SPEC.child("volumeMode"), spec.volumeMode, VOLUME_MODES));
  return [...errors, ...checkAttributesClass(spec)];
}

function checkAttributesClass({ volumeAttributesClassName: name, csi }: PersistentVolumeSpec): FieldError[] {
  if (name === undefined) return [];
  const path = SPEC.child("volumeAttributesClassName");
  const errors = name === "" ? [required(path, "an empty string is disallowed")] : checkDnsSubdomainAt(path, name);
  return csi === undefined ? [...errors, required(SPEC.child("csi"), "has to be specified when using volumeAttributesClassName")] : errors;
}

export function validatePersistentVolumeUpdate(volume: PersistentVolume, old: PersistentVolume): FieldError[] {
  const errors = validatePersistentVolume(volume);
  const [after, before] = [sourcesOf(volume.spec), sourcesOf(old.spec)];
  if (!sameValue(after, before)) {
    const text = `spec.persistentvolumesource is immutable after creation\n${describeDifference(before, after)}`;
    errors.push(forbidden(SPEC.child("persistentvolumesource"), text));
  }
  errors.push(...checkImmutable(volume.spec.volumeMode, old.spec.volumeMode, FieldPath.root("volumeMode")));
  if (old.spec.nodeAffinity !== undefined) errors.push(...checkImmutable(volume.spec.nodeAffinity, old.spec.nodeAffinity, FieldPath.root("nodeAffinity")));
  if (old.spec.volumeAttributesClassName !== undefined && volume.spec.volumeAttributesClassName === undefined) {
    errors.push(forbidden(SPEC.child("volumeAttributesClassName"), "update from non-nil value to nil is forbidden"));
  }
  return errors;
}

export function validatePersistentVolumeStatusUpdate(): FieldError[] {
  return [];
}

interface DataSource {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
}

function checkDataSource(path: FieldPath, source: DataSource | undefined): FieldError[] {
  if (source === undefined) return [];
  const errors = [...checkRequired(path.child("name"), source.name), ...checkRequired(path.child("kind"), source.kind)];
  const group = source.apiGroup ?? "";
  if (group === "" && source.kind !== "PersistentVolumeClaim")
    return [...errors, invalid(path, source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")];
  return group === "" ? errors : [...errors, ...checkDnsSubdomainAt(path.child("apiGroup"), group)];
}

export function checkClaimSpec(path: FieldPath, spec: PersistentVolumeClaimSpec): FieldError[] {
  const { dataSource, dataSourceRef } = spec;
  const storage = spec.resources?.requests?.[STORAGE];
  const at = path.child("resources").key(STORAGE);
  const errors = [
    ...checkAccessModes(path.child("accessModes"), spec.accessModes, "at least 1 access mode is required"),
    ...checkLabelSelector(path.child("selector"), spec.selector),
    ...(storage === undefined ? [required(at)] : checkPositiveQuantity(at, storage)),
    ...(spec.storageClassName ? checkDnsSubdomainAt(path.child("storageClassName"), spec.storageClassName) : []),
    ...checkOneOf(path.child("volumeMode"), spec.volumeMode, VOLUME_MODES),
    ...checkDataSource(path.child("dataSource"), dataSource),
    ...checkDataSource(path.child("dataSourceRef"), dataSourceRef),
  ];
  if (dataSourceRef?.namespace) {
    if (dataSource !== undefined)
      errors.push(invalid(path, path.child("dataSource").toString(), "may not be specified when dataSourceRef.namespace is specified"));
  } else if (dataSource !== undefined && dataSourceRef !== undefined && !sameValue(dataSource, dataSourceRef)) {
    errors.push(invalid(path, path.child("dataSource").toString(), "must match dataSourceRef"));
  }
  const attributes = spec.volumeAttributesClassName;
  return attributes ? [...errors, ...checkDnsSubdomainAt(path.child("volumeAttributesClassName"), attributes)] : errors;
}

export function checkClaimTemplate(path: FieldPath, template: PersistentVolumeClaimTemplate): FieldError[] {
  return [...checkTemplateMetadata(path.child("metadata"), template.metadata), ...checkClaimSpec(path.child("spec"), template.spec)];
}

export function validateClaim({ spec }: PersistentVolumeClaim): FieldError[] {
  return checkClaimSpec(SPEC, spec);
}

/** The old spec with all that a claim may still change taken from the new one. */
function withAllowedChanges(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): PersistentVolumeClaimSpec {
  const { spec } = claim;
  const isBound = claim.status?.phase === "Bound";
  const unclassed = old.spec.storageClassName === undefined && old.metadata.annotations?.[annotations.storageClass] === undefined;
  return {
    ...old.spec,
    ...(old.spec.volumeName ? {} : { volumeName: spec.volumeName }),
    ...(unclassed ? { storageClassName: spec.storageClassName } : {}),
    ...(isBound ? { volumeAttributesClassName: spec.volumeAttributesClassName } : {}),
    ...(isBound
      ? { resources: { ...old.spec.resources, requests: { ...old.spec.resources?.requests, [STORAGE]: spec.resources?.requests?.[STORAGE] ?? "0" } } }
      : {}),
  };
}

export function validateClaimUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const errors = validateClaim(claim);
  const allowed = withAllowedChanges(claim, old);
  if (!sameValue(claim.spec, allowed)) {
    const text = `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${describeDifference(allowed, claim.spec)}`;
    errors.push(forbidden(SPEC, text));
  }
  const size = (spec: PersistentVolumeClaimSpec): Quantity => parseQuantity(spec.resources?.requests?.[STORAGE] ?? "0");
  const given = parseQuantity(old.status?.capacity?.[STORAGE] ?? "0");
  if (size(claim.spec).compare(size(old.spec)) < 0 && size(claim.spec).compare(given) <= 0) {
    errors.push(forbidden(SPEC.child("resources", "requests", STORAGE), "field can not be less than status.capacity"));
  }
  return [...errors, ...checkImmutable(claim.spec.volumeMode, old.spec.volumeMode, FieldPath.root("volumeMode"))];
}

export function validateClaimStatusUpdate({ spec, status }: PersistentVolumeClaim): FieldError[] {
  const path = FieldPath.root("status");
  const errors = (spec.accessModes ?? []).length === 0 ? [required(SPEC.child("accessModes"))] : [];
  return [...errors, ...Object.entries(status?.capacity ?? {}).flatMap(([name, text]) => checkQuantity(path.child("capacity").key(name), name, text))];
}
