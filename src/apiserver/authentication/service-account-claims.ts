// The claims of a service account token, and the user they stand for
// (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#schema-for-service-account-private-claims).
import type { UserInfo } from "../user.ts";
import { extraKeys, serviceAccountGroups, serviceAccountUserName } from "./well-known-users.ts";

export interface ObjectClaim {
  readonly name: string;
  readonly uid?: string;
}

export interface ServiceAccountClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly jti: string;
  readonly "kubernetes.io": {
    readonly namespace: string;
    readonly serviceaccount: ObjectClaim;
    readonly pod?: ObjectClaim;
    readonly secret?: ObjectClaim;
    readonly node?: ObjectClaim;
    /** From here on the token's use is a sign of a client that does not renew it. */
    readonly warnafter?: number;
  };
}

/** A verified payload as claims; undefined when it is not the payload of a service account token. */
export function asServiceAccountClaims(payload: Readonly<Record<string, unknown>>): ServiceAccountClaims | undefined {
  const claims = payload["kubernetes.io"] as Partial<ServiceAccountClaims["kubernetes.io"]> | undefined;
  if (typeof claims?.namespace !== "string" || typeof claims.serviceaccount?.name !== "string") return undefined;
  if (payload["sub"] !== serviceAccountUserName(claims.namespace, claims.serviceaccount.name)) return undefined;
  const { aud } = payload;
  return { ...payload, aud: typeof aud === "string" ? [aud] : (aud ?? []) } as unknown as ServiceAccountClaims;
}

/** The user that the bearer of these claims is. */
export function claimedUser(claims: ServiceAccountClaims): UserInfo {
  const { namespace, serviceaccount, pod, node } = claims["kubernetes.io"];
  const extra: Record<string, string[]> = {};
  if (pod !== undefined) {
    extra[extraKeys.podName] = [pod.name];
    extra[extraKeys.podUid] = [pod.uid ?? ""];
  }
  if (claims.jti !== undefined && claims.jti !== "") extra[extraKeys.credentialId] = [`JTI=${claims.jti}`];
  if (node !== undefined) {
    extra[extraKeys.nodeName] = [node.name];
    if ((node.uid ?? "") !== "") extra[extraKeys.nodeUid] = [node.uid ?? ""];
  }
  return {
    name: serviceAccountUserName(namespace, serviceaccount.name),
    uid: serviceaccount.uid ?? "",
    groups: serviceAccountGroups(namespace),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
