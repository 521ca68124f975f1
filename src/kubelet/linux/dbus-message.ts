// D-Bus messages on the wire (https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol), little-endian, as far as
// asking logind for a property and hearing its signals needs them: any type is read, texts and 32-bit numbers are written.

export interface DbusCall {
  readonly serial: number;
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Texts (`s`) and whole numbers (`i`). */
  readonly args: readonly (string | number)[];
}

export interface DbusMessage {
  readonly type: "call" | "return" | "error" | "signal" | "unknown";
  readonly member?: string;
  readonly interface?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  /** 64-bit numbers are bigints. */
  readonly body: readonly unknown[];
}

const TYPES = ["unknown", "call", "return", "error", "signal"] as const;
/** Codes of header fields. */
const [PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SIGNATURE] = [1, 2, 3, 4, 5, 6, 8];
/** The specification's limit. */
const MAX_MESSAGE_BYTES = 128 * 2 ** 20;
const HEADER_BYTES = 16;

export function encodeCall(call: DbusCall): Uint8Array {
  const body = new Writer();
  for (const arg of call.args) typeof arg === "string" ? body.text(arg) : body.int32(arg);
  const signature = call.args.map((arg) => (typeof arg === "string" ? "s" : "i")).join("");
  const fields = new Writer();
  const field = (code: number, type: string, value: string): void => {
    fields.align(8);
    fields.byte(code);
    fields.signature(type);
    if (type === "g") fields.signature(value);
    else fields.text(value);
  };
  field(PATH, "o", call.path);
  field(INTERFACE, "s", call.interface);
  field(MEMBER, "s", call.member);
  field(DESTINATION, "s", call.destination);
  if (signature !== "") field(SIGNATURE, "g", signature);
  const message = new Writer();
  for (const byte of ["l".charCodeAt(0), TYPES.indexOf("call"), 0, 1]) message.byte(byte);
  message.int32(body.length);
  message.int32(call.serial);
  message.int32(fields.length);
  message.raw(fields.bytes());
  message.align(8);
  message.raw(body.bytes());
  return message.bytes();
}

/** The first message in `bytes` and how long it is; undefined when it is not complete yet. Throws `RangeError` on what is no message. */
export function decodeMessage(bytes: Uint8Array): { readonly message: DbusMessage; readonly length: number } | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === "l".charCodeAt(0);
  const [bodyBytes, fieldBytes] = [view.getUint32(4, little), view.getUint32(12, little)];
  const bodyStart = alignUp(HEADER_BYTES + fieldBytes, 8);
  const length = bodyStart + bodyBytes;
  if (length > MAX_MESSAGE_BYTES) throw new RangeError(`a D-Bus message of ${length} bytes`);
  if (bytes.length < length) return undefined;
  const header = new Reader(bytes.subarray(0, bodyStart), little, 12);
  const fields = new Map((header.value("a(yv)") as (readonly [number, unknown])[]).map(([code, value]) => [code, value]));
  const body = new Reader(bytes.subarray(bodyStart, length), little, 0);
  const text = (code: number): string | undefined => fields.get(code) as string | undefined;
  return {
    length,
    message: {
      type: TYPES[bytes[1] ?? 0] ?? "unknown",
      member: text(MEMBER),
      interface: text(INTERFACE),
      errorName: text(ERROR_NAME),
      replySerial: fields.get(REPLY_SERIAL) as number | undefined,
      body: body.all(text(SIGNATURE) ?? ""),
    },
  };
}

function alignUp(offset: number, to: number): number {
  return Math.ceil(offset / to) * to;
}

class Writer {
  private readonly data: number[] = [];

  get length(): number {
    return this.data.length;
  }
  bytes(): Uint8Array {
    return Uint8Array.from(this.data);
  }
  align(to: number): void {
    while (this.data.length % to !== 0) this.data.push(0);
  }
  byte(value: number): void {
    this.data.push(value);
  }
  raw(bytes: Uint8Array): void {
    for (const byte of bytes) this.data.push(byte);
  }
  int32(value: number): void {
    this.align(4);
    for (const shift of [0, 8, 16, 24]) this.data.push((value >> shift) & 0xff);
  }
  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.int32(bytes.length);
    this.raw(bytes);
    this.byte(0);
  }
  signature(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.byte(bytes.length);
    this.raw(bytes);
    this.byte(0);
  }
}

const ALIGNMENT: Readonly<Record<string, number>> = { y: 1, g: 1, v: 1, n: 2, q: 2, x: 8, t: 8, d: 8, "(": 8, "{": 8 };

class Reader {
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly little: boolean,
    private offset: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  all(signature: string): unknown[] {
    const values: unknown[] = [];
    for (let rest = signature; rest !== ""; ) {
      const type = firstType(rest);
      values.push(this.value(type));
      rest = rest.slice(type.length);
    }
    return values;
  }

  value(type: string): unknown {
    const code = type[0] ?? "";
    this.offset = alignUp(this.offset, ALIGNMENT[code] ?? 4);
    switch (code) {
      case "y":
        return this.take(1, (at) => this.view.getUint8(at));
      case "b":
        return this.take(4, (at) => this.view.getUint32(at, this.little) === 1);
      case "n":
        return this.take(2, (at) => this.view.getInt16(at, this.little));
      case "q":
        return this.take(2, (at) => this.view.getUint16(at, this.little));
      case "i":
        return this.take(4, (at) => this.view.getInt32(at, this.little));
      case "u":
      case "h":
        return this.take(4, (at) => this.view.getUint32(at, this.little));
      case "x":
        return this.take(8, (at) => this.view.getBigInt64(at, this.little));
      case "t":
        return this.take(8, (at) => this.view.getBigUint64(at, this.little));
      case "d":
        return this.take(8, (at) => this.view.getFloat64(at, this.little));
      case "s":
      case "o":
        return this.text(this.value("u") as number);
      case "g":
        return this.text(this.value("y") as number);
      case "v":
        return this.value(this.value("g") as string);
      case "a":
        return this.array(type.slice(1));
      case "(":
      case "{":
        return this.all(type.slice(1, -1));
      default:
        throw new RangeError(`a D-Bus value of the unknown type ${JSON.stringify(type)}`);
    }
  }

  private take<T>(bytes: number, read: (at: number) => T): T {
    const value = read(this.offset);
    this.offset += bytes;
    return value;
  }
  private text(length: number): string {
    const text = new TextDecoder().decode(this.bytes.subarray(this.offset, this.offset + length));
    this.offset += length + 1;
    return text;
  }
  private array(item: string): unknown[] {
    const length = this.value("u") as number;
    this.offset = alignUp(this.offset, ALIGNMENT[item[0] ?? ""] ?? 4);
    const end = this.offset + length;
    const items: unknown[] = [];
    while (this.offset < end) items.push(this.value(item));
    return items;
  }
}

/** The first complete type of a signature. */
function firstType(signature: string): string {
  const code = signature[0] ?? "";
  if (code === "a") return `a${firstType(signature.slice(1))}`;
  if (code !== "(" && code !== "{") return code;
  let depth = 0;
  for (let position = 0; position < signature.length; position++) {
    if ("({".includes(signature[position] ?? "")) depth++;
    if (")}".includes(signature[position] ?? "") && --depth === 0) return signature.slice(0, position + 1);
  }
  throw new RangeError(`the D-Bus signature ${JSON.stringify(signature)} does not end`);
}
