// The store over an optional journal: the one implementation of `Store` that all local backends share.
//
// Transactions run at once, in memory, one after the other. Their effects are published - readable, sent to watchers, and
// acknowledged - only when the journal has made them durable; everything that arrived while one batch was being written goes
// into the next (group commit). Without a journal publication is immediate.
//
// Invariants: what a reader or watcher saw is never lost; a writer is answered after its change reached the watchers; when a
// batch cannot be written, its transactions and those that built on it are taken back and rejected.

import { assert, type Env } from "../base/index.ts";
import type { Journal, JournalContents, StoredLease } from "./journal.ts";
import { Leases } from "./leases.ts";
import { Mvcc, NEWEST, type Version } from "./mvcc.ts";
import {
  type Alarm,
  type Lease,
  type RangeFailure,
  type RangeRequest,
  type RangeResult,
  type Store,
  type StoredChange,
  StoreError,
  type StoreSize,
  type StoreSnapshot,
  type StoreWatch,
  type TxnRequest,
  type TxnResult,
  type WatchRequest,
  type WatchSink,
} from "./store.ts";
import { addedBytes, checkKey, runRange, runTxn } from "./txn.ts";
import { WatchHub } from "./watch-hub.ts";

const MAX_LEASE_TTL_SECONDS = 9_000_000_000;

interface Batch {
  readonly changes: Version[];
  removed: readonly number[];
  compacted: boolean;
  alarms: boolean;
  readonly granted: StoredLease[];
  readonly revoked: StoredLease[];
  readonly waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[];
}

interface MvccStoreParts {
  readonly journal?: Journal;
  /** What the journal holds, or the store begins with. */
  readonly contents?: JournalContents;
  readonly quotaBytes?: number | undefined;
}

export class MvccStore implements Store {
  readonly #mvcc: Mvcc;
  readonly #leases: Leases;
  readonly #watchers: WatchHub;
  readonly #journal: Journal | undefined;
  readonly #env: Env;
  /** The newest durable revision: what everyone but a running transaction sees. */
  #published: number;
  /** Collects what the journal will be given next. */
  #open = emptyBatch();
  #inFlight: Batch | undefined;
  /** What compaction forgot but could not be written yet, or a snapshot still reads. */
  #forgotten: readonly number[] = [];
  #compactionLost = false;
  readonly #alarms = new Set<Alarm>();
  #alarmsLost = false;
  readonly #quotaBytes: number;
  #openSnapshots = 0;
  #shrinking: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  #flushing: Promise<void> | undefined;
  #closed = false;

  constructor(env: Env, { journal, contents, quotaBytes }: MvccStoreParts = {}) {
    this.#env = env;
    this.#journal = journal;
    this.#quotaBytes = quotaBytes ?? Number.POSITIVE_INFINITY;
    this.#mvcc = new Mvcc((position) => {
      assert(journal !== undefined, "a store without journal holds all its values");
      return journal.load(position);
    });
    this.#leases = new Leases(env.clock, (id) => this.#expireLease(id));
    if (contents !== undefined) this.#restore(contents);
    this.#published = this.#mvcc.revision;
    this.#watchers = new WatchHub(this.#mvcc, env.log);
  }

  revision(): number {
    return this.#published;
  }

  async range(request: RangeRequest): Promise<RangeResult | RangeFailure> {
    this.#checkOpen();
    checkKey(request.key);
    return runRange(this.#mvcc, request, this.#published);
  }

  async txn(request: TxnRequest): Promise<TxnResult> {
    this.#checkOpen();
    if (this.#alarms.size > 0 || this.#quotaBytes !== Number.POSITIVE_INFINITY) await this.#checkSpace(addedBytes(request));
    const outcome = this.#transact(() => runTxn({ mvcc: this.#mvcc, hasLease: (id) => this.#leases.has(id) }, request));
    const revision = this.#mvcc.revision;
    await this.#durable();
    return { revision, ...outcome };
  }

  watch(request: WatchRequest, sink: WatchSink): StoreWatch {
    this.#checkOpen();
    checkKey(request.key);
    return this.#watchers.watch(request, sink);
  }

  async compact(revision: number): Promise<boolean> {
    this.#checkOpen();
    if (revision <= this.#mvcc.compactRevision || revision > this.#published) return false;
    const removed = this.#mvcc.compact(revision);
    this.#open.removed = [...this.#open.removed, ...removed.map(({ position }) => position)];
    this.#open.compacted = true;
    await this.#durable();
    return true;
  }

  async grantLease(id: number, ttlSeconds: number): Promise<Lease> {
    this.#checkOpen();
    if (!Number.isSafeInteger(id) || id < 0) throw new StoreError("invalid", "a lease ID is a positive integer");
    if (!Number.isInteger(ttlSeconds) || ttlSeconds <= 0) throw new StoreError("invalid", "a lease lasts at least one second");
    if (ttlSeconds > MAX_LEASE_TTL_SECONDS) throw new StoreError("invalid", "too large lease TTL");
    if (this.#alarms.has("noSpace")) throw noSpace();
    if (this.#leases.has(id)) throw new StoreError("leaseExists", `lease ${id} already exists`);
    const lease = { id: id === 0 ? this.#freshLeaseId() : id, ttlSeconds };
    this.#leases.add(lease.id, ttlSeconds);
    this.#open.granted.push(lease);
    await this.#durable();
    return { id: lease.id, grantedTtlSeconds: ttlSeconds, remainingSeconds: ttlSeconds, keys: [] };
  }

  async revokeLease(id: number): Promise<void> {
    this.#checkOpen();
    if (!this.#leases.has(id)) throw new StoreError("leaseNotFound", `requested lease ${id} not found`);
    this.#transact(() => {
      for (const key of this.#leases.keys(id)) {
        const version = this.#mvcc.at(key, NEWEST);
        if (version !== undefined) this.#mvcc.delete(version);
      }
    });
    this.#open.revoked.push({ id, ttlSeconds: this.#leases.remove(id) });
    await this.#durable();
  }

  async keepLeaseAlive(id: number): Promise<number | undefined> {
    this.#checkOpen();
    return this.#leases.renew(id);
  }

  async lease(id: number): Promise<Lease | undefined> {
    this.#checkOpen();
    return this.#leases.describe(id);
  }

  async leases(): Promise<readonly number[]> {
    this.#checkOpen();
    return this.#leases.ids();
  }

  snapshot(): StoreSnapshot {
    this.#checkOpen();
    const versions = this.#mvcc.history(0, this.#published);
    const mvcc = this.#mvcc;
    let released = false;
    this.#openSnapshots++;
    return {
      revision: this.#published,
      compactRevision: mvcc.compactRevision,
      leases: this.#leases.ids().map((id) => ({ id, ttlSeconds: this.#leases.describe(id)?.grantedTtlSeconds ?? 1 })),
      *changes() {
        yield* storedChanges(mvcc, versions);
      },
      release: () => {
        if (!released) this.#openSnapshots--;
        released = true;
      },
    };
  }

  size(): StoreSize {
    return this.#journal?.size() ?? { totalBytes: this.#mvcc.heldBytes, usedBytes: this.#mvcc.heldBytes };
  }

  async defragment(): Promise<void> {
    this.#checkOpen();
    if (this.#journal === undefined) return;
    const done = new Promise<void>((resolve, reject) => this.#shrinking.push({ resolve, reject }));
    this.#startFlushing(this.#journal);
    await done;
  }

  alarms(): readonly Alarm[] {
    return [...this.#alarms];
  }

  async setAlarm(alarm: Alarm, on: boolean): Promise<void> {
    this.#checkOpen();
    if (this.#alarms.has(alarm) === on) return;
    if (on) this.#alarms.add(alarm);
    else this.#alarms.delete(alarm);
    this.#open.alarms = true;
    await this.#durable();
  }

  /** Waits for what is being written; later calls reject. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#leases.stop();
    await this.#flushing;
    this.#watchers.closeAll();
    await this.#journal?.close();
  }

  #restore(contents: JournalContents): void {
    for (const lease of contents.leases) this.#leases.add(lease.id, lease.ttlSeconds);
    for (const stored of contents.versions) {
      this.#mvcc.restore(stored);
      this.#leases.attach(stored.key, stored.lease);
    }
    this.#mvcc.restoreCounters(contents.counters);
    for (const alarm of contents.alarms) this.#alarms.add(alarm);
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreError("closed", "the store is closed");
  }

  /** What adds nothing goes on without space. */
  async #checkSpace(bytes: number): Promise<void> {
    if (bytes === 0) return;
    if (!this.#alarms.has("noSpace")) {
      if (this.size().usedBytes + bytes <= this.#quotaBytes) return;
      await this.setAlarm("noSpace", true);
    }
    throw noSpace();
  }

  #transact<Result>(body: () => Result): Result {
    this.#mvcc.begin();
    let result: Result;
    try {
      result = body();
    } catch (error) {
      this.#mvcc.abort();
      throw error;
    }
    for (const change of this.#mvcc.commit()) {
      this.#leases.attach(change.record.key, change.lease);
      this.#open.changes.push(change);
    }
    return result;
  }

  /** Resolves when everything done so far is durable and published. */
  #durable(): Promise<void> | undefined {
    if (this.#journal === undefined) {
      const batch = this.#open;
      this.#open = emptyBatch();
      this.#publish(batch, this.#mvcc.revision);
      return undefined;
    }
    const batch = isEmpty(this.#open) ? this.#inFlight : this.#open;
    if (batch === undefined) return undefined;
    const done = new Promise<void>((resolve, reject) => batch.waiters.push({ resolve, reject }));
    this.#startFlushing(this.#journal);
    return done;
  }

  #startFlushing(journal: Journal): void {
    this.#flushing ??= Promise.resolve(journal).then(() => this.#flush(journal));
  }

  async #shrink(journal: Journal): Promise<void> {
    const waiters = this.#shrinking;
    this.#shrinking = [];
    try {
      if (waiters.length > 0) await journal.shrink();
      for (const waiter of waiters) waiter.resolve();
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    }
  }

  async #flush(journal: Journal): Promise<void> {
    const duration = this.#env.metrics.histogram("kubets_store_commit_duration_seconds", "Time until a batch of changes was durable.");
    while (!isEmpty(this.#open) || this.#shrinking.length > 0) {
      await this.#shrink(journal);
      if (isEmpty(this.#open)) continue;
      const batch = this.#open;
      this.#open = emptyBatch();
      this.#inFlight = batch;
      this.#carry(batch);
      const { revision, compactRevision, lastPosition } = this.#mvcc;
      const startedMs = this.#env.clock.monotonic();
      try {
        await journal.write({
          written: batch.changes.map((change) => storedVersion(change, this.#mvcc.bytes(change))),
          removed: batch.removed,
          compacted: batch.compacted,
          counters: { revision, compactRevision, lastPosition },
          leasesGranted: batch.granted,
          leasesRevoked: batch.revoked.map(({ id }) => id),
          ...(batch.alarms ? { alarms: this.alarms() } : {}),
        });
      } catch (error) {
        this.#takeBack(batch, error);
        continue;
      }
      duration.observe((this.#env.clock.monotonic() - startedMs) / 1000);
      this.#inFlight = undefined;
      this.#publish(batch, revision);
      for (const change of batch.changes) change.bytes = undefined;
    }
    this.#flushing = undefined;
  }

  /** Adds what earlier batches left to do. */
  #carry(batch: Batch): void {
    const forgotten = [...this.#forgotten, ...batch.removed];
    batch.removed = this.#openSnapshots > 0 ? [] : forgotten;
    this.#forgotten = this.#openSnapshots > 0 ? forgotten : [];
    batch.compacted ||= this.#compactionLost;
    this.#compactionLost = false;
    batch.alarms ||= this.#alarmsLost;
    this.#alarmsLost = false;
  }

  #publish(batch: Batch, revision: number): void {
    this.#published = revision;
    if (batch.changes.length > 0) this.#watchers.publish(batch.changes, revision);
    for (const waiter of batch.waiters) waiter.resolve();
  }

  /** Undoes the batch that could not be written, and what was built on it since. */
  #takeBack(failed: Batch, error: unknown): void {
    this.#env.log.error("the store could not write", { error });
    const built = this.#open;
    this.#open = emptyBatch();
    this.#inFlight = undefined;
    for (const { id, ttlSeconds } of [...failed.revoked, ...built.revoked]) this.#leases.add(id, ttlSeconds);
    for (const { id } of [...failed.granted, ...built.granted]) this.#leases.remove(id);
    for (const { record } of this.#mvcc.rollBack(this.#published)) this.#leases.attach(record.key, record.versions.at(-1)?.lease ?? 0);
    // Compaction and alarms stay done in memory; the next batch that can be written makes it so on disk.
    this.#forgotten = [...this.#forgotten, ...failed.removed, ...built.removed];
    this.#compactionLost = failed.compacted || built.compacted;
    this.#alarmsLost = failed.alarms || built.alarms;
    for (const waiter of [...failed.waiters, ...built.waiters]) waiter.reject(error);
  }

  async #expireLease(id: number): Promise<void> {
    if (this.#closed || !this.#leases.has(id)) return;
    await this.revokeLease(id);
  }

  #freshLeaseId(): number {
    for (;;) {
      const bytes = this.#env.random.bytes(6);
      const id = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
      if (id !== 0 && !this.#leases.has(id)) return id;
    }
  }
}

function emptyBatch(): Batch {
  return { changes: [], removed: [], compacted: false, alarms: false, granted: [], revoked: [], waiters: [] };
}

function isEmpty(batch: Batch): boolean {
  return batch.changes.length === 0 && !batch.compacted && !batch.alarms && batch.granted.length === 0 && batch.revoked.length === 0;
}

function storedVersion(change: Version, bytes: Uint8Array) {
  const { position, modRevision, createRevision, version, lease } = change;
  return { key: change.record.key, position, modRevision, createRevision, version, lease, bytes };
}

function noSpace(): StoreError {
  return new StoreError("noSpace", "the store's quota is used up; compact it, defragment it, and take the alarm off");
}

function* storedChanges(mvcc: Mvcc, versions: readonly Version[]): Generator<StoredChange, void, undefined> {
  let revision = 0;
  let subRevision = 0;
  for (const version of versions) {
    subRevision = version.modRevision === revision ? subRevision + 1 : 0;
    revision = version.modRevision;
    yield { ...mvcc.keyValue(version), subRevision };
  }
}
