// Volumes of a pod (https://kubernetes.io/docs/concepts/storage/volumes/): one source each, sources complete, paths within them tame.
import { parseQuantity, Quantity } from "../../base/index.ts";
import { checkDnsLabelAt, checkOneOf, checkRequired, checkText } from "../field-checks.ts";
import { duplicate, type FieldError, type FieldPath, forbidden, invalid, required } from "../field-errors.ts";
import type { DownwardAPIVolumeFile, KeyToPath, ObjectMeta, ProjectedVolumeSource, Volume, VolumeProjection } from "../generated/types.ts";
import { checkDnsSubdomain } from "../names.ts";
import { checkPullPolicy } from "./container-validation.ts";
import { checkCsiDriverName } from "./csi-names.ts";
import { checkFieldRef, checkResourceFieldRef, volumeFields } from "./field-ref-validation.ts";
import { legacyVolumeChecks, type SourceCheck } from "./legacy-volume-validation.ts";
import { checkFileMode, checkNonReservedPath } from "./path-checks.ts";
import { checkClaimTemplate } from "./volume-validation.ts";

/** Volumes by name: what mounts may refer to. */
export type VolumesByName = ReadonlyMap<string, Volume>;

const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;
const KEY_TYPES = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];

function checkKeyToPath(path: FieldPath, item: KeyToPath): FieldError[] {
  return [...checkRequired(path.child("key"), item.key), ...checkItemPath(path.child("path"), item.path), ...checkFileMode(path.child("mode"), item.mode)];
}

function checkItemPath(path: FieldPath, target: string | undefined): FieldError[] {
  return [...checkRequired(path, target), ...checkNonReservedPath(path, target ?? "")];
}

function checkItems(path: FieldPath, items: readonly KeyToPath[] | undefined): FieldError[] {
  return (items ?? []).flatMap((item, position) => checkKeyToPath(path.child("items").index(position), item));
}

function checkDownwardFile(path: FieldPath, file: DownwardAPIVolumeFile): FieldError[] {
  const { fieldRef, resourceFieldRef } = file;
  const errors = checkItemPath(path.child("path"), file.path);
  if (fieldRef !== undefined) errors.push(...checkFieldRef(path.child("fieldRef"), fieldRef, volumeFields));
  if (fieldRef !== undefined && resourceFieldRef !== undefined) {
    errors.push(invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"));
  } else if (resourceFieldRef !== undefined) errors.push(...checkResourceFieldRef(path.child("resourceFieldRef"), resourceFieldRef, true));
  else if (fieldRef === undefined) errors.push(required(path, "one of fieldRef and resourceFieldRef is required"));
  return [...errors, ...checkFileMode(path.child("mode"), file.mode)];
}

/** Paths that sources of one projected volume write; each may be written once. */
class ProjectedPaths {
  private readonly seen = new Set<string>();
  constructor(private readonly path: FieldPath) {}
  /** `named` is what the error names: the source, or the path. */
  add(target: string | undefined, named: string): FieldError[] {
    if (target === undefined || target === "") return [];
    if (this.seen.has(target)) return [invalid(this.path, named, "conflicting duplicate paths")];
    this.seen.add(target);
    return [];
  }
}

function checkKeyProjection(path: FieldPath, source: { readonly name?: string; readonly items?: readonly KeyToPath[] }, paths: ProjectedPaths): FieldError[] {
  const errors = checkRequired(path.child("name"), source.name);
  for (const [position, item] of (source.items ?? []).entries()) {
    errors.push(...checkKeyToPath(path.child("items").index(position), item), ...paths.add(item.path, source.name ?? ""));
  }
  return errors;
}

function checkTokenProjection(volumePath: FieldPath, path: FieldPath, token: NonNullable<VolumeProjection["serviceAccountToken"]>): FieldError[] {
  const seconds = token.expirationSeconds ?? MIN_TOKEN_SECONDS;
  const errors: FieldError[] = [];
  if (seconds < MIN_TOKEN_SECONDS) errors.push(invalid(path.child("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes"));
  if (seconds > MAX_TOKEN_SECONDS) errors.push(invalid(path.child("expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds"));
  if (token.path === "") errors.push(required(volumePath.child("path")));
  else errors.push(...checkNonReservedPath(volumePath.child("path"), token.path));
  return errors;
}

function checkPodCertificate(path: FieldPath, source: NonNullable<VolumeProjection["podCertificate"]>, paths: ProjectedPaths): FieldError[] {
  const errors = [...checkRequired(path.child("signerName"), source.signerName), ...checkOneOf(path.child("keyType"), source.keyType, KEY_TYPES)];
  const { maxExpirationSeconds, credentialBundlePath, keyPath, certificateChainPath } = source;
  if (maxExpirationSeconds !== undefined && maxExpirationSeconds < 3600) {
    errors.push(invalid(path.child("maxExpirationSeconds"), maxExpirationSeconds, "if provided, maxExpirationSeconds must be >= 3600"));
  }
  const targets = Object.entries({ credentialBundlePath, keyPath, certificateChainPath }).filter(([, target]) => target !== undefined && target !== "");
  for (const [name, target = ""] of targets) errors.push(...checkNonReservedPath(path.child(name), target), ...paths.add(target, target));
  if (targets.length === 0) errors.push(required(path, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"));
  return errors;
}

function checkTrustBundle(path: FieldPath, bundle: NonNullable<VolumeProjection["clusterTrustBundle"]>, paths: ProjectedPaths): FieldError[] {
  const errors: FieldError[] = [];
  if (bundle.name !== undefined && bundle.signerName !== undefined) errors.push(invalid(path, bundle, "only one of name and signerName may be used"));
  else if (bundle.name !== undefined) {
    errors.push(...checkRequired(path.child("name"), bundle.name, "must be a valid object name"));
    if (bundle.labelSelector !== undefined) {
      errors.push(invalid(path.child("labelSelector"), bundle.labelSelector, "labelSelector must be unset if name is specified"));
    }
  } else if (bundle.signerName !== undefined) errors.push(...checkRequired(path.child("signerName"), bundle.signerName, "must be a valid signer name"));
  else errors.push(required(path, "either name or signerName must be specified"));
  return [...errors, ...checkItemPath(path.child("path"), bundle.path), ...paths.add(bundle.path, bundle.path)];
}

function checkProjection(volumePath: FieldPath, path: FieldPath, source: VolumeProjection, paths: ProjectedPaths): FieldError[] {
  const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = source;
  const errors: FieldError[] = [];
  if (secret !== undefined) errors.push(...checkKeyProjection(path.child("secret"), secret, paths));
  if (configMap !== undefined) errors.push(...checkKeyProjection(path.child("configMap"), configMap, paths));
  for (const file of downwardAPI?.items ?? []) errors.push(...checkDownwardFile(path.child("downwardAPI"), file), ...paths.add(file.path, file.path));
  if (serviceAccountToken !== undefined) errors.push(...checkTokenProjection(volumePath, path.child("serviceAccountToken"), serviceAccountToken));
  if (clusterTrustBundle !== undefined) errors.push(...checkTrustBundle(path.child("clusterTrustBundle"), clusterTrustBundle, paths));
  if (podCertificate !== undefined) errors.push(...checkPodCertificate(path.child("podCertificate"), podCertificate, paths));
  if (Object.values(source).filter((value) => value !== undefined).length > 1) {
    errors.push(forbidden(path, "may not specify more than 1 volume type per source"));
  }
  return errors;
}

function checkProjected(path: FieldPath, projected: ProjectedVolumeSource): FieldError[] {
  const paths = new ProjectedPaths(path);
  const errors = checkFileMode(path.child("defaultMode"), projected.defaultMode);
  for (const [position, source] of (projected.sources ?? []).entries()) {
    errors.push(...checkProjection(path, path.child("sources").index(position), source, paths));
  }
  return errors;
}

/** One check for each source, in the order in which a second source is complained of. */
const SOURCE_CHECKS: readonly SourceCheck[] = [
  {
    source: "emptyDir",
    check: (path, { emptyDir }) =>
      emptyDir?.sizeLimit !== undefined && parseQuantity(emptyDir.sizeLimit).compare(Quantity.zero) < 0
        ? [forbidden(path.child("sizeLimit"), "SizeLimit field must be a valid resource quantity")]
        : [],
  },
  {
    source: "secret",
    check: (path, { secret }) => [
      ...checkRequired(path.child("secretName"), secret?.secretName),
      ...checkFileMode(path.child("defaultMode"), secret?.defaultMode),
      ...checkItems(path, secret?.items),
    ],
  },
  {
    source: "configMap",
    check: (path, { configMap }) => [
      ...checkRequired(path.child("name"), configMap?.name),
      ...checkFileMode(path.child("defaultMode"), configMap?.defaultMode),
      ...checkItems(path, configMap?.items),
    ],
  },
  { source: "persistentVolumeClaim", check: (path, { persistentVolumeClaim: claim }) => checkRequired(path.child("claimName"), claim?.claimName) },
  {
    source: "downwardAPI",
    check: (path, { downwardAPI }) => [
      ...checkFileMode(path.child("defaultMode"), downwardAPI?.defaultMode),
      ...(downwardAPI?.items ?? []).flatMap((file) => checkDownwardFile(path, file)),
    ],
  },
  { source: "projected", check: (path, { projected }) => (projected === undefined ? [] : checkProjected(path, projected)) },
  ...legacyVolumeChecks,
  {
    source: "csi",
    check: (path, { csi }) => {
      const secret = csi?.nodePublishSecretRef;
      const secretErrors =
        secret === undefined
          ? []
          : secret.name
            ? checkText(path.child("name"), secret.name, checkDnsSubdomain)
            : [required(path.child("nodePublishSecretRef", "name"))];
      return [...checkCsiDriverName(path.child("driver"), csi?.driver ?? ""), ...secretErrors];
    },
  },
  {
    source: "ephemeral",
    check: (path, { ephemeral }) => {
      const at = path.child("volumeClaimTemplate");
      return ephemeral?.volumeClaimTemplate === undefined ? [required(at)] : checkClaimTemplate(at, ephemeral.volumeClaimTemplate);
    },
  },
  { source: "image", check: (path, { image }) => checkPullPolicy(path.child("pullPolicy"), image?.pullPolicy) },
];

function checkSource(path: FieldPath, volume: Volume, isPod: boolean, podName: string): FieldError[] {
  const errors: FieldError[] = [];
  let found = 0;
  for (const { source, path: named = source, check } of SOURCE_CHECKS) {
    if (volume[source] === undefined) continue;
    if (found > 0) errors.push(forbidden(path.child(source), "may not specify more than 1 volume type"));
    else errors.push(...check(path.child(named), volume));
    found++;
  }
  if (isPod && volume.image !== undefined && !volume.image.reference) errors.push(required(path.child("image", "reference")));
  if (volume.ephemeral !== undefined && podName !== "" && volume.name !== "") {
    const claim = `${podName}-${volume.name}`;
    errors.push(...checkDnsSubdomain(claim).map((problem) => invalid(path.child("name"), volume.name, `PVC name "${claim}": ${problem}`)));
  }
  return found === 0 ? [...errors, required(path, "must specify a volume type")] : errors;
}

/** Volumes that are faulty cannot be mounted: mounts of them are errors too. */
export function checkVolumes(
  path: FieldPath,
  volumes: readonly Volume[] | undefined,
  metadata: ObjectMeta | undefined,
): { readonly errors: FieldError[]; readonly byName: VolumesByName } {
  const byName = new Map<string, Volume>();
  const errors: FieldError[] = [];
  const podName = metadata?.name ?? "";
  const created = new Set((volumes ?? []).filter(({ ephemeral }) => ephemeral !== undefined && podName !== "").map(({ name }) => `${podName}-${name}`));
  for (const [position, volume] of (volumes ?? []).entries()) {
    const at = path.index(position);
    const own = checkSource(at, volume, metadata !== undefined, podName);
    if (!volume.name) own.push(required(at.child("name")));
    else own.push(...checkDnsLabelAt(at.child("name"), volume.name));
    if (byName.has(volume.name)) own.push(duplicate(at.child("name"), volume.name));
    if (own.length === 0) byName.set(volume.name, volume);
    errors.push(...own);
    const claimName = volume.persistentVolumeClaim?.claimName;
    if (claimName !== undefined && created.has(claimName)) {
      errors.push(invalid(at.child("persistentVolumeClaim", "claimName"), claimName, "must not reference a PVC that gets created for an ephemeral volume"));
    }
  }
  return { errors, byName };
}
