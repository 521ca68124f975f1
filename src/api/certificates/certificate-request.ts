// Reads the subject of a PKCS#10 certificate request (RFC 2986) out of its DER; nothing else of it is needed to admit it.

export interface CertificateRequestSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const OBJECT_IDENTIFIER = 0x06;
/** id-at-commonName and id-at-organizationName, as encoded. */
const COMMON_NAME = "85,4,3";
const ORGANIZATION = "85,4,10";

/** The subject of `request`, the base64 of a PEM block as `spec.request` carries it; undefined when it is no certificate request. */
export function certificateRequestSubject(request: string): CertificateRequestSubject | undefined {
  const der = decodePem(request);
  const outer = der === undefined ? undefined : elements(der)?.[0];
  const info = children(outer, SEQUENCE)?.[0];
  const [version, subject] = children(info, SEQUENCE) ?? [];
  const names = children(subject, SEQUENCE);
  if (version?.tag !== INTEGER || names === undefined) return undefined;
  const values = (wanted: string): string[] => names.flatMap((set) => (children(set, SET) ?? []).flatMap((attribute) => attributeValue(attribute, wanted)));
  return { commonName: values(COMMON_NAME)[0] ?? "", organizations: values(ORGANIZATION) };
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
