// Tokens for pods, bound to the pod so that they end with it, asked for through the token subresource and renewed well
// before they expire (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens).
import { type Pod, serviceAccounts, type TokenRequest } from "../../api/index.ts";
import { type Env, parseTime } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import { podName, podNamespace, podUid } from "../pods/pod-spec.ts";
import { type ServiceAccountTokens, VolumeError } from "../volumes/volume.ts";

interface Known {
  readonly token: string;
  readonly refreshAtMs: number;
}

/** Renewed after this share of its life, and after a day in any case. */
const REFRESH_SHARE = 0.8;
const REFRESH_AFTER_MS = 24 * 3_600_000;
/** Spread, so that the tokens of many pods are not renewed in one moment. */
const JITTER_MS = 10_000;

export interface TokenSource extends ServiceAccountTokens {
  release(uid: string): void;
}

export function createTokenSource(env: Env, client: Client): TokenSource {
  const known = new Map<string, Known>();
  return {
    token: async (pod, { audience, expirationSeconds }) => {
      const key = `${podUid(pod)}/${audience}/${expirationSeconds}`;
      const present = known.get(key);
      if (present !== undefined && env.clock.now() < present.refreshAtMs) return present;
      const fresh = await request(env, client, pod, audience, expirationSeconds);
      known.set(key, fresh);
      return fresh;
    },
    release: (uid) => {
      for (const key of [...known.keys()]) if (key.startsWith(`${uid}/`)) known.delete(key);
    },
  };
}

async function request(env: Env, client: Client, pod: Pod, audience: string, expirationSeconds: number): Promise<Known> {
  const name = pod.spec.serviceAccountName ?? "default";
  const namespace = podNamespace(pod);
  const body: TokenRequest = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: { name: "" },
    spec: {
      audiences: audience === "" ? [] : [audience],
      expirationSeconds,
      boundObjectRef: { apiVersion: "v1", kind: "Pod", name: podName(pod), uid: podUid(pod) },
    },
  };
  const issuedMs = env.clock.now();
  try {
    const { status } = await client.createSubresource<TokenRequest>(serviceAccounts as never, { namespace, name }, "token", body);
    const expiresMs = parseTime(status?.expirationTimestamp) ?? issuedMs + expirationSeconds * 1000;
    const lifeMs = Math.min((expiresMs - issuedMs) * REFRESH_SHARE, REFRESH_AFTER_MS);
    return { token: status?.token ?? "", refreshAtMs: issuedMs + lifeMs - JITTER_MS * env.random.next() };
  } catch (error) {
    throw new VolumeError(`failed to fetch token: ${error instanceof Error ? error.message : String(error)}`);
  }
}
