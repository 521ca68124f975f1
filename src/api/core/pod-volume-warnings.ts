// Volumes of a pod that are allowed and yet most likely a mistake: plugins that do nothing any more, files that hide one another.
import type { FieldPath } from "../field-errors.ts";
import type { KeyToPath, Volume, VolumeProjection } from "../generated/types.ts";

/** What became of volume plugins, by the field that asks for one. */
const DEPRECATED_PLUGINS: Readonly<Partial<Record<keyof Volume, string>>> = {
  photonPersistentDisk: "deprecated in v1.11, non-functional in v1.16+",
  gitRepo: "deprecated in v1.11, and disabled by default in v1.33+",
  scaleIO: "deprecated in v1.16, non-functional in v1.22+",
  flocker: "deprecated in v1.22, non-functional in v1.25+",
  storageos: "deprecated in v1.22, non-functional in v1.25+",
  quobyte: "deprecated in v1.22, non-functional in v1.25+",
  glusterfs: "deprecated in v1.25, non-functional in v1.26+",
  cephfs: "deprecated in v1.28, non-functional in v1.31+",
  rbd: "deprecated in v1.28, non-functional in v1.31+",
};

/** A file of a volume; `source` is "" where the volume has one source only. */
interface VolumeFile {
  readonly path: string;
  readonly source: string;
}

/** `path` is that of the list of volumes. */
export function volumeWarnings(path: FieldPath, volumes: readonly Volume[]): string[] {
  const deprecated = volumes.flatMap((volume, index) =>
    Object.entries(DEPRECATED_PLUGINS).flatMap(([plugin, text]) => (Object.hasOwn(volume, plugin) ? [`${path.index(index).child(plugin)}: ${text}`] : [])),
  );
  return [...deprecated, ...volumes.flatMap(hiddenFiles)];
}

function hiddenFiles({ name, configMap, secret, downwardAPI, projected }: Volume): string[] {
  const told = (what: string, files: readonly VolumeFile[]): string[] =>
    overlaps(files).map((overlap) => `volume ${JSON.stringify(name)} (${what}): overlapping paths: ${overlap}`);
  const sources = projected?.sources ?? [];
  const empty = sources.filter((source) => Object.keys(source).length === 0).map(() => `volume ${JSON.stringify(name)} (Projected) has no sources provided`);
  return [
    ...told(`ConfigMap ${JSON.stringify(configMap?.name ?? "")}`, filesOf(configMap?.items)),
    ...told(`Secret ${JSON.stringify(secret?.secretName ?? "")}`, filesOf(secret?.items)),
    ...told("DownwardAPI", filesOf(downwardAPI?.items)),
    ...empty,
    ...told("Projected", sources.flatMap(projectedFiles)),
  ];
}

function filesOf(items: readonly Pick<KeyToPath, "path">[] = [], source = ""): VolumeFile[] {
  return items.map(({ path }) => ({ path, source }));
}

function projectedFiles({ configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate }: VolumeProjection): VolumeFile[] {
  const bundle = clusterTrustBundle?.name ?? clusterTrustBundle?.signerName ?? "";
  const { certificateChainPath = "", keyPath = "", credentialBundlePath = "" } = podCertificate ?? {};
  return [
    ...filesOf(configMap?.items, `ConfigMap ${JSON.stringify(configMap?.name ?? "")}`),
    ...filesOf(secret?.items, `Secret ${JSON.stringify(secret?.name ?? "")}`),
    ...filesOf(downwardAPI?.items, "DownwardAPI"),
    ...(serviceAccountToken === undefined ? [] : filesOf([serviceAccountToken], "ServiceAccountToken")),
    ...(clusterTrustBundle === undefined ? [] : filesOf([clusterTrustBundle], `ClusterTrustBundle ${JSON.stringify(bundle)}`)),
    ...filesOf([{ path: certificateChainPath }], "PodCertificate chain"),
    ...filesOf([{ path: keyPath }], "PodCertificate key"),
    ...filesOf([{ path: credentialBundlePath }], "PodCertificate credential bundle"),
  ];
}

/** Each file that is an earlier one, below it or above it. */
function overlaps(files: readonly VolumeFile[]): string[] {
  const trimmed = files.map(({ path, source }) => ({ path: path.replace(/\/+$/, ""), source })).filter(({ path }) => path !== "");
  const isBelow = (one: string, other: string): boolean => one === other || one.startsWith(`${other}/`);
  return trimmed.flatMap((file, index) =>
    trimmed
      .slice(0, index)
      .filter((earlier) => isBelow(file.path, earlier.path) || isBelow(earlier.path, file.path))
      .map((earlier) => `${fileText(file)} with ${fileText(earlier)}`),
  );
}

function fileText({ path, source }: VolumeFile): string {
  return source === "" ? JSON.stringify(path) : `${JSON.stringify(path)} (${source})`;
}
