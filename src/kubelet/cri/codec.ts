// Protocol buffers over a message table (messages.ts): the proto3 wire format, https://protobuf.dev/programming-guides/encoding/.
//
// Invariants: a decoded message has every field of its table, absent scalars as proto3's zero values, absent messages as
// undefined; unknown fields are skipped. 64-bit integers become numbers: nanosecond timestamps lose their last digits, which
// nobody here reads.
import { assert, present } from "../../base/index.ts";
import type { MessageTable } from "./messages.ts";

export type WireMessage = { readonly [field: string]: unknown };

interface Field {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly repeated: boolean;
}

interface Codec {
  encode(message: string, value: object): Uint8Array;
  /** Throws on bytes that are no protocol buffer. */
  decode(message: string, bytes: Uint8Array): WireMessage;
}

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;
const integerTypes: ReadonlySet<string> = new Set(["int32", "uint32", "int64", "uint64", "bool"]);
const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder();

export function createCodec(table: MessageTable): Codec {
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
  const decode = (message: string, bytes: Uint8Array): WireMessage => {
    const fields = fieldsOf(message);
    const result: Record<string, unknown> = {};
    for (const field of fields) result[field.name] = zeroValue(field);
    const input = new Reader(bytes);
    while (!input.atEnd()) {
      const tag = Number(input.varint());
      const field = fields.find((candidate) => candidate.number === tag >>> 3);
      if (field === undefined) input.skip(tag & 7);
      else readField(input, field, tag & 7, result, decode);
    }
    return result;
  };
  return { encode, decode };
}

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
  else if (item !== "" && item !== 0 && item !== false) writeSingle(output, field, item, encode);
}

function writeSingle(output: Writer, field: Field, item: unknown, encode: Encode): void {
  if (integerTypes.has(field.type)) output.integer(field.number, BigInt(item as number | boolean));
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
    store(result, field, integerValue(field.type, input.varint()));
    return;
  }
  assert(wireType === lengthDelimited, `wire type ${wireType} for ${field.name}`);
  const bytes = input.bytes();
  if (field.type === "map") {
    const entry = new Reader(bytes);
    const pair: [string, string] = ["", ""];
    while (!entry.atEnd()) {
      const tag = Number(entry.varint());
      const text = utf8Decoder.decode(entry.bytes());
      if (tag >>> 3 === 1) pair[0] = text;
      else pair[1] = text;
    }
    (result[field.name] as Record<string, string>)[pair[0]] = pair[1];
  } else if (field.type === "string") store(result, field, utf8Decoder.decode(bytes));
  else if (field.type === "bytes") store(result, field, bytes.slice());
  else store(result, field, decode(field.type, bytes));
}

function store(result: Record<string, unknown>, field: Field, value: unknown): void {
  if (field.repeated) (result[field.name] as unknown[]).push(value);
  else result[field.name] = value;
}

function integerValue(type: string, raw: bigint): number | boolean {
  if (type === "bool") return raw !== 0n;
  return Number(type === "uint64" ? raw : BigInt.asIntN(64, raw));
}

class Writer {
  private readonly parts: number[] = [];

  integer(field: number, value: bigint): void {
    this.varint(BigInt((field << 3) | varint));
    this.varint(BigInt.asUintN(64, value));
  }

  bytes(field: number, value: Uint8Array): void {
    this.varint(BigInt((field << 3) | lengthDelimited));
    this.varint(BigInt(value.length));
    for (const byte of value) this.parts.push(byte);
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.parts);
  }

  private varint(value: bigint): void {
    let rest = value;
    while (rest > 0x7fn) {
      this.parts.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.parts.push(Number(rest));
  }
}

class Reader {
  private offset = 0;

  constructor(private readonly input: Uint8Array) {}

  atEnd(): boolean {
    return this.offset >= this.input.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.input[this.offset++];
      assert(byte !== undefined, "a protocol buffer does not end inside a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError("protocol buffer: a number longer than ten bytes");
  }

  bytes(): Uint8Array {
    const length = Number(this.varint());
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
}
