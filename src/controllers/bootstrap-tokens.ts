// Bootstrap tokens: their signatures under `kube-public/cluster-info`, by which a joining node knows the right cluster, and their end
// (https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/). A signature is a JWS with detached content
// (RFC 7515, appendix F) over the kubeconfig, keyed with the token's secret.
import { type ConfigMap, configMaps, objectKey, type Secret, secrets } from "../api/index.ts";
import { parseTime } from "../base/index.ts";
import { nothing, type Plan, remove } from "./action.ts";
import { type Controller, controller, reconcilingController, wake } from "./controller.ts";
import { secretText } from "./secret-text.ts";

const TOKEN_TYPE = "bootstrap.kubernetes.io/token";
const TOKEN_NAMESPACE = "kube-system";
const NAME_PATTERN = /^bootstrap-token-([a-z0-9]{6})$/;
const CLUSTER_INFO = "kube-public/cluster-info";
const KUBECONFIG = "kubeconfig";
const SIGNATURE_PREFIX = "jws-kubeconfig-";

function isToken({ type, metadata }: Secret): boolean {
  return type === TOKEN_TYPE && metadata.namespace === TOKEN_NAMESPACE;
}

/** When the token ends: undefined when never, 0 when that can't be read. */
function expiryMs(secret: Secret): number | undefined {
  const text = secretText(secret, "expiration");
  return text === "" ? undefined : (parseTime(text) ?? 0);
}

export interface SigningToken {
  readonly id: string;
  readonly secret: string;
}

/** The tokens that are good for signing now. */
export function signingTokens(all: readonly Secret[], nowMs: number): SigningToken[] {
  return all.filter(isToken).flatMap((token) => {
    const id = NAME_PATTERN.exec(token.metadata.name)?.[1];
    const secret = secretText(token, "token-secret");
    const expired = (expiryMs(token) ?? Number.POSITIVE_INFINITY) <= nowMs;
    const usable = secretText(token, "usage-bootstrap-signing") === "true" && !expired;
    return usable && id !== undefined && secretText(token, "token-id") === id && secret !== "" ? [{ id, secret }] : [];
  });
}

const encoder = new TextEncoder();

function base64Url(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** `<header>..<signature>`. */
export async function detachedSignature(content: string, { id, secret }: SigningToken): Promise<string> {
  const header = base64Url(encoder.encode(JSON.stringify({ alg: "HS256", kid: id })));
  const payload = base64Url(encoder.encode(content));
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(`${header}.${payload}`)));
  return `${header}..${base64Url(signature)}`;
}

/** The ConfigMap's data with the signatures of these tokens and no others; the same object when it has them. */
export async function signedData(data: Readonly<Record<string, string>>, tokens: readonly SigningToken[]): Promise<Readonly<Record<string, string>>> {
  const content = data[KUBECONFIG];
  if (content === undefined) return data;
  const others = Object.entries(data).filter(([key]) => !key.startsWith(SIGNATURE_PREFIX));
  const signatures = await Promise.all(tokens.map(async (token) => [`${SIGNATURE_PREFIX}${token.id}`, await detachedSignature(content, token)] as const));
  const signed = Object.fromEntries([...others, ...signatures]);
  const same = Object.keys(signed).length === Object.keys(data).length && Object.entries(signed).every(([key, value]) => data[key] === value);
  return same ? data : signed;
}

export const bootstrapSigner: Controller = reconcilingController<ConfigMap>("bootstrap-signer", {
  for: configMaps,
  keyOf: (map) => (objectKey(map) === CLUSTER_INFO ? CLUSTER_INFO : undefined),
  wakes: [wake(secrets, (secret) => (isToken(secret) ? [CLUSTER_INFO] : []))],
  workers: 1,
  reconcile: async (key, caches, { client, env }) => {
    const map = caches.of(configMaps).get(key);
    if (map?.data === undefined || map.metadata.deletionTimestamp !== undefined) return undefined;
    const data = await signedData(map.data, signingTokens(caches.of(secrets).inNamespace(TOKEN_NAMESPACE), env.clock.now()));
    if (data !== map.data) await client.update(configMaps, { ...map, data });
    return undefined;
  },
});

/** Deletes a token when its time is over. */
export function planTokenCleaning(secret: Secret, nowMs: number): Plan {
  const dueMs = isToken(secret) && secret.metadata.deletionTimestamp === undefined ? expiryMs(secret) : undefined;
  if (dueMs === undefined) return nothing;
  return dueMs <= nowMs ? { actions: [remove(secrets, secret)] } : { actions: [], requeueAfterMs: dueMs - nowMs };
}

export const tokenCleaner: Controller = controller<Secret, Secret>("token-cleaner", {
  for: secrets,
  keyOf: (secret) => (isToken(secret) ? objectKey(secret) : undefined),
  observe: (key, caches) => caches.of(secrets).get(key),
  plan: planTokenCleaning,
});
