// The keys of service account tokens: one that signs, all that verify
// (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/). ECDSA P-256 by default, RSA as kubeadm makes it too.
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importPKCS8, importSPKI, type JWK } from "jose";

type Algorithm = "ES256" | "RS256";
type Key = Awaited<ReturnType<typeof importPKCS8>>;

export interface VerificationKey {
  /** Names the key in the header of tokens (RFC 7638 thumbprint). */
  readonly keyId: string;
  readonly algorithm: Algorithm;
  readonly key: Key;
  /** The public half, as `/openid/v1/jwks` shows it. */
  readonly jwk: JWK;
}

export interface ServiceAccountKeys {
  readonly signing: { readonly keyId: string; readonly algorithm: Algorithm; readonly key: Key };
  readonly verification: readonly VerificationKey[];
}

/** A fresh pair, for a cluster that keeps nothing. */
export async function generateServiceAccountKeys(): Promise<ServiceAccountKeys> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const verification = await verificationKey(publicKey, "ES256");
  return { signing: { keyId: verification.keyId, algorithm: "ES256", key: privateKey }, verification: [verification] };
}

/** Keys out of PEM text: `privateKey` is PKCS#8 (`BEGIN PRIVATE KEY`), `publicKeys` are SPKI (`BEGIN PUBLIC KEY`), the first being the private key's. */
export async function importServiceAccountKeys(pem: { readonly privateKey: string; readonly publicKeys: readonly string[] }): Promise<ServiceAccountKeys> {
  const verification = await Promise.all(pem.publicKeys.map(importVerificationKey));
  const first = verification[0];
  if (first === undefined) throw new TypeError("no public key to verify service account tokens with");
  const { algorithm, keyId } = first;
  return { signing: { keyId, algorithm, key: await importPKCS8(pem.privateKey, algorithm) }, verification };
}

async function importVerificationKey(pem: string): Promise<VerificationKey> {
  try {
    return await verificationKey(await importSPKI(pem, "ES256", { extractable: true }), "ES256");
  } catch (notEcdsa) {
    try {
      return await verificationKey(await importSPKI(pem, "RS256", { extractable: true }), "RS256");
    } catch {
      throw new TypeError("a public key for service account tokens must be ECDSA P-256 or RSA", { cause: notEcdsa });
    }
  }
}

async function verificationKey(key: Key, algorithm: Algorithm): Promise<VerificationKey> {
  const publicParts = await exportJWK(key);
  const keyId = await calculateJwkThumbprint(publicParts);
  return { keyId, algorithm, key, jwk: { use: "sig", kid: keyId, alg: algorithm, ...publicParts } };
}
