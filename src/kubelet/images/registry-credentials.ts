// The credentials in image pull secrets that fit an image
// (https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/).
import type { Secret } from "../../api/index.ts";
import { parseImageName } from "./image-name.ts";

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
  readonly serverAddress: string;
  /** The Secret that they are from. */
  readonly source: { readonly uid: string; readonly namespace: string; readonly name: string };
}

interface DockerAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
}

const DEFAULT_REGISTRY = "index.docker.io";

/** The most specific first. */
export function credentialsFor(image: string, secrets: readonly Secret[]): RegistryCredentials[] {
  const name = parseImageName(image);
  if (name === undefined) return [];
  const target = `${name.registry ?? DEFAULT_REGISTRY}/${name.repository}`;
  const found: RegistryCredentials[] = [];
  for (const secret of secrets) {
    const { uid = "", namespace = "", name: secretName } = secret.metadata;
    const source = { uid, namespace, name: secretName };
    for (const [server, auth] of Object.entries(authsOf(secret))) {
      const prefix = normalizeServer(server);
      const credentials = readAuth(auth);
      if (credentials !== undefined && matches(prefix, target)) found.push({ ...credentials, serverAddress: server, source });
    }
  }
  return found.sort((a, b) => normalizeServer(b.serverAddress).length - normalizeServer(a.serverAddress).length);
}

function authsOf(secret: Secret): Readonly<Record<string, DockerAuth>> {
  const json = secret.data?.[".dockerconfigjson"];
  const legacy = secret.data?.[".dockercfg"];
  if (json !== undefined) return (JSON.parse(atob(json)) as { auths?: Record<string, DockerAuth> }).auths ?? {};
  return legacy === undefined ? {} : (JSON.parse(atob(legacy)) as Record<string, DockerAuth>);
}

function readAuth(auth: DockerAuth): { username: string; password: string } | undefined {
  if (auth.username !== undefined && auth.password !== undefined) return { username: auth.username, password: auth.password };
  if (auth.auth === undefined) return undefined;
  const text = atob(auth.auth);
  const colon = text.indexOf(":");
  return colon === -1 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function normalizeServer(server: string): string {
  const bare = server
    .replace(/^https?:\/\//, "")
    .replace(/\/(v1|v2)\/?$/, "")
    .replace(/\/$/, "");
  return bare === "docker.io" || bare === "registry-1.docker.io" ? DEFAULT_REGISTRY : bare;
}

/** Host by host part, where `*` stands for one part; the path by its beginning. */
function matches(pattern: string, target: string): boolean {
  const [patternHost = "", ...patternPath] = pattern.split("/");
  const [targetHost = "", ...targetPath] = target.split("/");
  const patternParts = patternHost.split(".");
  const targetParts = targetHost.split(".");
  if (patternParts.length !== targetParts.length) return false;
  const hostFits = patternParts.every((part, index) => {
    const expression = part.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
    return new RegExp(`^${expression}$`).test(targetParts[index] ?? "");
  });
  return hostFits && targetPath.join("/").startsWith(patternPath.join("/"));
}
