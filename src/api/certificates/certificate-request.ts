// Reads out of the DER of a PKCS#10 certificate request (RFC 2986) what it takes to admit and to judge it: the subject, and which sorts of
// alternative names it asks for. Whoever signs reads it whole.

import { children, decodeBase64, type Element, elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, pemBlocks, SEQUENCE, SET } from "./der.ts";

export interface CertificateRequestSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

export type AlternativeNameSort = "dns" | "email" | "ip" | "uri" | "other";

/** UTF8String, PrintableString and IA5String: one byte a character, as far as names of users and groups go. */
const PLAIN_TEXTS: readonly number[] = [0x0c, 0x13, 0x16];
/** pkcs-9-at-extensionRequest and id-ce-subjectAltName, as encoded. */
const EXTENSION_REQUEST = "42,134,72,134,247,13,1,9,14";
const SUBJECT_ALTERNATIVE_NAME = "85,29,17";
/** The tags of GeneralName (RFC 5280). */
const NAME_SORTS: Readonly<Record<number, AlternativeNameSort>> = { 129: "email", 130: "dns", 134: "uri", 135: "ip" };
/** id-at-commonName and id-at-organizationName, as encoded. */
const COMMON_NAME = "85,4,3";
const ORGANIZATION = "85,4,10";

/** The one request that is read here, as PEM of its own: whoever signs must be given no other that a text may hold beside it. */
export function certificateRequestPem(request: string): string | undefined {
  const der = decodePem(request);
  if (der === undefined) return undefined;
  const lines = btoa(Array.from(der, (byte) => String.fromCharCode(byte)).join("")).match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
}

/**
 * The subject of `request`, the base64 of a PEM block as `spec.request` carries it; undefined when it is no certificate request, or
 * has a part that cannot be read for sure: the certificate will have that part, too, and others may read it.
 */
export function certificateRequestSubject(request: string): CertificateRequestSubject | undefined {
  const [version, subject] = requestInfo(request) ?? [];
  const attributes = children(subject, SEQUENCE)?.map((set) => children(set, SET)?.map(readAttribute));
  if (version?.tag !== INTEGER || attributes === undefined) return undefined;
  let commonName: string | undefined;
  const organizations: string[] = [];
  for (const attribute of attributes.flatMap((set) => set ?? [undefined])) {
    if (attribute === undefined) return undefined;
    if (attribute.type === COMMON_NAME) commonName ??= attribute.value;
    else if (attribute.type === ORGANIZATION) organizations.push(attribute.value);
  }
  return { commonName: commonName ?? "", organizations };
}

/** Which sorts of alternative names `request` asks for; "other" as well where that cannot be read for sure. */
export function alternativeNameSorts(request: string): ReadonlySet<AlternativeNameSort> {
  const sorts = new Set<AlternativeNameSort>();
  const within = (element: Element | undefined, tag = element?.tag): Element[] => {
    const found = element?.tag === tag ? elements(element?.content ?? new Uint8Array()) : undefined;
    if (found === undefined) sorts.add("other");
    return found ?? [];
  };
  const isOf = (type: Element | undefined, wanted: string): boolean => {
    if (type?.tag !== OBJECT_IDENTIFIER || isPadded(type.content)) sorts.add("other");
    return type?.content.join(",") === wanted;
  };
  const [, , , attributes] = requestInfo(request) ?? [];
  const requested = (attributes === undefined ? [] : within(attributes)).flatMap((attribute) => {
    const [type, values] = within(attribute);
    return isOf(type, EXTENSION_REQUEST) ? within(values, SET) : [];
  });
  for (const extension of requested.flatMap((extensions) => within(extensions, SEQUENCE))) {
    const parts = within(extension);
    if (!isOf(parts[0], SUBJECT_ALTERNATIVE_NAME)) continue;
    for (const names of within(parts.at(-1), OCTET_STRING)) for (const { tag } of within(names, SEQUENCE)) sorts.add(NAME_SORTS[tag] ?? "other");
  }
  return sorts;
}

/** A number in an object identifier is written with leading zeros, which makes one identifier many. */
function isPadded(content: Uint8Array): boolean {
  return content.some((byte, position) => byte === 0x80 && (position === 0 || (content[position - 1] ?? 0) < 0x80));
}

function requestInfo(request: string): Element[] | undefined {
  const der = decodePem(request);
  const outer = der === undefined ? undefined : elements(der)?.[0];
  return children(children(outer, SEQUENCE)?.[0], SEQUENCE);
}

function readAttribute(element: Element): { readonly type: string; readonly value: string } | undefined {
  const [type, value] = children(element, SEQUENCE) ?? [];
  if (type?.tag !== OBJECT_IDENTIFIER || isPadded(type.content) || value === undefined || !PLAIN_TEXTS.includes(value.tag)) return undefined;
  return { type: type.content.join(","), value: new TextDecoder().decode(value.content) };
}

function decodePem(request: string): Uint8Array | undefined {
  const pem = decodeBase64(request);
  return pem && pemBlocks(pem).find(({ type }) => type === "CERTIFICATE REQUEST")?.der;
}
