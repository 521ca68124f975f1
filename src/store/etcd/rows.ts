// How etcd keeps its data (https://etcd.io/docs/v3.6/learning/data_model/): a bucket of rows, each a revision and the pair that it made.
// Snapshots carry these rows, and HashKV is a checksum over them, so that ours and etcd's of one history are the same.
import type { Env } from "../../base/index.ts";
import type { StoreContents, StoredChange } from "../store.ts";
import { compactedError, futureRevisionError, keyBytes, keyOf, keyValue } from "./convert.ts";
import { codec } from "./messages.ts";

export type Row = readonly [key: Uint8Array, value: Uint8Array];

export const KEY_BUCKET = "key";
const REVISION_BYTES = 17;
const TOMBSTONE = "t".charCodeAt(0);
/** Rows that are looked at before others get their turn. */
const ROWS_AT_ONCE = 2000;

/** Two big-endian numbers with `_` between. */
export function revisionBytes(main: number, sub: number, tombstone = false): Uint8Array {
  const bytes = new Uint8Array(tombstone ? REVISION_BYTES + 1 : REVISION_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(main));
  bytes[8] = "_".charCodeAt(0);
  view.setBigUint64(9, BigInt(sub));
  if (tombstone) bytes[REVISION_BYTES] = TOMBSTONE;
  return bytes;
}

/** The main revision. */
export function mainRevision(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
}

/** A deletion's row holds the key alone. */
export function rowOf(change: StoredChange): Row {
  const deleted = change.version === 0;
  const pair = deleted ? { key: keyBytes(change.key) } : keyValue(change);
  return [revisionBytes(change.modRevision, change.subRevision, deleted), codec.encode("KeyValue", pair)];
}

export function changeOf([revision, value]: Row): StoredChange {
  const { key, ...pair } = codec.decode("KeyValue", value);
  const subRevision = Number(new DataView(revision.buffer, revision.byteOffset).getBigUint64(9));
  return { ...pair, key: keyOf(key), modRevision: mainRevision(revision), subRevision };
}

export interface StoreHash {
  readonly hash: number;
  readonly revision: number;
  readonly compactRevision: number;
}

/** CRC-32C over the rows up to `revision` (0: all), leaving out what a compaction at that revision would remove. */
export async function hashRows(env: Env, contents: StoreContents, revision: number): Promise<StoreHash> {
  const { compactRevision } = contents;
  if (revision > contents.revision) throw futureRevisionError();
  if (revision > 0 && revision < compactRevision) throw compactedError();
  const upTo = revision === 0 ? contents.revision : revision;
  let rows = 0;
  const isLong = (): boolean => ++rows % ROWS_AT_ONCE === 0;
  const letOthers = (): Promise<void> => new Promise((resolve) => env.clock.setTimeout(resolve, 0));
  const newest = new Map<string, number>();
  for (const { key, modRevision, version } of contents.changes()) {
    if (modRevision > upTo) break;
    newest.set(key, version === 0 ? 0 : modRevision);
    if (isLong()) await letOthers();
  }
  let crc = crc32c(keyBytes(KEY_BUCKET), 0);
  for (const change of contents.changes()) {
    const { modRevision } = change;
    if (modRevision > upTo) break;
    if (isLong()) await letOthers();
    if (modRevision <= compactRevision && newest.get(change.key) !== modRevision) continue;
    for (const bytes of rowOf(change)) crc = crc32c(bytes, crc);
  }
  return { hash: crc, revision: upTo, compactRevision };
}

let crcTable: Uint32Array | undefined;

/** Castagnoli's polynomial, reflected (RFC 3720, appendix B.4); `crc` is that of what came before. */
export function crc32c(bytes: Uint8Array, crc: number): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    return value;
  });
  let value = ~crc;
  for (const byte of bytes) value = (value >>> 8) ^ (crcTable[(value ^ byte) & 0xff] ?? 0);
  return ~value >>> 0;
}
