// The documents with which other systems verify service account tokens (OpenID Connect Discovery 1.0;
// https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery).
import type { JWK } from "jose";
import type { ServiceAccountKeys } from "./service-account-keys.ts";

export const OPENID_CONFIGURATION_PATH = "/.well-known/openid-configuration";
export const JWKS_PATH = "/openid/v1/jwks";

export interface OpenIdConfiguration {
  readonly issuer: string;
  readonly jwks_uri: string;
  readonly response_types_supported: readonly string[];
  readonly subject_types_supported: readonly string[];
  readonly id_token_signing_alg_values_supported: readonly string[];
}

/** Media type `application/json`. `externalAddress` is the server's host and port as clients reach it. */
export function openIdConfiguration(issuer: string, keys: ServiceAccountKeys, externalAddress: string): OpenIdConfiguration {
  return {
    issuer,
    jwks_uri: `https://${externalAddress}${JWKS_PATH}`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [...new Set(keys.verification.map(({ algorithm }) => algorithm))],
  };
}

/** Media type `application/jwk-set+json`. */
export function jsonWebKeySet(keys: ServiceAccountKeys): { readonly keys: readonly JWK[] } {
  return { keys: keys.verification.map(({ jwk }) => jwk) };
}
