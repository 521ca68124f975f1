// ASN.1 values in DER (ITU-T X.690), as much of it as certificates need: writing and reading.

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class DerError extends Error {
  override readonly name = "DerError";
}

// Writing

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** A value of any tag around what is encoded already. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const content = concatBytes(...contents);
  return concatBytes(Uint8Array.of(tag, ...lengthOctets(content.length)), content);
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

export const sequence = (...items: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => der(TAG.sequence, ...items);
export const octetString = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => der(TAG.octetString, bytes);
export const utf8String = (text: string): Uint8Array<ArrayBuffer> => der(TAG.utf8String, encoder.encode(text));
export const booleanTrue = (): Uint8Array<ArrayBuffer> => der(TAG.boolean, Uint8Array.of(0xff));
export const nullValue = (): Uint8Array<ArrayBuffer> => der(TAG.null);
/** Context-specific and constructed, as EXPLICIT tags are. */
export const explicit = (number: number, content: Uint8Array): Uint8Array<ArrayBuffer> => der(0xa0 | number, content);
/** Context-specific and primitive, as IMPLICIT tags of strings are. */
export const implicit = (number: number, content: Uint8Array): Uint8Array<ArrayBuffer> => der(0x80 | number, content);

/** A non-negative integer out of big-endian bytes. */
export function unsignedInteger(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const magnitude = bytes.subarray(start);
  const needsSign = magnitude.length === 0 || (magnitude[0] ?? 0) >= 0x80;
  return der(TAG.integer, needsSign ? Uint8Array.of(0) : new Uint8Array(0), magnitude);
}

export function bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array<ArrayBuffer> {
  return der(TAG.bitString, Uint8Array.of(unusedBits), bytes);
}

/** `1.2.840.10045.2.1`. */
export function objectIdentifier(dotted: string): Uint8Array<ArrayBuffer> {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc % 128];
    for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128)) groups.unshift(0x80 | (high % 128));
    octets.push(...groups);
  }
  return der(TAG.objectIdentifier, Uint8Array.from(octets));
}

/** Whole seconds; as RFC 5280 wants it, two-digit years up to 2049. */
export function time(milliseconds: number): Uint8Array<ArrayBuffer> {
  const digits = new Date(milliseconds)
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(/[-:T]/g, "");
  return digits < "2050" ? der(TAG.utcTime, encoder.encode(digits.slice(2))) : der(TAG.generalizedTime, encoder.encode(digits));
}

// Reading

export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly encoded: Uint8Array;
}

/** The values that stand one after the other in `bytes`. */
export function readAll(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const value = readAt(bytes, at);
    values.push(value);
    at += value.encoded.length;
  }
  return values;
}

/** The one value that `bytes` are. */
export function readOne(bytes: Uint8Array, tag: number): DerValue {
  const value = readAt(bytes, 0);
  if (value.encoded.length !== bytes.length) throw new DerError("bytes follow the value");
  return expectTag(value, tag);
}

export function expectTag(value: DerValue | undefined, tag: number): DerValue {
  if (value === undefined) throw new DerError(`a value with tag ${tag} is missing`);
  if (value.tag !== tag) throw new DerError(`found tag ${value.tag} where ${tag} belongs`);
  return value;
}

function readAt(bytes: Uint8Array, at: number): DerValue {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new DerError("the value is cut off");
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    if (octets === 0 || octets > 4) throw new DerError("the length is not DER");
    length = 0;
    for (let index = 0; index < octets; index++) length = length * 256 + (bytes[start + index] ?? 0);
    start += octets;
  }
  if (start + length > bytes.length) throw new DerError("the value is cut off");
  return { tag, content: bytes.subarray(start, start + length), encoded: bytes.subarray(at, start + length) };
}

export function readObjectIdentifier(value: DerValue | undefined): string {
  const { content } = expectTag(value, TAG.objectIdentifier);
  const first = content[0] ?? 0;
  const arcs = [Math.min(2, Math.floor(first / 40))];
  arcs.push(first - (arcs[0] ?? 0) * 40);
  let arc = 0;
  for (const octet of content.subarray(1)) {
    arc = arc * 128 + (octet & 0x7f);
    if (octet < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  return arcs.join(".");
}

export function readText(value: DerValue | undefined): string {
  if (value === undefined) throw new DerError("a text is missing");
  return decoder.decode(value.content);
}

/** Milliseconds since the epoch. */
export function readTime(value: DerValue | undefined): number {
  if (value === undefined) throw new DerError("a time is missing");
  const text = decoder.decode(value.content);
  const digits = value.tag === TAG.utcTime ? `${text < "50" ? "20" : "19"}${text}` : text;
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits);
  if (match === null) throw new DerError("a time has no known form");
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
