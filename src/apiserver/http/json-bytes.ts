// JSON as bytes, put together from what is encoded already: lists and watch events are spliced, not encoded.
import { encode, formatJson, type Kind, type KubeObject, listKindOf } from "../../api/index.ts";
import { viewOf } from "../cache/resource.ts";
import type { ObjectRevision } from "../storage/object-revision.ts";

const encoder = new TextEncoder();

export function jsonBytes(value: unknown): Uint8Array {
  return encoder.encode(formatJson(value));
}

/** The object as `kind` shows it: the stored bytes, unless another kind's form is stored. */
export function objectBytes<T extends KubeObject>(kind: Kind<T>, revision: ObjectRevision): Uint8Array {
  return kind.declaration.storedAs === undefined ? revision.bytes() : encoder.encode(encode(kind, viewOf(kind, revision)));
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let position = 0;
  for (const chunk of chunks) {
    whole.set(chunk, position);
    position += chunk.length;
  }
  return whole;
}

const COMMA = 0x2c;
/** Lists are written in pieces of about this size. */
const CHUNK_BYTES = 256 * 1024;

/** The JSON of a list: `metadata` is its own. */
export function listChunks(kind: Kind, items: readonly ObjectRevision[], metadata: object): Uint8Array[] {
  const head = { kind: listKindOf(kind), apiVersion: kind.apiVersion, metadata };
  const chunks: Uint8Array[] = [encoder.encode(`${JSON.stringify(head).slice(0, -1)},"items":[`)];
  for (let start = 0; start < items.length; ) start = appendItems(kind, items, start, chunks);
  chunks.push(encoder.encode("]}\n"));
  return chunks;
}

/** Appends one chunk with the items from `start` on; returns the first that did not fit. */
function appendItems(kind: Kind, items: readonly ObjectRevision[], start: number, chunks: Uint8Array[]): number {
  if (kind.declaration.storedAs !== undefined) {
    const item = items[start];
    if (start > 0) chunks.push(Uint8Array.of(COMMA));
    if (item !== undefined) chunks.push(objectBytes(kind, item));
    return start + 1;
  }
  let end = start;
  let length = 0;
  for (let item = items[end]; item !== undefined && (length === 0 || length < CHUNK_BYTES); item = items[++end]) length += item.byteLength + 1;
  const chunk = new Uint8Array(length - (start === 0 ? 1 : 0));
  let position = 0;
  for (const [offset, item] of items.slice(start, end).entries()) {
    if (start + offset > 0) chunk[position++] = COMMA;
    position = item.writeTo(chunk, position);
  }
  chunks.push(chunk);
  return end;
}
