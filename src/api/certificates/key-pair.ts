// Whether a private key belongs to a certificate: what a server that is given the two would say
// (https://kubernetes.io/docs/concepts/configuration/secret/#tls-secrets, in the words of Go's crypto/tls).
import { BIT_STRING, children, type Element, elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, type PemBlock, pemBlocks, SEQUENCE } from "./der.ts";

/** rsaEncryption and id-ecPublicKey, as encoded. */
const RSA = "42,134,72,134,247,13,1,1,1";
const EC = "42,134,72,206,61,2,1";
const PUBLIC_KEY_OF_EC = 0xa1;

/** The public half of a key; `bytes` undefined where it cannot be had without arithmetic. */
interface PublicKey {
  readonly algorithm: string;
  readonly bytes: string | undefined;
}

/** What is wrong with a pair of PEM texts; undefined when nothing is, as far as can be seen. */
export function whyNoKeyPair(certificatePem: Uint8Array, keyPem: Uint8Array): string | undefined {
  const certificates = pemBlocks(certificatePem);
  const leaf = certificates.find(({ type }) => type === "CERTIFICATE");
  if (leaf === undefined) return whyNoCertificate(certificates);
  const keys = pemBlocks(keyPem);
  const key = keys.find(({ type }) => type === "PRIVATE KEY" || type.endsWith(" PRIVATE KEY"));
  if (key === undefined) return whyNoKey(keys);
  const wanted = certificateKey(leaf.der);
  if (wanted === undefined) return "x509: malformed certificate";
  const given = privateKey(key);
  if (given === undefined) return "tls: failed to parse private key";
  if (given.algorithm !== wanted.algorithm) return "tls: private key type does not match public key type";
  return given.bytes === undefined || given.bytes === wanted.bytes ? undefined : "tls: private key does not match public key";
}

function whyNoCertificate(blocks: readonly PemBlock[]): string {
  const types = blocks.map(({ type }) => type);
  if (types.length === 0) return "tls: failed to find any PEM data in certificate input";
  if (types.length === 1 && types[0]?.endsWith("PRIVATE KEY"))
    return "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched";
  return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${types.join(" ")}]`;
}

function whyNoKey(blocks: readonly PemBlock[]): string {
  const types = blocks.map(({ type }) => type);
  if (types.length === 0) return "tls: failed to find any PEM data in key input";
  if (types.length === 1 && types[0] === "CERTIFICATE") return "tls: found a certificate rather than a key in the PEM for the private key";
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${types.join(" ")}]`;
}

function sequence(der: Uint8Array): Element[] | undefined {
  const [outer] = elements(der) ?? [];
  return children(outer, SEQUENCE);
}

/** From the certificate's SubjectPublicKeyInfo (RFC 5280). */
function certificateKey(der: Uint8Array): PublicKey | undefined {
  const parts = children(sequence(der)?.[0], SEQUENCE);
  // The version stands first, where it is not the oldest.
  const info = children(parts?.[parts[0]?.tag === INTEGER ? 5 : 6], SEQUENCE);
  const algorithm = algorithmOf(info?.[0]);
  const key = info?.[1];
  if (algorithm === undefined || key?.tag !== BIT_STRING) return undefined;
  const bits = key.content.subarray(1);
  return { algorithm, bytes: algorithm === RSA ? sequence(bits)?.[0]?.content.join(",") : bits.join(",") };
}

function algorithmOf(identifier: Element | undefined): string | undefined {
  const [oid] = children(identifier, SEQUENCE) ?? [];
  return oid?.tag === OBJECT_IDENTIFIER ? oid.content.join(",") : undefined;
}

function privateKey({ type, der }: PemBlock): PublicKey | undefined {
  const parts = sequence(der);
  if (parts === undefined) return undefined;
  if (type === "RSA PRIVATE KEY") return { algorithm: RSA, bytes: parts[1]?.content.join(",") };
  if (type === "EC PRIVATE KEY") return { algorithm: EC, bytes: publicPoint(parts) };
  const algorithm = algorithmOf(parts[1]);
  const inner = parts[2];
  if (algorithm === undefined || inner?.tag !== OCTET_STRING) return undefined;
  if (algorithm === RSA) return { algorithm, bytes: sequence(inner.content)?.[1]?.content.join(",") };
  return { algorithm, bytes: algorithm === EC ? publicPoint(sequence(inner.content) ?? []) : undefined };
}

/** Of an ECPrivateKey (RFC 5915), which need not have it. */
function publicPoint(parts: readonly Element[]): string | undefined {
  const [bits] =
    children(
      parts.find(({ tag }) => tag === PUBLIC_KEY_OF_EC),
      PUBLIC_KEY_OF_EC,
    ) ?? [];
  return bits?.tag === BIT_STRING ? bits.content.subarray(1).join(",") : undefined;
}
