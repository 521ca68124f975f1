// Key pairs and signatures through Web Crypto. New keys are ECDSA P-256, made in well under a millisecond; RSA keys that upstream's
// tools made (PKCS#1 or PKCS#8) can be used too. What others signed may be signed in any of the usual ways.
import { concatBytes, der, nullValue, objectIdentifier, octetString, readAll, readObjectIdentifier, readOne, sequence, TAG, unsignedInteger } from "./der.ts";
import { decodePem, encodePem } from "./pem.ts";

const ECDSA = { name: "ECDSA", namedCurve: "P-256" } as const;
const ECDSA_SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;
const OID = { ecPublicKey: "1.2.840.10045.2.1", p256: "1.2.840.10045.3.1.7", rsa: "1.2.840.113549.1.1.1" } as const;
/** OIDs of the signature algorithms. */
export const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
export const RSA_WITH_SHA256 = "1.2.840.113549.1.1.11";

export interface SigningKey {
  readonly privateKey: CryptoKey;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

export class KeyError extends Error {
  override readonly name = "KeyError";
}

export async function generateKey(): Promise<SigningKey> {
  const pair = await crypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  return { privateKey: pair.privateKey, publicKey: new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey)) };
}

/** PKCS#8. */
export async function privateKeyPem(key: SigningKey): Promise<string> {
  return encodePem("PRIVATE KEY", new Uint8Array(await crypto.subtle.exportKey("pkcs8", key.privateKey)));
}

export function publicKeyPem(key: SigningKey): string {
  return encodePem("PUBLIC KEY", key.publicKey);
}

/** @throws KeyError when the text holds no key that we can use. */
export async function importPrivateKey(pem: string): Promise<SigningKey> {
  const pkcs8 = pkcs8Of(pem);
  try {
    const algorithm = isRsa(pkcs8) ? RSA : ECDSA;
    const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, true, ["sign"]);
    const jwk = await crypto.subtle.exportKey("jwk", privateKey);
    const { kty, crv, x, y, n, e } = jwk;
    const half: JsonWebKey = kty === "RSA" ? { kty, n, e } : { kty, crv, x, y };
    const publicKey = await crypto.subtle.importKey("jwk", half, algorithm, true, ["verify"]);
    return { privateKey, publicKey: new Uint8Array(await crypto.subtle.exportKey("spki", publicKey)) };
  } catch (error) {
    throw new KeyError("the private key is neither ECDSA P-256 nor RSA", { cause: error });
  }
}

/** The signature as certificates hold it, and its algorithm's identifier. */
export async function sign(key: SigningKey, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (key.privateKey.algorithm.name !== ECDSA.name) return new Uint8Array(await crypto.subtle.sign(RSA, key.privateKey, bytes));
  const raw = new Uint8Array(await crypto.subtle.sign(ECDSA_SIGNATURE, key.privateKey, bytes));
  // Web Crypto gives r and s side by side; certificates hold the two as integers.
  return sequence(unsignedInteger(raw.subarray(0, raw.length / 2)), unsignedInteger(raw.subarray(raw.length / 2)));
}

export function signatureAlgorithm(key: SigningKey): Uint8Array {
  return key.privateKey.algorithm.name === ECDSA.name
    ? sequence(objectIdentifier(ECDSA_WITH_SHA256))
    : sequence(objectIdentifier(RSA_WITH_SHA256), nullValue());
}

/** What signs requests that others made: hash by signature algorithm. */
const RSA_HASHES: Readonly<Record<string, string>> = {
  [RSA_WITH_SHA256]: "SHA-256",
  "1.2.840.113549.1.1.12": "SHA-384",
  "1.2.840.113549.1.1.13": "SHA-512",
};
const ECDSA_HASHES: Readonly<Record<string, string>> = {
  [ECDSA_WITH_SHA256]: "SHA-256",
  "1.2.840.10045.4.3.3": "SHA-384",
  "1.2.840.10045.4.3.4": "SHA-512",
};
const ED25519 = "1.3.101.112";
/** Bytes of each half of a signature, by curve. */
const CURVES: Readonly<Record<string, { readonly namedCurve: string; readonly bytes: number }>> = {
  [OID.p256]: { namedCurve: "P-256", bytes: 32 },
  "1.3.132.0.34": { namedCurve: "P-384", bytes: 48 },
  "1.3.132.0.35": { namedCurve: "P-521", bytes: 66 },
};

/** False too when key or algorithm are none of RSA, ECDSA over the NIST curves, and Ed25519. */
export async function verify(publicKey: Uint8Array<ArrayBuffer>, algorithm: string, signature: Uint8Array, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  try {
    const rsaHash = RSA_HASHES[algorithm];
    if (rsaHash !== undefined) {
      const key = await crypto.subtle.importKey("spki", publicKey, { name: RSA.name, hash: rsaHash }, false, ["verify"]);
      return await crypto.subtle.verify(RSA.name, key, concatBytes(signature), bytes);
    }
    if (algorithm === ED25519) {
      const key = await crypto.subtle.importKey("spki", publicKey, "Ed25519", false, ["verify"]);
      return await crypto.subtle.verify("Ed25519", key, concatBytes(signature), bytes);
    }
    const hash = ECDSA_HASHES[algorithm];
    const curve = CURVES[curveOf(publicKey)];
    if (hash === undefined || curve === undefined) return false;
    const key = await crypto.subtle.importKey("spki", publicKey, { name: ECDSA.name, namedCurve: curve.namedCurve }, false, ["verify"]);
    return await crypto.subtle.verify({ name: ECDSA.name, hash }, key, rawSignature(signature, curve.bytes), bytes);
  } catch {
    // Whatever cannot be read is not a signature of this key.
    return false;
  }
}

/** The curve's identifier, out of the key's algorithm. */
function curveOf(publicKey: Uint8Array): string {
  const [algorithm] = readAll(readOne(publicKey, TAG.sequence).content);
  const [, parameters] = readAll(algorithm?.content ?? new Uint8Array(0));
  return readObjectIdentifier(parameters);
}

function rawSignature(signature: Uint8Array, bytes: number): Uint8Array<ArrayBuffer> {
  const [r, s] = readAll(readOne(signature, TAG.sequence).content);
  return concatBytes(fixedWidth(r?.content, bytes), fixedWidth(s?.content, bytes));
}

function fixedWidth(integer: Uint8Array | undefined, bytes: number): Uint8Array {
  const result = new Uint8Array(bytes);
  const magnitude = (integer ?? new Uint8Array(0)).subarray(Math.max(0, (integer?.length ?? 0) - bytes));
  result.set(magnitude, bytes - magnitude.length);
  return result;
}

function isRsa(pkcs8: Uint8Array): boolean {
  const algorithm = readAll(readOne(pkcs8, TAG.sequence).content)[1];
  return algorithm !== undefined && readObjectIdentifier(readAll(algorithm.content)[0]) === OID.rsa;
}

/** PKCS#8 out of any of the three forms in which private keys are written. */
function pkcs8Of(pem: string): Uint8Array<ArrayBuffer> {
  const version = der(TAG.integer, Uint8Array.of(0));
  for (const { label, bytes } of decodePem(pem)) {
    if (label === "PRIVATE KEY") return bytes;
    if (label === "RSA PRIVATE KEY") return sequence(version, sequence(objectIdentifier(OID.rsa), nullValue()), octetString(bytes));
    if (label === "EC PRIVATE KEY") return sequence(version, sequence(objectIdentifier(OID.ecPublicKey), objectIdentifier(OID.p256)), octetString(bytes));
  }
  throw new KeyError("the text holds no private key in PEM");
}

/** The bits of the public key alone, of which key identifiers are made. */
export function publicKeyBits(publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  const bits = readAll(readOne(publicKey, TAG.sequence).content)[1];
  return concatBytes((bits?.content ?? new Uint8Array(0)).subarray(1));
}
