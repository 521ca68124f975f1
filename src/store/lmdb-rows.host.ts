// How the journal's rows look on disk. Every row carries a checksum, so that damage is found where it is read and never
// handed on as data.
//
// Every row begins with the crc32 (u32, little-endian) of the rest. In a change row there follow modRevision, createRevision,
// version and lease (f64 each, exact for safe integers) and the key's bytes; in a value row the value; in the others JSON.
import { crc32 } from "node:zlib";
import type { StoredVersion } from "./mvcc.ts";
import { StoreError } from "./store.ts";

const CRC_BYTES = 4;
const CHANGE_BYTES = 36;

export function encodeChange(stored: StoredVersion): Buffer {
  const row = Buffer.allocUnsafe(CHANGE_BYTES + stored.key.length);
  row.writeDoubleLE(stored.modRevision, 4);
  row.writeDoubleLE(stored.createRevision, 12);
  row.writeDoubleLE(stored.version, 20);
  row.writeDoubleLE(stored.lease, 28);
  row.write(stored.key, CHANGE_BYTES, "latin1");
  return seal(row);
}

/** @throws StoreError `corrupt` */
export function decodeChange(position: number, row: Buffer): StoredVersion {
  check(row, CHANGE_BYTES, `change ${position}`);
  return {
    position,
    modRevision: row.readDoubleLE(4),
    createRevision: row.readDoubleLE(12),
    version: row.readDoubleLE(20),
    lease: row.readDoubleLE(28),
    key: row.toString("latin1", CHANGE_BYTES),
  };
}

export function encodeValue(value: Uint8Array): Buffer {
  const row = Buffer.allocUnsafe(CRC_BYTES + value.length);
  row.set(value, CRC_BYTES);
  return seal(row);
}

/** @throws StoreError `corrupt` */
export function decodeValue(position: number, row: Buffer | undefined): Uint8Array {
  if (row === undefined) throw damaged(`the value of change ${position}`);
  check(row, CRC_BYTES, `the value of change ${position}`);
  return new Uint8Array(row.buffer, row.byteOffset + CRC_BYTES, row.length - CRC_BYTES);
}

export function encodeJson(value: unknown): Buffer {
  return encodeValue(Buffer.from(JSON.stringify(value)));
}

/** @throws StoreError `corrupt` */
export function decodeJson(row: Buffer, what: string): unknown {
  check(row, CRC_BYTES, what);
  return JSON.parse(row.toString("utf8", CRC_BYTES));
}

function seal(row: Buffer): Buffer {
  row.writeUInt32LE(crc32(row.subarray(CRC_BYTES)), 0);
  return row;
}

function check(row: Buffer, leastBytes: number, what: string): void {
  if (row.length < leastBytes || crc32(row.subarray(CRC_BYTES)) !== row.readUInt32LE(0)) throw damaged(what);
}

function damaged(what: string): StoreError {
  return new StoreError("corrupt", `the store's file is damaged: ${what} cannot be read back`);
}
