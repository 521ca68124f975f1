// PEM text (RFC 7468): labelled base64 around DER.

const LINE_LENGTH = 64;

export interface PemBlock {
  readonly label: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function encodePem(label: string, bytes: Uint8Array): string {
  const lines = encodeBase64(bytes).match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** All blocks of a text, whatever stands between them. */
export function decodePem(text: string): PemBlock[] {
  return [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\s*([A-Za-z0-9+/=\s]*?)-----END \1-----/g)].map(([, label = "", body = ""]) => ({
    label,
    bytes: decodeBase64(body.replaceAll(/\s/g, "")),
  }));
}

export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  return Uint8Array.from(binary, (unit) => unit.charCodeAt(0));
}
