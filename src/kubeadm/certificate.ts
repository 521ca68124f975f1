// X.509 certificates (RFC 5280): issuing them and reading back what we need to know of them.
import {
  bitString,
  booleanTrue,
  concatBytes,
  der,
  expectTag,
  explicit,
  implicit,
  objectIdentifier,
  octetString,
  readAll,
  readObjectIdentifier,
  readOne,
  readText,
  readTime,
  sequence,
  TAG,
  time,
  unsignedInteger,
  utf8String,
} from "./der.ts";
import { publicKeyBits, type SigningKey, sign, signatureAlgorithm, verify } from "./keys.ts";
import { decodePem, encodePem } from "./pem.ts";

export type ExtendedUsage = "serverAuth" | "clientAuth";

export interface Subject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

export interface CertificateSpec {
  readonly subject: Subject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** 1 to 20 bytes, unique for the issuer. */
  readonly serial: Uint8Array;
  readonly isAuthority: boolean;
  readonly usages: readonly ExtendedUsage[];
  readonly alternativeNames?: AlternativeNames;
}

export interface Certificate {
  readonly pem: string;
  readonly subject: Subject;
  /** The names as they are encoded, to compare issuers. */
  readonly encodedSubject: Uint8Array;
  readonly encodedIssuer: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly isAuthority: boolean;
  readonly usages: readonly ExtendedUsage[];
  readonly alternativeNames: AlternativeNames;
  /** What was signed, how, and the signature. */
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly signatureAlgorithm: string;
  readonly signature: Uint8Array;
}

export const OID = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;
const USAGE_OIDS: Readonly<Record<ExtendedUsage, string>> = { serverAuth: "1.3.6.1.5.5.7.3.1", clientAuth: "1.3.6.1.5.5.7.3.2" };
/** The bits of KeyUsage in their order, by the names that certificate signing requests give them. */
export const KEY_USAGES = [
  "digital signature",
  "content commitment",
  "key encipherment",
  "data encipherment",
  "key agreement",
  "cert sign",
  "crl sign",
  "encipher only",
  "decipher only",
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];
/** Tags of GeneralName. */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

/** Issues a certificate for `publicKey`; without `issuer` it signs itself. */
export async function issueCertificate(spec: CertificateSpec, publicKey: Uint8Array<ArrayBuffer>, issuer: Issuer): Promise<string> {
  const { alternativeNames: names, isAuthority } = spec;
  return assembleCertificate(
    {
      ...spec,
      encodedSubject: encodeSubject(spec.subject),
      keyUsages: isAuthority ? ["digital signature", "key encipherment", "cert sign"] : ["digital signature", "key encipherment"],
      extendedUsages: spec.usages.map((usage) => USAGE_OIDS[usage]),
      encodedAlternativeNames: names !== undefined && names.dnsNames.length + names.ipAddresses.length > 0 ? encodeAlternativeNames(names) : undefined,
    },
    publicKey,
    issuer,
  );
}

export interface Issuer {
  readonly key: SigningKey;
  readonly certificate?: Certificate;
}

/** What a certificate says; names as they are encoded. */
export interface CertificateContents extends Pick<CertificateSpec, "notBeforeMs" | "notAfterMs" | "serial" | "isAuthority"> {
  readonly encodedSubject: Uint8Array;
  readonly keyUsages: readonly KeyUsage[];
  /** Object identifiers. */
  readonly extendedUsages: readonly string[];
  readonly encodedAlternativeNames?: Uint8Array;
}

export async function assembleCertificate(contents: CertificateContents, publicKey: Uint8Array<ArrayBuffer>, issuer: Issuer): Promise<string> {
  const algorithm = signatureAlgorithm(issuer.key);
  const body = sequence(
    explicit(0, der(TAG.integer, Uint8Array.of(2))),
    unsignedInteger(contents.serial),
    algorithm,
    issuer.certificate?.encodedSubject ?? contents.encodedSubject,
    sequence(time(contents.notBeforeMs), time(contents.notAfterMs)),
    contents.encodedSubject,
    publicKey,
    explicit(3, sequence(...(await extensions(contents, publicKey, issuer.key.publicKey)))),
  );
  return encodePem("CERTIFICATE", sequence(body, algorithm, bitString(await sign(issuer.key, body))));
}

async function extensions(contents: CertificateContents, publicKey: Uint8Array, issuerKey: Uint8Array): Promise<Uint8Array[]> {
  const { isAuthority, keyUsages, extendedUsages, encodedAlternativeNames } = contents;
  const list: Uint8Array[] = [];
  if (keyUsages.length > 0) list.push(extension(OID.keyUsage, true, encodeKeyUsages(keyUsages)));
  list.push(
    extension(OID.basicConstraints, true, isAuthority ? sequence(booleanTrue()) : sequence()),
    extension(OID.authorityKeyIdentifier, false, sequence(implicit(0, await keyIdentifier(issuerKey)))),
  );
  if (isAuthority) list.push(extension(OID.subjectKeyIdentifier, false, octetString(await keyIdentifier(publicKey))));
  if (extendedUsages.length > 0) list.push(extension(OID.extendedKeyUsage, false, sequence(...extendedUsages.map(objectIdentifier))));
  if (encodedAlternativeNames !== undefined) list.push(extension(OID.subjectAltName, false, encodedAlternativeNames));
  return list;
}

function encodeKeyUsages(usages: readonly KeyUsage[]): Uint8Array {
  const positions = usages.map((usage) => KEY_USAGES.indexOf(usage));
  const last = Math.max(...positions);
  const bits = new Uint8Array(Math.floor(last / 8) + 1);
  for (const position of positions) bits[position >> 3] = (bits[position >> 3] ?? 0) | (0x80 >> (position & 7));
  return bitString(bits, 7 - (last & 7));
}

function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(oid), ...(critical ? [booleanTrue()] : []), octetString(value));
}

async function keyIdentifier(publicKey: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-1", publicKeyBits(publicKey)));
}

export function encodeSubject({ commonName, organizations }: Subject): Uint8Array<ArrayBuffer> {
  const attribute = (oid: string, text: string) => der(TAG.set, sequence(objectIdentifier(oid), utf8String(text)));
  return sequence(...organizations.map((organization) => attribute(OID.organization, organization)), attribute(OID.commonName, commonName));
}

export function encodeAlternativeNames({ dnsNames, ipAddresses }: AlternativeNames): Uint8Array {
  return sequence(
    ...dnsNames.map((name) => implicit(DNS_NAME, new TextEncoder().encode(name))),
    ...ipAddresses.map((address) => implicit(IP_ADDRESS, ipBytes(address))),
  );
}

/** @throws DerError, or TypeError when the text holds no certificate. */
export function readCertificate(pem: string): Certificate {
  const block = decodePem(pem).find(({ label }) => label === "CERTIFICATE");
  if (block === undefined) throw new TypeError("the text holds no certificate in PEM");
  const [body, algorithm, signature] = readAll(readOne(block.bytes, TAG.sequence).content);
  const fields = readAll(expectTag(body, TAG.sequence).content);
  // The version is optional, its tag tells.
  const [, , issuer, validity, subject, publicKey, ...rest] = fields[0]?.tag === 0xa0 ? fields.slice(1) : fields;
  const [notBefore, notAfter] = readAll(expectTag(validity, TAG.sequence).content);
  const extensionList = rest.find(({ tag }) => tag === 0xa3);
  return {
    pem,
    subject: readSubject(expectTag(subject, TAG.sequence).content),
    encodedSubject: expectTag(subject, TAG.sequence).encoded,
    encodedIssuer: expectTag(issuer, TAG.sequence).encoded,
    notBeforeMs: readTime(notBefore),
    notAfterMs: readTime(notAfter),
    publicKey: concatBytes(expectTag(publicKey, TAG.sequence).encoded),
    ...readExtensions(extensionList === undefined ? [] : readAll(readOne(extensionList.content, TAG.sequence).content).map(({ content }) => content)),
    signed: concatBytes(expectTag(body, TAG.sequence).encoded),
    signatureAlgorithm: readObjectIdentifier(readAll(expectTag(algorithm, TAG.sequence).content)[0]),
    signature: expectTag(signature, TAG.bitString).content.subarray(1),
  };
}

export function readSubject(content: Uint8Array): Subject {
  const organizations: string[] = [];
  let commonName = "";
  for (const set of readAll(content)) {
    for (const { content: attribute } of readAll(set.content)) {
      const [oid, value] = readAll(attribute);
      const name = readObjectIdentifier(oid);
      if (name === OID.commonName) commonName = readText(value);
      else if (name === OID.organization) organizations.push(readText(value));
    }
  }
  return { commonName, organizations };
}

export function readExtensions(
  list: readonly Uint8Array[],
): Pick<Certificate, "isAuthority" | "usages" | "alternativeNames"> & { readonly encodedAlternativeNames?: Uint8Array } {
  let isAuthority = false;
  let usages: ExtendedUsage[] = [];
  let alternativeNames: AlternativeNames = { dnsNames: [], ipAddresses: [] };
  let encodedAlternativeNames: Uint8Array | undefined;
  for (const content of list) {
    const parts = readAll(content);
    const oid = readObjectIdentifier(parts[0]);
    const value = expectTag(parts.at(-1), TAG.octetString).content;
    if (oid === OID.basicConstraints) isAuthority = readAll(readOne(value, TAG.sequence).content)[0]?.tag === TAG.boolean;
    else if (oid === OID.extendedKeyUsage) usages = readUsages(value);
    else if (oid === OID.subjectAltName) {
      alternativeNames = readAlternativeNames(value);
      encodedAlternativeNames = value;
    }
  }
  return { isAuthority, usages, alternativeNames, encodedAlternativeNames };
}

function readUsages(value: Uint8Array): ExtendedUsage[] {
  const oids = readAll(readOne(value, TAG.sequence).content).map(readObjectIdentifier);
  return (Object.keys(USAGE_OIDS) as ExtendedUsage[]).filter((usage) => oids.includes(USAGE_OIDS[usage]));
}

function readAlternativeNames(value: Uint8Array): AlternativeNames {
  const names = readAll(readOne(value, TAG.sequence).content);
  return {
    dnsNames: names.filter(({ tag }) => tag === (0x80 | DNS_NAME)).map(readText),
    ipAddresses: names.filter(({ tag }) => tag === (0x80 | IP_ADDRESS)).map(({ content }) => ipText(content)),
  };
}

/** Whether `authority` signed it. */
export async function isIssuedBy(certificate: Certificate, authority: Certificate): Promise<boolean> {
  if (!equalBytes(certificate.encodedIssuer, authority.encodedSubject)) return false;
  return verify(authority.publicKey, certificate.signatureAlgorithm, certificate.signature, certificate.signed);
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** 4 or 16 bytes. */
export function ipBytes(address: string): Uint8Array {
  if (!address.includes(":")) return Uint8Array.from(address.split(".").map(Number));
  // The URL parser writes every IPv6 form in the canonical one.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const right = tail === undefined ? [] : groups(tail);
  const left = groups(head);
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return Uint8Array.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, index) => (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
