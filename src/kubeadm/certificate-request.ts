// Certificate signing requests (PKCS#10, RFC 2986): reading, checking and signing them
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/).
import type { Env } from "../base/index.ts";
import { type AlternativeNames, type ExtendedUsage, issueCertificate, readExtensions, readSubject, type Subject } from "./certificate.ts";
import { concatBytes, expectTag, readAll, readObjectIdentifier, readOne, TAG } from "./der.ts";
import { verify } from "./keys.ts";
import { decodePem } from "./pem.ts";
import { type Authority, serialNumber } from "./pki.ts";

const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const BACKDATE_MS = 5 * 60_000;

export interface CertificateRequest {
  readonly subject: Subject;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly alternativeNames: AlternativeNames;
}

/**
 * Reads a request and checks that its sender has the key.
 * @throws DerError, or TypeError when it is no request in PEM or not signed by its key.
 */
export async function readCertificateRequest(pem: string): Promise<CertificateRequest> {
  const block = decodePem(pem).find(({ label }) => label === "CERTIFICATE REQUEST" || label === "NEW CERTIFICATE REQUEST");
  if (block === undefined) throw new TypeError("the text holds no certificate request in PEM");
  const [body, algorithm, signature] = readAll(readOne(block.bytes, TAG.sequence).content);
  const [, subject, publicKey, attributes] = readAll(expectTag(body, TAG.sequence).content);
  const request = {
    subject: readSubject(expectTag(subject, TAG.sequence).content),
    publicKey: concatBytes(expectTag(publicKey, TAG.sequence).encoded),
    alternativeNames: readExtensions(attributes === undefined ? [] : requestedExtensions(attributes.content)).alternativeNames,
  };
  const oid = readObjectIdentifier(readAll(expectTag(algorithm, TAG.sequence).content)[0]);
  const signed = concatBytes(expectTag(body, TAG.sequence).encoded);
  const valid = await verify(request.publicKey, oid, expectTag(signature, TAG.bitString).content.subarray(1), signed);
  if (!valid) throw new TypeError("the certificate request is not signed by its own key");
  return request;
}

function requestedExtensions(attributes: Uint8Array): Uint8Array[] {
  for (const { content } of readAll(attributes)) {
    const [oid, values] = readAll(content);
    if (readObjectIdentifier(oid) !== EXTENSION_REQUEST) continue;
    const list = readAll(expectTag(values, TAG.set).content)[0];
    return readAll(expectTag(list, TAG.sequence).content).map((extension) => extension.content);
  }
  return [];
}

export interface SigningOptions {
  readonly usages: readonly ExtendedUsage[];
  readonly durationMs: number;
}

/** The certificate for a request that was approved; it never outlives the authority. */
export async function signCertificateRequest(env: Env, authority: Authority, request: CertificateRequest, options: SigningOptions): Promise<string> {
  const now = env.clock.now();
  const spec = {
    subject: request.subject,
    alternativeNames: request.alternativeNames,
    usages: options.usages,
    notBeforeMs: now - BACKDATE_MS,
    notAfterMs: Math.min(now + options.durationMs, authority.certificate.notAfterMs),
    serial: serialNumber(env),
    isAuthority: false,
  };
  return issueCertificate(spec, request.publicKey, authority);
}
