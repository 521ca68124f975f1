// The durable store: the shared core over a journal in LMDB (http://www.lmdb.tech/doc/), one file with two alternating headers
// that a crash at any instant leaves whole. LMDB writes and syncs on its own thread.
//
// In memory: every key with the numbers of its retained versions (some 500 bytes each). On disk only: the values; a read copies
// them out of the memory map. The rows of changes stand apart from the values, so that opening reads the former alone.
//
// Tables: `changes` (position -> key and numbers), `values` (position -> bytes), `leases` (id -> TTL), `state` (counters, written
// when compaction may have removed the rows that they could be told from).
import { statfs } from "node:fs/promises";
import { type Database, open, type RootDatabase } from "lmdb";
import type { Env } from "../base/index.ts";
import type { Journal, JournalBatch, JournalContents, JournalCounters, StoredLease } from "./journal.ts";
import { type StoreFolder, takeFolder } from "./lmdb-folder.host.ts";
import { decodeChange, decodeJson, decodeValue, encodeChange, encodeJson, encodeValue } from "./lmdb-rows.host.ts";
import { MvccStore } from "./mvcc-store.ts";
import { type Store, StoreError } from "./store.ts";

/** LMDB reports a write that a full disk cut short as an I/O error: with less free space than this it was the disk. */
const FULL_BELOW_BYTES = 1024 * 1024;

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
  readonly #path: string;
  readonly #folder: StoreFolder;
  readonly #root: RootDatabase<Buffer, string>;
  readonly #changes: Database<Buffer, number>;
  readonly #values: Database<Buffer, number>;
  readonly #leases: Database<Buffer, number>;
  readonly #state: Database<Buffer, string>;

  constructor(path: string, folder: StoreFolder) {
    this.#path = path;
    this.#folder = folder;
    // Overlapping sync would acknowledge before the header is on disk; the classic commit is also the faster one here.
    // Batches are explicit here; the implicit ones of every turn would leave a rejection that nobody can take.
    this.#root = open<Buffer, string>({ path, overlappingSync: false, eventTurnBatching: false, encoding: "binary", noSubdir: false, cache: false });
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
      const parts: Promise<boolean>[] = [];
      const whole = this.#root.batch(() => {
        for (const change of batch.written) {
          parts.push(this.#changes.put(change.position, encodeChange(change)), this.#values.put(change.position, encodeValue(change.bytes)));
        }
        for (const position of batch.removed) parts.push(this.#changes.remove(position), this.#values.remove(position));
        for (const { id, ttlSeconds } of batch.leasesGranted) parts.push(this.#leases.put(id, encodeJson({ ttlSeconds })));
        for (const id of batch.leasesRevoked) parts.push(this.#leases.remove(id));
        if (batch.compacted) parts.push(this.#state.put("counters", encodeJson(batch.counters)));
      });
      // All of them fail together, and the parts' rejections must be taken too.
      await Promise.all([whole, ...parts]);
    } catch (error) {
      throw storeError(await commitError(error), (await isFull(this.#path)) ? "noSpace" : "unavailable");
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

async function isFull(path: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize < FULL_BELOW_BYTES;
}

function storeError(error: unknown, reason: "corrupt" | "unavailable" | "noSpace"): StoreError {
  if (error instanceof StoreError) return error;
  const what = reason === "noSpace" ? "no space left on the disk of the store" : "the store's file";
  return new StoreError(reason, `${what}: ${error instanceof Error ? error.message : String(error)}`);
}
