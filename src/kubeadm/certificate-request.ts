// Certificate signing requests (PKCS#10, RFC 2986): reading, checking and signing them
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/). Subject and alternative names go into the
// certificate as they stand in the request; nothing else that it asks for does.
import type { Env } from "../base/index.ts";
import { type AlternativeNames, assembleCertificate, KEY_USAGES, type KeyUsage, readExtensions, readSubject, type Subject } from "./certificate.ts";
import { EXTENSION_REQUEST } from "./certificate-request-text.ts";
import { concatBytes, DerError, expectTag, readAll, readObjectIdentifier, readOne, TAG } from "./der.ts";
import { verify } from "./keys.ts";
import { decodePem } from "./pem.ts";
import { type Authority, type CertificatePair, importAuthority, serialNumber } from "./pki.ts";

const BACKDATE_MS = 5 * 60_000;
/** Certificates that live shorter are not shortened by the backdating. */
const SHORT_MS = 8 * 60 * 60_000;
/** Extended key usages, by the names that certificate signing requests give them. */
const EXTENDED_USAGES: Readonly<Record<string, string>> = {
  any: "2.5.29.37.0",
  "server auth": "1.3.6.1.5.5.7.3.1",
  "client auth": "1.3.6.1.5.5.7.3.2",
  "code signing": "1.3.6.1.5.5.7.3.3",
  "email protection": "1.3.6.1.5.5.7.3.4",
  "s/mime": "1.3.6.1.5.5.7.3.4",
  "ipsec end system": "1.3.6.1.5.5.7.3.5",
  "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
  "ipsec user": "1.3.6.1.5.5.7.3.7",
  timestamping: "1.3.6.1.5.5.7.3.8",
  "ocsp signing": "1.3.6.1.5.5.7.3.9",
  "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
  "netscape sgc": "2.16.840.1.113730.4.1",
};

export interface CertificateRequest {
  readonly subject: Subject;
  readonly encodedSubject: Uint8Array;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly alternativeNames: AlternativeNames;
  readonly encodedAlternativeNames?: Uint8Array;
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
  const { alternativeNames, encodedAlternativeNames } = readExtensions(attributes === undefined ? [] : requestedExtensions(attributes.content));
  const request = {
    subject: readSubject(expectTag(subject, TAG.sequence).content),
    encodedSubject: expectTag(subject, TAG.sequence).encoded,
    publicKey: concatBytes(expectTag(publicKey, TAG.sequence).encoded),
    alternativeNames,
    encodedAlternativeNames,
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
  /** As certificate signing requests name them: `client auth`, `digital signature`. */
  readonly usages: readonly string[];
  readonly durationMs: number;
}

/**
 * The certificate for a request that was approved; it never outlives the authority.
 * @throws RangeError for a usage that there is not, or when the authority has expired.
 */
export async function signCertificateRequest(env: Env, authority: Authority, request: CertificateRequest, options: SigningOptions): Promise<string> {
  const now = env.clock.now();
  const { notAfterMs } = authority.certificate;
  if (now >= notAfterMs) throw new RangeError("the signing authority has expired");
  const wantedEndMs = now + options.durationMs - (options.durationMs < SHORT_MS ? 0 : BACKDATE_MS);
  const contents = {
    encodedSubject: request.encodedSubject,
    encodedAlternativeNames: request.encodedAlternativeNames,
    ...readUsages(options.usages),
    notBeforeMs: now - BACKDATE_MS,
    notAfterMs: Math.min(wantedEndMs, notAfterMs),
    serial: serialNumber(env),
    isAuthority: false,
  };
  return assembleCertificate(contents, request.publicKey, authority);
}

function readUsages(names: readonly string[]): { keyUsages: KeyUsage[]; extendedUsages: string[] } {
  // "signing" is what "digital signature" was called before.
  const wanted = new Set(names.map((name) => (name === "signing" ? "digital signature" : name)));
  const unknown = [...wanted].filter((name) => EXTENDED_USAGES[name] === undefined && !(KEY_USAGES as readonly string[]).includes(name));
  if (unknown.length > 0) throw new RangeError(`unrecognized usage values: ${JSON.stringify(unknown)}`);
  const extended = Object.entries(EXTENDED_USAGES).flatMap(([name, oid]) => (wanted.has(name) ? [oid] : []));
  return { keyUsages: KEY_USAGES.filter((name) => wanted.has(name)), extendedUsages: [...new Set(extended)] };
}

export type SignedRequest = { readonly ok: true; readonly certificate: string } | { readonly ok: false; readonly problem: string };

export interface RequestSigner {
  /**
   * The certificate, PEM, for a request, PEM; or what is wrong with the request.
   * @throws KeyError, RangeError when the authority can't sign.
   */
  sign(requestPem: string, options: SigningOptions): Promise<SignedRequest>;
}

/** Signs with an authority's key, which is read when it is first needed. */
export function createRequestSigner(env: Env, pair: CertificatePair): RequestSigner {
  let authority: Promise<Authority> | undefined;
  return {
    sign: async (requestPem, options) => {
      const request = await readOrExplain(requestPem);
      if ("problem" in request) return { ok: false, ...request };
      authority ??= importAuthority(pair);
      return { ok: true, certificate: await signCertificateRequest(env, await authority, request, options) };
    },
  };
}

async function readOrExplain(requestPem: string): Promise<CertificateRequest | { readonly problem: string }> {
  try {
    return await readCertificateRequest(requestPem);
  } catch (error) {
    if (error instanceof DerError || error instanceof TypeError) return { problem: error.message };
    throw error;
  }
}
