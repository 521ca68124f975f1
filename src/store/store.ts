// The store's contract: etcd's data model (https://etcd.io/docs/v3.6/learning/api/). One revision counter; every write
// appends; old revisions stay readable until compacted. One contract suite (store/contract.ts) runs over every backend.
//
// Invariants: a successful write transaction that changes anything takes exactly one revision; all its changes share it.
// Watch events of one watcher come in (revision, order in transaction) order, each exactly once. A write is durable before
// its promise resolves.

/** A binary string: one UTF-16 code unit, 0..255, a byte. Its natural order is the byte order. */
export type Key = string;

export interface KeyValue {
  readonly key: Key;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  /** 1 at creation, +1 at each change. */
  readonly version: number;
  /** 0: none. */
  readonly lease: number;
}

export interface RangeRequest {
  readonly key: Key;
  /** Exclusive; absent: just `key`; `"\0"`: all keys from `key`. */
  readonly end?: Key;
  /** 0 or absent: now. */
  readonly revision?: number;
  readonly limit?: number;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  /** Default: by key, rising. The limit cuts what is sorted. */
  readonly sort?: RangeSort;
  /** 0 or absent: no bound. Pairs outside of a bound are left out, but counted. */
  readonly minModRevision?: number;
  readonly maxModRevision?: number;
  readonly minCreateRevision?: number;
  readonly maxCreateRevision?: number;
}

export interface RangeSort {
  readonly by: "key" | "version" | "createRevision" | "modRevision" | "value";
  readonly descending?: boolean;
}

export interface RangeResult {
  readonly ok: true;
  /** The store's revision when it answered. */
  readonly revision: number;
  readonly items: readonly KeyValue[];
  /** Keys in the range, whatever the limit. */
  readonly count: number;
  readonly more: boolean;
}

export type RangeFailure =
  | { readonly ok: false; readonly reason: "compacted"; readonly compactRevision: number; readonly revision: number }
  | { readonly ok: false; readonly reason: "futureRevision"; readonly revision: number };

export type CompareTarget = "version" | "createRevision" | "modRevision" | "value" | "lease";
export interface Compare {
  readonly key: Key;
  readonly end?: Key;
  readonly target: CompareTarget;
  readonly operator: "equal" | "notEqual" | "less" | "greater";
  readonly value: number | Uint8Array;
}

export type Operation =
  | {
      readonly type: "put";
      readonly key: Key;
      readonly value: Uint8Array;
      readonly lease?: number;
      readonly prevKv?: boolean;
      readonly ignoreValue?: boolean;
      readonly ignoreLease?: boolean;
    }
  | { readonly type: "delete"; readonly key: Key; readonly end?: Key; readonly prevKv?: boolean }
  | ({ readonly type: "range" } & RangeRequest)
  | ({ readonly type: "txn" } & TxnRequest);

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure: readonly Operation[];
}

export type OperationResult =
  | { readonly type: "put"; readonly prevKv?: KeyValue }
  | { readonly type: "delete"; readonly deleted: number; readonly prevKvs: readonly KeyValue[] }
  | { readonly type: "range"; readonly result: RangeResult }
  | { readonly type: "txn"; readonly succeeded: boolean; readonly responses: readonly OperationResult[] };

export interface TxnResult {
  readonly revision: number;
  readonly succeeded: boolean;
  readonly responses: readonly OperationResult[];
}

export interface WatchEvent {
  readonly type: "put" | "delete";
  /** After a put, the new pair; after a delete, key and modRevision of the deletion with an empty value. */
  readonly kv: KeyValue;
  /** Before the change; absent for a creation. Only when asked for. */
  readonly prevKv?: KeyValue;
}

export interface WatchRequest {
  readonly key: Key;
  readonly end?: Key;
  /** First revision to deliver; absent: from now on. */
  readonly startRevision?: number;
  readonly prevKv?: boolean;
  /** Events that are not delivered. */
  readonly without?: readonly WatchEvent["type"][];
}

/** Called in order, never re-entrantly; one revision's events in one call. `events` all stem from revisions ≤ `revision`; empty events report progress. */
export interface WatchSink {
  events(events: readonly WatchEvent[], revision: number): void;
  /** The end: nothing follows. */
  closed(reason: "cancelled" | "compacted" | "storeClosed", compactRevision?: number): void;
}

export interface StoreWatch {
  cancel(): void;
  /** Asks for an empty `events` call with the current revision once all earlier events were delivered. */
  requestProgress(): void;
}

/** `noSpace`: the quota was reached; only reads, deletions and compaction go on until it is taken off. */
export type Alarm = "noSpace" | "corrupt";

export interface StoreSize {
  readonly totalBytes: number;
  /** What of it holds data. The rest is used again by later writes. */
  readonly usedBytes: number;
}

/** One retained change. Of a deletion all numbers but modRevision are 0 and the value is empty. */
export interface StoredChange extends KeyValue {
  /** Its place among the retained changes of its revision, from 0. */
  readonly subRevision: number;
}

export interface StoreContents {
  readonly revision: number;
  readonly compactRevision: number;
  readonly leases: readonly { readonly id: number; readonly ttlSeconds: number }[];
  /** Every retained change, in order. */
  changes(): Iterable<StoredChange>;
}

/** The store as of one revision, whatever is written or compacted meanwhile. */
export interface StoreSnapshot extends StoreContents {
  /** To be called when it was read: until then nothing that compaction forgot leaves the disk. */
  release(): void;
}

export interface StoreOptions {
  /** When this much holds data, the alarm `noSpace` goes on. Absent: no quota. */
  readonly quotaBytes?: number;
  /** What an empty store begins with. A store that holds data refuses it. */
  readonly restore?: StoreContents;
}

export interface Lease {
  readonly id: number;
  readonly grantedTtlSeconds: number;
  readonly remainingSeconds: number;
  readonly keys: readonly Key[];
}

export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(
    readonly reason:
      | "leaseNotFound"
      | "leaseExists"
      | "keyNotFound"
      | "duplicateKey"
      | "compacted"
      | "futureRevision"
      | "noSpace"
      | "locked"
      | "corrupt"
      | "closed"
      | "invalid"
      | "unavailable",
    message: string,
  ) {
    super(message);
  }
}

export interface Store {
  /** The newest revision. 1 in an empty store. */
  revision(): number;
  range(request: RangeRequest): Promise<RangeResult | RangeFailure>;
  txn(request: TxnRequest): Promise<TxnResult>;
  watch(request: WatchRequest, sink: WatchSink): StoreWatch;
  /** Forgets what is older than `revision`. Refused (false) when already compacted past it or in the future. */
  compact(revision: number): Promise<boolean>;
  /** `id` 0 chooses one. */
  grantLease(id: number, ttlSeconds: number): Promise<Lease>;
  revokeLease(id: number): Promise<void>;
  /** The renewed TTL in seconds; undefined when the lease is gone. */
  keepLeaseAlive(id: number): Promise<number | undefined>;
  lease(id: number): Promise<Lease | undefined>;
  leases(): Promise<readonly number[]>;
  snapshot(): StoreSnapshot;
  size(): StoreSize;
  /** Gives back the space that holds no data. */
  defragment(): Promise<void>;
  alarms(): readonly Alarm[];
  setAlarm(alarm: Alarm, on: boolean): Promise<void>;
  close(): Promise<void>;
}
