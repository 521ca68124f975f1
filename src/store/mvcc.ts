// The versions of every key, in memory: etcd's data model (https://etcd.io/docs/v3.6/learning/data_model/) as a synchronous,
// deterministic structure shared by all backends. It knows nothing of disks, watchers or time.
//
// Keys and the numbers of each version live here; the bytes of a value may live elsewhere: a version whose `bytes` were
// dropped is loaded through `load` when somebody reads it.
//
// Invariants: a record's versions rise in modRevision; the log holds every retained version in order of position;
// positions rise with revisions and are never used twice.
import { assert, present } from "../base/index.ts";
import type { KeyRange } from "./key-range.ts";
import { SortedRecords } from "./sorted-records.ts";
import type { Key, KeyValue } from "./store.ts";

export interface Version {
  readonly record: KeyRecord;
  /** Where it stands in the log of all changes. */
  readonly position: number;
  readonly modRevision: number;
  /** 0 for a deletion, as are `version` and `lease`. */
  readonly createRevision: number;
  readonly version: number;
  readonly lease: number;
  /** Undefined: loaded when read. */
  bytes: Uint8Array | undefined;
}

export interface KeyRecord {
  readonly key: Key;
  readonly versions: Version[];
}

/** What a backend keeps of a version, beside the bytes. */
export interface StoredVersion {
  readonly key: Key;
  readonly position: number;
  readonly modRevision: number;
  readonly createRevision: number;
  readonly version: number;
  readonly lease: number;
}

/** Reads at this revision see what the open transaction wrote. */
export const NEWEST = Number.MAX_SAFE_INTEGER;

const NO_BYTES = new Uint8Array(0);

export class Mvcc {
  readonly #records = new SortedRecords<KeyRecord>();
  readonly #load: (position: number) => Uint8Array;
  #log: Version[] = [];
  #revision = 1;
  #compactRevision = 0;
  #lastPosition = 0;
  #heldBytes = 0;
  #changes: Version[] | undefined;

  constructor(load: (position: number) => Uint8Array) {
    this.#load = load;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Revisions below it are forgotten. */
  get compactRevision(): number {
    return this.#compactRevision;
  }

  get lastPosition(): number {
    return this.#lastPosition;
  }

  /** Of keys and values, where all values stay in memory. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Restores a version read back from a backend, with its bytes if they are to stay in memory; they come in order of position. */
  restore(stored: StoredVersion & { readonly bytes?: Uint8Array }): void {
    assert(stored.position > this.#lastPosition && stored.modRevision >= this.#revision, "stored versions rise");
    const record = this.#records.getOrInsert(stored.key, () => ({ key: stored.key, versions: [] }));
    const { position, modRevision, createRevision, version, lease } = stored;
    this.#append({ record, position, modRevision, createRevision, version, lease, bytes: stored.bytes });
    this.#revision = modRevision;
    this.#lastPosition = position;
  }

  /** Restores the counters, which may be ahead of the last retained version. */
  restoreCounters(counters: { readonly revision: number; readonly compactRevision: number; readonly lastPosition: number }): void {
    this.#revision = Math.max(this.#revision, counters.revision);
    this.#lastPosition = Math.max(this.#lastPosition, counters.lastPosition);
    this.#compactRevision = counters.compactRevision;
  }

  // Reading

  /** The key as of `revision`; undefined when it did not exist. */
  at(key: Key, revision: number): Version | undefined {
    const record = this.#records.get(key);
    return record === undefined ? undefined : existingAt(record, revision);
  }

  /** The keys in the range as of `revision`, in order. Nothing may be written meanwhile. */
  *scan(range: KeyRange, revision: number): Generator<Version, void, undefined> {
    for (const record of this.#records.between(range.start, range.end)) {
      const version = existingAt(record, revision);
      if (version !== undefined) yield version;
    }
  }

  /** The retained changes from `first` up to and including `last`, in order. */
  history(first: number, last: number): Version[] {
    const changes: Version[] = [];
    for (let index = this.#firstAt(first); index < this.#log.length; index++) {
      const version = this.#log[index];
      if (version === undefined || version.modRevision > last) break;
      changes.push(version);
    }
    return changes;
  }

  keyValue(version: Version): KeyValue {
    return this.#keyValue(version, version.version === 0 ? NO_BYTES : this.bytes(version));
  }

  keyOnly(version: Version): KeyValue {
    return this.#keyValue(version, NO_BYTES);
  }

  bytes(version: Version): Uint8Array {
    return version.bytes ?? this.#load(version.position);
  }

  /** The key just before this change; undefined when the change created it or the past was forgotten. */
  previous(version: Version): Version | undefined {
    const { versions } = version.record;
    const before = versions[versions.lastIndexOf(version) - 1];
    return before === undefined || before.version === 0 ? undefined : before;
  }

  // Writing: one transaction at a time, all its changes under the next revision.

  begin(): void {
    assert(this.#changes === undefined, "one transaction at a time");
    this.#changes = [];
  }

  /** Ends the transaction; the revision moves on when anything changed. */
  commit(): readonly Version[] {
    const changes = present(this.#changes, "open transaction");
    this.#changes = undefined;
    if (changes.length > 0) this.#revision++;
    return changes;
  }

  /** Undoes the open transaction. */
  abort(): void {
    assert(this.#changes !== undefined, "a transaction is open");
    this.#changes = undefined;
    this.#undoAfter(this.#revision);
  }

  /** Takes back every change after `revision`, newest first, and returns them. Their positions stay used. */
  rollBack(revision: number): readonly Version[] {
    assert(this.#changes === undefined && revision >= this.#compactRevision, "only whole, uncompacted transactions are taken back");
    this.#revision = revision;
    return this.#undoAfter(revision);
  }

  /** The revision that a reader inside the transaction is told. */
  get transactionRevision(): number {
    return this.#changes !== undefined && this.#changes.length > 0 ? this.#revision + 1 : this.#revision;
  }

  put(key: Key, bytes: Uint8Array, lease: number): Version {
    const record = this.#records.getOrInsert(key, () => ({ key, versions: [] }));
    const before = record.versions.at(-1);
    const modRevision = this.#revision + 1;
    assert(before === undefined || before.modRevision < modRevision, "a key changes once in a revision");
    const exists = before !== undefined && before.version > 0;
    return this.#change({
      record,
      position: ++this.#lastPosition,
      modRevision,
      createRevision: exists ? before.createRevision : modRevision,
      version: exists ? before.version + 1 : 1,
      lease,
      bytes,
    });
  }

  /** `existing` is the key's newest version. */
  delete(existing: Version): Version {
    const position = ++this.#lastPosition;
    return this.#change({ record: existing.record, position, modRevision: this.#revision + 1, createRevision: 0, version: 0, lease: 0, bytes: NO_BYTES });
  }

  /**
   * Forgets the versions that nobody reading at `revision` or later can see, and returns them. A deletion at exactly
   * `revision` stays, since a watcher may still start there.
   */
  compact(revision: number): readonly Version[] {
    assert(revision > this.#compactRevision && revision <= this.#revision, "compaction goes forward and not past the present");
    this.#compactRevision = revision;
    const removed: Version[] = [];
    const touched = new Set<KeyRecord>();
    for (const version of this.#log) {
      if (version.modRevision > revision) break;
      if (!isVisibleFrom(version, revision)) {
        removed.push(version);
        touched.add(version.record);
      }
    }
    if (removed.length === 0) return removed;
    const gone = new Set(removed);
    this.#log = this.#log.filter((version) => !gone.has(version));
    for (const version of removed) this.#heldBytes -= sizeOf(version);
    for (const record of touched) {
      const kept = record.versions.filter((version) => !gone.has(version));
      record.versions.splice(0, record.versions.length, ...kept);
      if (kept.length === 0) this.#records.delete(record.key);
    }
    return removed;
  }

  #undoAfter(revision: number): readonly Version[] {
    const undone: Version[] = [];
    for (let last = this.#log.at(-1); last !== undefined && last.modRevision > revision; last = this.#log.at(-1)) {
      this.#log.pop();
      this.#heldBytes -= sizeOf(last);
      last.record.versions.pop();
      if (last.record.versions.length === 0) this.#records.delete(last.record.key);
      undone.push(last);
    }
    return undone;
  }

  #change(version: Version): Version {
    present(this.#changes, "open transaction").push(version);
    this.#append(version);
    return version;
  }

  #append(version: Version): void {
    version.record.versions.push(version);
    this.#log.push(version);
    this.#heldBytes += sizeOf(version);
  }

  /** Index in the log of the first change at or after `revision`. */
  #firstAt(revision: number): number {
    let low = 0;
    let high = this.#log.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const version = this.#log[middle];
      if (version !== undefined && version.modRevision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #keyValue(version: Version, value: Uint8Array): KeyValue {
    const { modRevision, createRevision, lease } = version;
    return { key: version.record.key, value, createRevision, modRevision, version: version.version, lease };
  }
}

function sizeOf({ record, bytes }: Version): number {
  return record.key.length + (bytes?.length ?? 0);
}

function existingAt(record: KeyRecord, revision: number): Version | undefined {
  for (let index = record.versions.length - 1; index >= 0; index--) {
    const version = record.versions[index];
    if (version !== undefined && version.modRevision <= revision) return version.version === 0 ? undefined : version;
  }
  return undefined;
}

function isVisibleFrom(version: Version, revision: number): boolean {
  const { versions } = version.record;
  const next = versions[versions.indexOf(version) + 1];
  if (next !== undefined && next.modRevision <= revision) return false;
  return version.version > 0 || version.modRevision === revision;
}
