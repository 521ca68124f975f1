// A store as an etcd snapshot: a database file of etcd's buckets (bolt-file.ts), which etcdctl and etcdutl read and restore, and
// back.
import type { StoreContents, StoredChange } from "../store.ts";
import { type BoltFile, planBoltFile, readBucket } from "./bolt-file.ts";
import { RAFT_TERM } from "./member.ts";
import { codec } from "./messages.ts";
import { changeOf, KEY_BUCKET, mainRevision, type Row, revisionBytes, rowOf } from "./rows.ts";

const encoder = new TextEncoder();
/** Beside the bucket of keys; all are there in etcd's own files, empty or not. In order. */
const EMPTY_BEFORE = ["alarm", "auth", "authRoles", "authUsers", "cluster"];
const EMPTY_AFTER = ["members", "members_removed"];

export function planSnapshot(contents: StoreContents): BoltFile {
  const empty = (name: string) => ({ name, rows: (): Row[] => [] });
  return planBoltFile(
    [
      ...EMPTY_BEFORE.map(empty),
      {
        name: KEY_BUCKET,
        *rows() {
          for (const change of contents.changes()) yield rowOf(change);
        },
      },
      { name: "lease", rows: () => contents.leases.map(({ id, ttlSeconds }): Row => [bigEndian(id), codec.encode("StoredLease", { id, ttl: ttlSeconds })]) },
      ...EMPTY_AFTER.map(empty),
      { name: "meta", rows: () => metaRows(contents) },
    ].sort((left, right) => (left.name < right.name ? -1 : 1)),
  );
}

function metaRows({ revision, compactRevision }: StoreContents): Row[] {
  const compacted = revisionBytes(compactRevision, 0);
  const rows: [string, Uint8Array][] = [
    ["consistent_index", bigEndian(revision)],
    ...(compactRevision === 0
      ? []
      : ([
          ["finishedCompactRev", compacted],
          ["scheduledCompactRev", compacted],
        ] as [string, Uint8Array][])),
    ["term", bigEndian(RAFT_TERM)],
  ];
  return rows.map(([name, value]) => [encoder.encode(name), value]);
}

function bigEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/**
 * What an etcd database file holds.
 * @throws RangeError when it is none.
 */
export function readSnapshot(file: Uint8Array): StoreContents {
  const keyRows = [...(readBucket(file, KEY_BUCKET) ?? [])];
  const meta = new Map(Array.from(readBucket(file, "meta") ?? [], ([name, value]) => [new TextDecoder().decode(name), value]));
  const scheduled = meta.get("scheduledCompactRev");
  const compactRevision = scheduled === undefined ? 0 : mainRevision(scheduled);
  const last = keyRows.at(-1);
  const leases = Array.from(readBucket(file, "lease") ?? [], ([, value]) => codec.decode("StoredLease", value));
  return {
    revision: Math.max(1, compactRevision, last === undefined ? 0 : mainRevision(last[0])),
    compactRevision,
    leases: leases.map(({ id, ttl }) => ({ id: ownLeaseId(id), ttlSeconds: Math.max(1, ttl) })),
    *changes(): Generator<StoredChange> {
      for (const row of keyRows) {
        const change = changeOf(row);
        yield { ...change, lease: ownLeaseId(change.lease) };
      }
    },
  };
}

/** etcd's own lease IDs have 63 bits, ours 53: a large one loses its last digits, and its owner is told that it is gone. */
function ownLeaseId(id: number): number {
  return Number.isSafeInteger(id) ? id : Math.floor(id / 4096);
}

/** How far etcd's log was applied to the file; 0: not at all. */
export function consistentIndex(file: Uint8Array): number {
  for (const [name, value] of readBucket(file, "meta") ?? []) if (new TextDecoder().decode(name) === "consistent_index") return mainRevision(value);
  return 0;
}

export function countBucket(file: Uint8Array, name: string): number {
  return [...(readBucket(file, name) ?? [])].length;
}
