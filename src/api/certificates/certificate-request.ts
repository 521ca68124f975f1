// Reads out of the DER of a PKCS#10 certificate request (RFC 2986) what it takes to admit and to judge it: the subject, and which sorts of
// alternative names it asks for. Whoever signs reads it whole.

export interface CertificateRequestSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

export type AlternativeNameSort = "dns" | "email" | "ip" | "uri";

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const OBJECT_IDENTIFIER = 0x06;
/** The attributes of a request. */
const ATTRIBUTES = 0xa0;
const OCTET_STRING = 0x04;
/** pkcs-9-at-extensionRequest and id-ce-subjectAltName, as encoded. */
const EXTENSION_REQUEST = "42,134,72,134,247,13,1,9,14";
const SUBJECT_ALTERNATIVE_NAME = "85,29,17";
/** The tags of GeneralName (RFC 5280). */
const NAME_SORTS: Readonly<Record<number, AlternativeNameSort>> = { 129: "email", 130: "dns", 134: "uri", 135: "ip" };
/** id-at-commonName and id-at-organizationName, as encoded. */
const COMMON_NAME = "85,4,3";
const ORGANIZATION = "85,4,10";

/** The subject of `request`, the base64 of a PEM block as `spec.request` carries it; undefined when it is no certificate request. */
export function certificateRequestSubject(request: string): CertificateRequestSubject | undefined {
  const [version, subject] = requestInfo(request) ?? [];
  const names = children(subject, SEQUENCE);
  if (version?.tag !== INTEGER || names === undefined) return undefined;
  const values = (wanted: string): string[] => names.flatMap((set) => (children(set, SET) ?? []).flatMap((attribute) => attributeValue(attribute, wanted)));
  return { commonName: values(COMMON_NAME)[0] ?? "", organizations: values(ORGANIZATION) };
}

/** Which sorts of alternative names `request` asks for. */
export function alternativeNameSorts(request: string): ReadonlySet<AlternativeNameSort> {
  const attributes = children(
    requestInfo(request)?.find(({ tag }) => tag === ATTRIBUTES),
    ATTRIBUTES,
  );
  const sorts = (attributes ?? [])
    .flatMap((attribute) => valuesOf(attribute, EXTENSION_REQUEST, SET))
    .flatMap((extensions) => children(extensions, SEQUENCE) ?? [])
    .flatMap((extension) => valuesOf(extension, SUBJECT_ALTERNATIVE_NAME, OCTET_STRING))
    .flatMap((names) => children(names, SEQUENCE) ?? [])
    .flatMap(({ tag }) => NAME_SORTS[tag] ?? []);
  return new Set(sorts);
}

/** The elements in the last member of a sequence that begins with the object identifier `wanted`. */
function valuesOf(element: Element, wanted: string, tag: number): Element[] {
  const parts = children(element, SEQUENCE) ?? [];
  const [type] = parts;
  return type?.tag === OBJECT_IDENTIFIER && type.content.join(",") === wanted ? (children(parts.at(-1), tag) ?? []) : [];
}

function requestInfo(request: string): Element[] | undefined {
  const der = decodePem(request);
  const outer = der === undefined ? undefined : elements(der)?.[0];
  return children(children(outer, SEQUENCE)?.[0], SEQUENCE);
}

function attributeValue(attribute: Element, wanted: string): string[] {
  const [type, value] = children(attribute, SEQUENCE) ?? [];
  if (type?.tag !== OBJECT_IDENTIFIER || type.content.join(",") !== wanted || value === undefined) return [];
  return [new TextDecoder().decode(value.content)];
}

function decodePem(request: string): Uint8Array | undefined {
  const pem = decodeBase64(request);
  const block =
    pem === undefined ? null : /-----BEGIN CERTIFICATE REQUEST-----([\s\S]*?)-----END CERTIFICATE REQUEST-----/.exec(new TextDecoder("latin1").decode(pem));
  return block === null ? undefined : decodeBase64((block[1] ?? "").replaceAll(/\s/g, ""));
}

function decodeBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 === 1) return undefined;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function children(element: Element | undefined, tag: number): Element[] | undefined {
  return element?.tag === tag ? elements(element.content) : undefined;
}

/** The elements that follow one another in `der`; undefined when it is malformed. */
function elements(der: Uint8Array): Element[] | undefined {
  const found: Element[] = [];
  let position = 0;
  while (position < der.length) {
    const tag = der[position] ?? 0;
    const first = der[position + 1];
    if (first === undefined) return undefined;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    if (lengthBytes > 3 || first === 0x80) return undefined;
    const length = lengthBytes === 0 ? first : der.subarray(position + 2, position + 2 + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
    const start = position + 2 + lengthBytes;
    if (start + length > der.length) return undefined;
    found.push({ tag, content: der.subarray(start, start + length) });
    position = start + length;
  }
  return found;
}
