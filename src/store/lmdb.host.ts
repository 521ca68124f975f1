// The durable store: the shared core over a journal in LMDB (http://www.lmdb.tech/doc/), one file with two alternating headers
// that a crash at any instant leaves whole. LMDB writes and syncs on its own thread.
//
// In memory: every key with the numbers of its retained versions (some 300 bytes each). On disk only: the values; a read copies
// them out of the memory map. The rows of changes stand apart from the values, so that opening reads the former alone.
//
// Tables: `changes` (position -> key and numbers), `values` (position -> bytes), `leases` (id -> TTL), `state` (counters, written
// when compaction may have removed the rows that they could be told from).
import { type Database, open, type RootDatabase } from "lmdb";
import type { Env } from "../base/env.ts";
import type { Journal, JournalBatch, JournalContents, JournalCounters, StoredLease } from "./journal.ts";
import { type StoreFolder, takeFolder } from "./lmdb-folder.host.ts";
import { decodeChange, decodeJson, decodeValue, encodeChange, encodeJson, encodeValue } from "./lmdb-rows.host.ts";
import { MvccStore } from "./mvcc-store.ts";
import { type Store, StoreError } from "./store.ts";

/** Error codes of LMDB: an errno, or its own negative numbers. */
const ENOSPC = 28;
const MDB_MAP_FULL = -30792;

export interface LmdbStoreOptions {
  /** Holds this store and nothing else; made when missing. */
  readonly folder: string;
}

/**
 * Opens the store in a folder, for this process alone.
 * @throws StoreError `locked` when another process has it, `corrupt` when what is there can't be read back.
 */
export async function openLmdbStore(env: Env, options: LmdbStoreOptions): Promise<Store> {
  const folder = await takeFolder(options.folder);
  let journal: LmdbJournal | undefined;
  try {
    journal = new LmdbJournal(options.folder, folder);
    const contents = journal.read();
    if (folder.suspect) journal.verifyValues();
    const store = new MvccStore(env, journal, contents);
    folder.markWhole();
    return store;
  } catch (error) {
    if (journal === undefined) folder.release();
    else await journal.close();
    throw storeError(error, "corrupt");
  }
}

class LmdbJournal implements Journal {
  readonly #folder: StoreFolder;
  readonly #root: RootDatabase<Buffer, string>;
  readonly #changes: Database<Buffer, number>;
  readonly #values: Database<Buffer, number>;
  readonly #leases: Database<Buffer, number>;
  readonly #state: Database<Buffer, string>;

  constructor(path: string, folder: StoreFolder) {
    this.#folder = folder;
    // Overlapping sync would acknowledge before the header is on disk; the classic commit is also the faster one here.
    this.#root = open<Buffer, string>({ path, overlappingSync: false, encoding: "binary", noSubdir: false, cache: false });
    this.#changes = this.#root.openDB({ name: "changes", encoding: "binary" });
    this.#values = this.#root.openDB({ name: "values", encoding: "binary" });
    this.#leases = this.#root.openDB({ name: "leases", encoding: "binary" });
    this.#state = this.#root.openDB({ name: "state", encoding: "binary" });
  }

  read(): JournalContents {
    const row = this.#state.get("counters");
    const counters = row === undefined ? { revision: 1, compactRevision: 0, lastPosition: 0 } : (decodeJson(row, "counters") as JournalCounters);
    const leases: StoredLease[] = [];
    for (const { key, value } of this.#leases.getRange({})) leases.push({ id: key, ...(decodeJson(value, `lease ${key}`) as { ttlSeconds: number }) });
    const versions = this.#changes.getRange({}).map(({ key, value }) => decodeChange(key, value));
    return { counters, leases, versions };
  }

  /** Reads every value once. */
  verifyValues(): void {
    for (const { key } of this.#changes.getRange({})) this.load(key);
  }

  load(position: number): Uint8Array {
    try {
      return decodeValue(position, this.#values.get(position));
    } catch (error) {
      throw storeError(error, "corrupt");
    }
  }

  async write(batch: JournalBatch): Promise<void> {
    try {
      await this.#root.batch(() => {
        for (const change of batch.written) {
          this.#changes.put(change.position, encodeChange(change));
          this.#values.put(change.position, encodeValue(change.bytes));
        }
        for (const position of batch.removed) {
          this.#changes.remove(position);
          this.#values.remove(position);
        }
        for (const { id, ttlSeconds } of batch.leasesGranted) this.#leases.put(id, encodeJson({ ttlSeconds }));
        for (const id of batch.leasesRevoked) this.#leases.remove(id);
        if (batch.compacted) this.#state.put("counters", encodeJson(batch.counters));
      });
    } catch (error) {
      throw storeError(await commitError(error), "unavailable");
    } finally {
      // The next read must see this commit.
      this.#root.resetReadTxn();
    }
  }

  async close(): Promise<void> {
    await this.#root.close();
    this.#folder.release();
  }
}

/** LMDB rejects a write with a general error that carries a promise of the cause. */
async function commitError(error: unknown): Promise<unknown> {
  const cause = (error as { readonly commitError?: Promise<never> }).commitError;
  return cause === undefined ? error : cause.catch((reason: unknown) => reason);
}

function storeError(error: unknown, otherwise: "corrupt" | "unavailable"): StoreError {
  if (error instanceof StoreError) return error;
  const { code, message } = error as { readonly code?: unknown; readonly message?: string };
  return new StoreError(code === ENOSPC || code === MDB_MAP_FULL ? "noSpace" : otherwise, `the store's file: ${message ?? String(error)}`);
}
