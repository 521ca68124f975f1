// Protocol buffers over a table of messages: the proto3 wire format, https://protobuf.dev/programming-guides/encoding/.
//
// A table names messages, their fields, numbers and types; the types of what is read and written follow from it. Enumerations
// are `int32`, whose encoding is the same.
//
// Invariants: a decoded message has every field of its table, absent scalars as proto3's zero values, absent messages as
// undefined; unknown fields are skipped. 64-bit integers become numbers: what is beyond a safe integer loses its last digits.
import { assert, present } from "./assert.ts";

type FieldTable = Readonly<Record<string, string>>;
/** A field reads `"<number> <type>"`; `[]` after the type repeats it; `map` is a map from string to string. */
export type MessageTable = Readonly<Record<string, FieldTable>>;

export type WireMessage = { readonly [field: string]: unknown };

interface ScalarTypes {
  readonly int32: number;
  readonly uint32: number;
  readonly int64: number;
  readonly uint64: number;
  readonly bool: boolean;
  readonly string: string;
  readonly bytes: Uint8Array;
  readonly map: Readonly<Record<string, string>>;
}
type ElementType<Table, Type> = Type extends keyof ScalarTypes ? ScalarTypes[Type] : Type extends keyof Table ? Message<Table, Type> : never;
type FieldType<Table, Text> = Text extends `${number} ${infer Type}[]`
  ? readonly ElementType<Table, Type>[]
  : Text extends `${number} ${infer Type}`
    ? Type extends keyof Table
      ? Message<Table, Type> | undefined
      : ElementType<Table, Type>
    : never;

/** A decoded message. Of a table whose names the compiler does not know: any fields. */
export type Message<Table, Name extends keyof Table> = string extends keyof Table
  ? WireMessage
  : { readonly [Field in keyof Table[Name]]: FieldType<Table, Table[Name][Field]> };

type InputElement<Table, Type> = Type extends keyof ScalarTypes ? ScalarTypes[Type] : Type extends keyof Table ? MessageInput<Table, Type> : never;
type InputType<Table, Text> = Text extends `${number} ${infer Type}[]`
  ? readonly InputElement<Table, Type>[]
  : Text extends `${number} ${infer Type}`
    ? InputElement<Table, Type>
    : never;
/** What is encoded: absent fields are not sent. */
export type MessageInput<Table, Name extends keyof Table> = string extends keyof Table
  ? object
  : { readonly [Field in keyof Table[Name]]?: InputType<Table, Table[Name][Field]> | undefined };

interface Field {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly repeated: boolean;
}

/** What one decoded message may hold, for bytes of somebody unknown: a few bytes can name many messages. */
interface DecodeLimits {
  /** It and all that is inside it. */
  readonly messages: number;
  /** 1: no message inside it. */
  readonly depth: number;
}

interface Codec<Table extends MessageTable> {
  encode<Name extends keyof Table & string>(message: Name, value: MessageInput<Table, Name>): Uint8Array;
  /** Throws on bytes that are no protocol buffer, and on one beyond the limits. */
  decode<Name extends keyof Table & string>(message: Name, bytes: Uint8Array): Message<Table, Name>;
}

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;
const integerTypes: ReadonlySet<string> = new Set(["int32", "uint32", "int64", "uint64", "bool"]);
const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder();

export function createCodec<const Table extends MessageTable>(table: Table, limits?: DecodeLimits): Codec<Table> {
  const compiled = new Map<string, readonly Field[]>();
  const fieldsOf = (message: string): readonly Field[] => {
    let fields = compiled.get(message);
    if (fields === undefined) {
      fields = Object.entries(present(table[message], `message ${message}`)).map(([name, text]) => parseField(name, text));
      compiled.set(message, fields);
    }
    return fields;
  };
  const encode = (message: string, value: object): Uint8Array => {
    const output = new Writer();
    for (const field of fieldsOf(message)) {
      const item = (value as WireMessage)[field.name];
      if (item !== undefined && item !== null) writeField(output, field, item, encode);
    }
    return output.finish();
  };
  const decodeWithin = (message: string, bytes: Uint8Array, room: Room): WireMessage => {
    if (limits !== undefined && (--room.messages < 0 || room.depth === 0)) throw new RangeError("protocol buffer: too many messages, or too deep");
    room.depth--;
    const fields = fieldsOf(message);
    const result: Record<string, unknown> = {};
    for (const field of fields) result[field.name] = zeroValue(field);
    const input = new Reader(bytes);
    while (!input.atEnd()) {
      const tag = input.size();
      const field = fields.find((candidate) => candidate.number === tag >>> 3);
      if (field === undefined) input.skip(tag & 7);
      else readField(input, field, tag & 7, result, (inner, part) => decodeWithin(inner, part, room));
    }
    room.depth++;
    return result;
  };
  const decode = (message: string, bytes: Uint8Array): WireMessage => decodeWithin(message, bytes, { messages: 0, depth: 0, ...limits });
  // The walk knows the table's text, the compiler its types.
  return { encode, decode } as unknown as Codec<Table>;
}

/** What is left of the limits. */
type Room = { -readonly [Limit in keyof DecodeLimits]: DecodeLimits[Limit] };

function parseField(name: string, text: string): Field {
  const match = /^(\d+) (\w+)(\[\])?$/.exec(text);
  assert(match !== null, `field ${name} reads "<number> <type>", not "${text}"`);
  return { name, number: Number(match[1]), type: present(match[2], "field type"), repeated: match[3] !== undefined };
}

function zeroValue(field: Field): unknown {
  if (field.repeated) return [];
  switch (field.type) {
    case "map":
      return {};
    case "string":
      return "";
    case "bytes":
      return new Uint8Array(0);
    case "bool":
      return false;
    default:
      return integerTypes.has(field.type) ? 0 : undefined;
  }
}

type Encode = (message: string, value: object) => Uint8Array;

function writeField(output: Writer, field: Field, item: unknown, encode: Encode): void {
  if (field.type === "map") {
    for (const [key, value] of Object.entries(item as Record<string, string>)) {
      const entry = new Writer();
      entry.bytes(1, utf8Encoder.encode(key));
      entry.bytes(2, utf8Encoder.encode(value));
      output.bytes(field.number, entry.finish());
    }
    return;
  }
  // Zero values are left out of single fields but not of lists, where each entry counts.
  if (field.repeated) for (const element of item as readonly unknown[]) writeSingle(output, field, element, encode);
  else if (item !== "" && item !== 0 && item !== false && (item as { length?: number }).length !== 0) writeSingle(output, field, item, encode);
}

function writeSingle(output: Writer, field: Field, item: unknown, encode: Encode): void {
  if (integerTypes.has(field.type)) output.integer(field.number, item as number | bigint | boolean);
  else if (field.type === "string") output.bytes(field.number, utf8Encoder.encode(item as string));
  else if (field.type === "bytes") output.bytes(field.number, item as Uint8Array);
  else output.bytes(field.number, encode(field.type, item as object));
}

type Decode = (message: string, bytes: Uint8Array) => WireMessage;

function readField(input: Reader, field: Field, wireType: number, result: Record<string, unknown>, decode: Decode): void {
  if (integerTypes.has(field.type)) {
    if (wireType === lengthDelimited && field.repeated) {
      const packed = new Reader(input.bytes());
      while (!packed.atEnd()) (result[field.name] as unknown[]).push(integerValue(field.type, packed.varint()));
      return;
    }
    assert(wireType === varint, `wire type ${wireType} for ${field.name}`);
    put(result, field, integerValue(field.type, input.varint()));
    return;
  }
  assert(wireType === lengthDelimited, `wire type ${wireType} for ${field.name}`);
  const bytes = input.bytes();
  if (field.type === "map") {
    const entry = new Reader(bytes);
    const pair: [string, string] = ["", ""];
    while (!entry.atEnd()) {
      const tag = entry.size();
      const text = utf8Decoder.decode(entry.bytes());
      if (tag >>> 3 === 1) pair[0] = text;
      else pair[1] = text;
    }
    (result[field.name] as Record<string, string>)[pair[0]] = pair[1];
  } else if (field.type === "string") put(result, field, utf8Decoder.decode(bytes));
  else if (field.type === "bytes") put(result, field, new Uint8Array(bytes));
  else put(result, field, decode(field.type, bytes));
}

function put(result: Record<string, unknown>, field: Field, value: unknown): void {
  if (field.repeated) (result[field.name] as unknown[]).push(value);
  else result[field.name] = value;
}

function integerValue(type: string, raw: number | bigint): number | boolean {
  if (type === "bool") return Number(raw) !== 0;
  if (typeof raw === "number") return raw;
  return Number(type === "uint64" ? raw : BigInt.asIntN(64, raw));
}

class Writer {
  private buffer = new Uint8Array(64);
  private length = 0;

  integer(field: number, value: number | bigint | boolean): void {
    this.varint((field << 3) | varint);
    this.varint(typeof value === "boolean" ? Number(value) : value);
  }

  bytes(field: number, value: Uint8Array): void {
    this.varint((field << 3) | lengthDelimited);
    this.varint(value.length);
    this.grow(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  finish(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  private varint(value: number | bigint): void {
    this.grow(10);
    if (typeof value === "bigint" || value < 0) this.longVarint(BigInt.asUintN(64, BigInt(value)));
    else {
      let rest = value;
      for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.buffer[this.length++] = (rest % 128) | 0x80;
      this.buffer[this.length++] = rest;
    }
  }

  private longVarint(value: bigint): void {
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) this.buffer[this.length++] = Number(rest & 0x7fn) | 0x80;
    this.buffer[this.length++] = Number(rest);
  }

  private grow(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(2 * this.buffer.length, this.length + bytes));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }
}

class Reader {
  private offset = 0;

  constructor(private readonly input: Uint8Array) {}

  atEnd(): boolean {
    return this.offset >= this.input.length;
  }

  /** Seven bytes of it fit a number; more make a bigint. */
  varint(): number | bigint {
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 7; index++) {
      const byte = this.next();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    let long = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.next();
      long |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, long);
    }
    throw new RangeError("protocol buffer: a number longer than ten bytes");
  }

  /** A length or a tag. */
  size(): number {
    return Number(this.varint());
  }

  bytes(): Uint8Array {
    const length = this.size();
    const end = this.offset + length;
    assert(end <= this.input.length, "a protocol buffer does not end inside a field");
    const value = this.input.subarray(this.offset, end);
    this.offset = end;
    return value;
  }

  skip(wireType: number): void {
    if (wireType === varint) this.varint();
    else if (wireType === lengthDelimited) this.bytes();
    else if (wireType === fixed64) this.offset += 8;
    else if (wireType === fixed32) this.offset += 4;
    else throw new RangeError(`protocol buffer: unknown wire type ${wireType}`);
  }

  private next(): number {
    const byte = this.input[this.offset++];
    assert(byte !== undefined, "a protocol buffer does not end inside a number");
    return byte;
  }
}
