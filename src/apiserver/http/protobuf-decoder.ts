// Reads Kubernetes' protobuf bodies (https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding) into the JSON
// that says the same: what typed Go clients, kubectl among them, send. The walk follows the kind's schema, which knows the field numbers.
//
// Malformed input is a BadRequest; nothing is read beyond the bytes there are, and nesting is bounded.
import { type ArraySchema, badRequestError, type FieldSchema, type ObjectSchema, parseJson, type ScalarSchema, type Schema } from "../../api/index.ts";
import { formatMicroTime, formatTime } from "../../base/index.ts";

const MAGIC = [0x6b, 0x38, 0x73, 0x00];
const MAX_DEPTH = 200;
const decoder = new TextDecoder();

export interface ProtobufEnvelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The message itself. */
  readonly raw: Uint8Array;
}

/** Takes the envelope off. Throws a BadRequest. */
export function openEnvelope(body: Uint8Array): ProtobufEnvelope {
  if (MAGIC.some((byte, position) => body[position] !== byte)) throw badRequestError("provided data does not appear to be a protobuf message");
  const unknown = new Message(body.subarray(MAGIC.length));
  const typeMeta = new Message(unknown.bytes(1) ?? new Uint8Array());
  return { apiVersion: text(typeMeta.bytes(1)), kind: text(typeMeta.bytes(2)), raw: unknown.bytes(2) ?? new Uint8Array() };
}

/** The JSON value of a message of this schema. Throws a BadRequest. */
export function decodeMessage(schema: Schema, bytes: Uint8Array): unknown {
  return decodeValue(schema, bytes, 0);
}

type Value = { readonly wire: 0; readonly value: bigint } | { readonly wire: 1 | 2 | 5; readonly value: Uint8Array };

/** The fields of one message, as they lie on the wire. */
class Message {
  readonly #fields = new Map<number, Value[]>();

  constructor(bytes: Uint8Array) {
    const reader = new Reader(bytes);
    while (!reader.atEnd) {
      const tag = Number(reader.varint());
      const field = Math.floor(tag / 8);
      const value = reader.value(tag % 8);
      const known = this.#fields.get(field);
      if (known === undefined) this.#fields.set(field, [value]);
      else known.push(value);
    }
  }

  all(field: number): readonly Value[] {
    return this.#fields.get(field) ?? [];
  }
  last(field: number): Value | undefined {
    return this.all(field).at(-1);
  }
  bytes(field: number): Uint8Array | undefined {
    const value = this.last(field);
    return value === undefined ? undefined : bytesOf(value);
  }
  integer(field: number): bigint {
    const value = this.last(field);
    return value?.wire === 0 ? BigInt.asIntN(64, value.value) : 0n;
  }
}

class Reader {
  #position = 0;
  constructor(private readonly bytes: Uint8Array) {}

  get atEnd(): boolean {
    return this.#position >= this.bytes.length;
  }

  varint(): bigint {
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.#position++];
      if (byte === undefined) throw malformed("unexpected EOF");
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, result);
    }
    throw malformed("integer overflow");
  }

  value(wire: number): Value {
    switch (wire) {
      case 0:
        return { wire, value: this.varint() };
      case 1:
        return { wire, value: this.#take(8) };
      case 2:
        return { wire, value: this.#take(Number(this.varint())) };
      case 5:
        return { wire, value: this.#take(4) };
      default:
        throw malformed(`illegal wireType ${wire}`);
    }
  }

  #take(length: number): Uint8Array {
    const end = this.#position + length;
    if (end > this.bytes.length) throw malformed("unexpected EOF");
    const taken = this.bytes.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }
}

function malformed(why: string) {
  return badRequestError(`the protobuf body cannot be read: ${why}`);
}

function bytesOf(value: Value): Uint8Array {
  if (value.wire !== 2) throw malformed(`wrong wireType = ${value.wire}`);
  return value.value;
}

function text(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : decoder.decode(bytes);
}

function decodeValue(schema: Schema, bytes: Uint8Array, depth: number): unknown {
  if (depth > MAX_DEPTH) throw malformed("nested too deeply");
  switch (schema.type) {
    case "object":
      return decodeObject(schema, bytes, depth);
    case "array":
      // A list as a value of a map is a message whose first field repeats.
      return decodeList(schema, new Message(bytes).all(1), depth);
    case "any":
      return rawJson(bytes);
    case "map":
      throw malformed("a map has no message of its own");
    default:
      return decodeScalarMessage(schema, bytes);
  }
}

function decodeObject(schema: ObjectSchema, bytes: Uint8Array, depth: number): Record<string, unknown> {
  const message = new Message(bytes);
  const inlined = new Map<string, Message | undefined>();
  const result: Record<string, unknown> = {};
  for (const field of schema.fields.values()) {
    const holder = holderOf(message, field, inlined);
    if (holder === undefined || field.proto === undefined) continue;
    const values = holder.all(field.proto);
    if (values.length === 0) continue;
    const value = schema.definition?.endsWith(".JSONSchemaProps") ? decodeSchemaProperty(schema, field, values, depth) : undefined;
    result[field.name] = value ?? decodeField(field, values, depth);
  }
  return result;
}

/** The message that has the field: this one, or the one of the struct that stands inline in JSON. */
function holderOf(message: Message, { protoIn = [] }: FieldSchema, inlined: Map<string, Message | undefined>): Message | undefined {
  if (protoIn.length === 0) return message;
  const path = protoIn.join(".");
  if (!inlined.has(path)) {
    let holder: Message | undefined = message;
    for (const number of protoIn) {
      const bytes: Uint8Array | undefined = holder?.bytes(number);
      holder = bytes === undefined ? undefined : new Message(bytes);
    }
    inlined.set(path, holder);
  }
  return inlined.get(path);
}

function decodeField({ name, schema }: FieldSchema, values: readonly Value[], depth: number): unknown {
  const [first] = values;
  if (schema.type === "array") return decodeList(schema, values, depth);
  // Field sets are JSON within.
  if (name === "fieldsV1" && first !== undefined) return rawJson(bytesOf(first));
  if (schema.type === "map") {
    return Object.fromEntries(
      values.map((value) => {
        const entry = new Message(bytesOf(value));
        const item = entry.last(2);
        return [text(entry.bytes(1)), item === undefined ? undefined : decodeItem(schema.values, item, depth)];
      }),
    );
  }
  const last = values.at(-1);
  return last === undefined ? undefined : decodeItem(schema, last, depth);
}

function decodeList({ items }: ArraySchema, values: readonly Value[], depth: number): unknown[] {
  return values.map((value) => decodeItem(items, value, depth));
}

function decodeItem(schema: Schema, value: Value, depth: number): unknown {
  switch (schema.type) {
    case "string":
      return decoder.decode(bytesOf(value));
    case "bytes":
      return base64(bytesOf(value));
    case "boolean":
      return value.wire === 0 && value.value !== 0n;
    case "int32":
    case "int64":
      return integer(value);
    case "double":
      return double(value);
    default:
      return decodeValue(schema, bytesOf(value), depth + 1);
  }
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function double(value: Value): number {
  if (value.wire !== 1) throw malformed(`wrong wireType = ${value.wire}`);
  return new DataView(value.value.buffer, value.value.byteOffset, 8).getFloat64(0, true);
}

function integer(value: Value): number | bigint {
  if (value.wire !== 0) throw malformed(`wrong wireType = ${value.wire}`);
  const signed = BigInt.asIntN(64, value.value);
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
}

/** Scalars that are messages on the wire. */
function decodeScalarMessage({ type }: ScalarSchema, bytes: Uint8Array): unknown {
  const message = new Message(bytes);
  switch (type) {
    case "quantity":
      return text(message.bytes(1)) || "0";
    case "intOrString":
      return message.integer(1) === 0n ? Number(BigInt.asIntN(32, message.integer(2))) : text(message.bytes(3));
    case "time":
    case "microTime":
      return timeText(type, Number(message.integer(1)), Number(message.integer(2)), bytes.length === 0);
    default:
      throw malformed(`a ${type} is no message`);
  }
}

/** Nothing at all is the time that was never set. */
function timeText(type: "time" | "microTime", seconds: number, nanos: number, isEmpty: boolean): string | null {
  if (isEmpty || (seconds === 0 && nanos === 0)) return null;
  if (!(Math.abs(seconds) < 8.64e12)) throw malformed("a time is out of range");
  return type === "time" ? formatTime(seconds * 1000) : formatMicroTime(seconds * 1000 + nanos / 1e6);
}

/** JSON in an envelope of its own: RawExtension, JSON, FieldsV1. */
function rawJson(bytes: Uint8Array): unknown {
  const raw = new Message(bytes).bytes(1);
  if (raw === undefined || raw.length === 0) return undefined;
  try {
    return parseJson(raw).value;
  } catch (error) {
    throw malformed(`embedded JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The fields of a JSON schema that hold one thing or another. Undefined for all others. */
function decodeSchemaProperty(schema: ObjectSchema, { name }: FieldSchema, values: readonly Value[], depth: number): unknown {
  const nested = (bytes: Uint8Array): unknown => decodeValue(schema, bytes, depth + 1);
  const last = values.at(-1);
  if (last === undefined) return undefined;
  switch (name) {
    case "items": {
      const either = new Message(bytesOf(last));
      const one = either.bytes(1);
      return one === undefined ? either.all(2).map((item) => nested(bytesOf(item))) : nested(one);
    }
    case "additionalProperties":
    case "additionalItems": {
      const either = new Message(bytesOf(last));
      const one = either.bytes(2);
      return one === undefined ? either.integer(1) !== 0n : nested(one);
    }
    case "dependencies":
      return Object.fromEntries(values.map((value) => dependency(new Message(bytesOf(value)), nested)));
    default:
      return undefined;
  }
}

function dependency(entry: Message, nested: (bytes: Uint8Array) => unknown): [string, unknown] {
  const either = new Message(entry.bytes(2) ?? new Uint8Array());
  const one = either.bytes(1);
  return [text(entry.bytes(1)), one === undefined ? either.all(2).map((item) => text(bytesOf(item))) : nested(one)];
}
