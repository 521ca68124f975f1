// The files that ConfigMaps, Secrets, the downward API and service account tokens give, for volumes of their own and for
// projected ones. Messages are what users read when a source is missing.
import type { ConfigMapProjection, DownwardAPIProjection, KeyToPath, PodSpec, SecretProjection, ServiceAccountTokenProjection } from "../../api/index.ts";
import { decodeBase64 } from "../environment/container-environment.ts";
import { fieldValue, resourceValue } from "../environment/downward-api.ts";
import { podNamespace } from "../pods/pod-spec.ts";
import type { ProjectedFile } from "./atomic-writer.ts";
import { type VolumeContext, VolumeError } from "./volume.ts";

export const DEFAULT_MODE = 0o644;
const DEFAULT_TOKEN_SECONDS = 3600;

export type Files = Map<string, ProjectedFile>;

export async function configMapFiles(context: VolumeContext, source: ConfigMapProjection, defaultMode: number): Promise<Files> {
  const namespace = podNamespace(context.pod);
  const { name = "", items, optional } = source;
  const configMap = await context.objects.configMap(namespace, name);
  if (configMap === undefined && optional !== true) throw new VolumeError(`configmap ${JSON.stringify(name)} not found`);
  const data = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(configMap?.data ?? {})) data.set(key, new TextEncoder().encode(value));
  for (const [key, value] of Object.entries(configMap?.binaryData ?? {})) data.set(key, decodeBase64(value));
  return pick(data, items, defaultMode, optional === true, "configmap");
}

export async function secretFiles(context: VolumeContext, source: SecretProjection, defaultMode: number): Promise<Files> {
  const { name = "", items, optional } = source;
  const secret = await context.objects.secret(podNamespace(context.pod), name);
  if (secret === undefined && optional !== true) throw new VolumeError(`secret ${JSON.stringify(name)} not found`);
  const data = new Map(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, decodeBase64(value)]));
  return pick(data, items, defaultMode, optional === true, "secret");
}

function pick(data: ReadonlyMap<string, Uint8Array>, items: readonly KeyToPath[] | undefined, defaultMode: number, optional: boolean, kind: string): Files {
  const files: Files = new Map();
  if (items === undefined || items.length === 0) {
    for (const [key, bytes] of data) files.set(key, { data: bytes, mode: defaultMode });
    return files;
  }
  for (const { key, path, mode } of items) {
    const bytes = data.get(key);
    if (bytes !== undefined) files.set(path, { data: bytes, mode: mode ?? defaultMode });
    else if (!optional)
      throw new VolumeError(kind === "secret" ? `references non-existent secret key: ${key}` : `configmap references non-existent config key: ${key}`);
  }
  return files;
}

export function downwardFiles(context: VolumeContext, source: DownwardAPIProjection, defaultMode: number): Files {
  const files: Files = new Map();
  for (const { path, fieldRef, resourceFieldRef, mode } of source.items ?? []) {
    let text = "";
    if (fieldRef !== undefined) text = fieldValue(context.downward, fieldRef);
    else if (resourceFieldRef !== undefined) text = resourceValue(context.downward, resourceFieldRef, undefined);
    files.set(path, { data: new TextEncoder().encode(text), mode: mode ?? defaultMode });
  }
  return files;
}

export async function tokenFiles(
  context: VolumeContext,
  source: ServiceAccountTokenProjection,
  defaultMode: number,
): Promise<{ files: Files; refreshAtMs: number }> {
  const { audience = "", expirationSeconds = DEFAULT_TOKEN_SECONDS, path } = source;
  const { token, refreshAtMs } = await context.tokens.token(context.pod, { audience, expirationSeconds });
  const owner = commonUser(context.pod.spec);
  // A token is for the pod's own user or group only, where there is one.
  const restricted = owner !== undefined || context.pod.spec.securityContext?.fsGroup !== undefined;
  const file = { data: new TextEncoder().encode(token), mode: restricted ? 0o600 : defaultMode, ...(owner === undefined ? {} : { uid: owner }) };
  return { files: new Map([[path, file]]), refreshAtMs };
}

/** The user that all containers run as, when the spec says so. */
function commonUser(spec: PodSpec): number | undefined {
  const users = [...(spec.initContainers ?? []), ...spec.containers].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  );
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}
