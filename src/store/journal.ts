// What makes a store last: where batches of changes are written, and values read back. The store above orders and groups the
// writes; a journal only has to make one batch durable at a time, all of it or nothing.
import type { StoredVersion } from "./mvcc.ts";
import type { Alarm, StoreContents, StoreSize } from "./store.ts";

export interface JournalBatch {
  readonly written: readonly (StoredVersion & { readonly bytes: Uint8Array })[];
  /** Positions that compaction forgot. */
  readonly removed: readonly number[];
  /** The store was compacted: the counters can no longer be told from the retained versions. */
  readonly compacted: boolean;
  readonly counters: JournalCounters;
  readonly leasesGranted: readonly StoredLease[];
  readonly leasesRevoked: readonly number[];
  /** Those that are on, when that changed. */
  readonly alarms?: readonly Alarm[];
}

export interface JournalCounters {
  readonly revision: number;
  readonly compactRevision: number;
  readonly lastPosition: number;
}

export interface StoredLease {
  readonly id: number;
  readonly ttlSeconds: number;
}

/** What a journal holds when it is opened. */
export interface JournalContents {
  /** In order of position. */
  readonly versions: Iterable<StoredVersion & { readonly bytes?: Uint8Array }>;
  readonly counters: JournalCounters;
  readonly leases: readonly StoredLease[];
  readonly alarms: readonly Alarm[];
}

export interface Journal {
  /**
   * Resolves when the batch is durable. Called again only after that. After a rejection nothing of the batch is there.
   * @throws StoreError
   */
  write(batch: JournalBatch): Promise<void>;
  /**
   * The value written at `position`.
   * @throws StoreError `corrupt`
   */
  load(position: number): Uint8Array;
  size(): StoreSize;
  /** Gives unused space back. Never called while a batch is written. */
  shrink(): Promise<void>;
  close(): Promise<void>;
}

/** What a journal would hold after the same changes. */
export function journalContents(contents: StoreContents): JournalContents & { readonly versions: readonly (StoredVersion & { readonly bytes: Uint8Array })[] } {
  const { revision, compactRevision, leases } = contents;
  const versions = Array.from(contents.changes(), ({ key, value, createRevision, modRevision, version, lease }, index) => ({
    ...{ key, createRevision, modRevision, version, lease },
    position: index + 1,
    bytes: value,
  }));
  return { versions, counters: { revision, compactRevision, lastPosition: versions.length }, leases, alarms: [] };
}
