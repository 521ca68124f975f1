// As much of DER (ITU-T X.690) and PEM (RFC 7468) as it takes to look into certificates, requests and keys.

export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

export const SEQUENCE = 0x30;
export const SET = 0x31;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const OBJECT_IDENTIFIER = 0x06;

export interface PemBlock {
  readonly type: string;
  readonly der: Uint8Array;
}

/** The blocks of a text; what cannot be read is passed over. */
export function pemBlocks(pem: Uint8Array): PemBlock[] {
  const found = new TextDecoder("latin1").decode(pem).matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g);
  return [...found].flatMap(([, type = "", body = ""]) => {
    const der = decodeBase64(body.replaceAll(/\s/g, ""));
    return der === undefined ? [] : [{ type, der }];
  });
}

export function decodeBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 === 1) return undefined;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

export function children(element: Element | undefined, tag: number): Element[] | undefined {
  return element?.tag === tag ? elements(element.content) : undefined;
}

/** The elements that follow one another in `der`; undefined when it is malformed. */
export function elements(der: Uint8Array): Element[] | undefined {
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
