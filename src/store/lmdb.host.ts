// The durable store: the shared core over a journal in LMDB (http://www.lmdb.tech/doc/), one file with two alternating headers
// that a crash at any instant leaves whole. LMDB writes and syncs on its own thread.
//
// In memory: every key with the numbers of its retained versions (some 500 bytes each). On disk only: the values; a read copies
// them out of the memory map. The rows of changes stand apart from the values, so that opening reads the former alone.
//
// Tables: `changes` (position -> key and numbers), `values` (position -> bytes), `leases` (id -> TTL), `state` (counters, written
// when compaction may have removed the rows that they could be told from).
import { mkdir, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";
import type { Env } from "../base/index.ts";
import { type Journal, type JournalBatch, type JournalContents, type JournalCounters, journalContents, type StoredLease } from "./journal.ts";
import { type StoreFolder, takeFolder } from "./lmdb-folder.host.ts";
import { decodeChange, decodeJson, decodeValue, encodeChange, encodeJson, encodeValue } from "./lmdb-rows.host.ts";
import { MvccStore } from "./mvcc-store.ts";
import { type Alarm, type Store, type StoreContents, StoreError, type StoreOptions, type StoreSize } from "./store.ts";

/** LMDB reports a write that a full disk cut short as an I/O error: with less free space than this it was the disk. */
const FULL_BELOW_BYTES = 1024 * 1024;

export interface LmdbStoreOptions extends StoreOptions {
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
    if (options.restore !== undefined) await restoreInto(journal, options.restore);
    const contents = journal.read();
    if (folder.suspect) journal.verifyValues();
    const store = new MvccStore(env, { journal, contents, quotaBytes: options.quotaBytes });
    folder.markWhole();
    return store;
  } catch (error) {
    if (journal === undefined) folder.release();
    else await journal.close();
    throw storeError(error, "corrupt");
  }
}

/** In one transaction: a store is restored, or still empty. */
async function restoreInto(journal: LmdbJournal, restore: StoreContents): Promise<void> {
  if (!journal.isEmpty()) throw new StoreError("invalid", "the store holds data already; restore into an empty folder");
  const { versions, counters, leases } = journalContents(restore);
  await journal.write({ written: versions, removed: [], leasesGranted: leases, leasesRevoked: [], compacted: true, counters });
}

/** What LMDB says of a table; the package's types leave it open. */
interface TableStats {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
  readonly entryCount: number;
  /** Of the file. */
  readonly lastPageNumber: number;
}

function statsOf(table: Database<Buffer, number> | Database<Buffer, string>): TableStats {
  return table.getStats() as TableStats;
}

interface Tables {
  readonly root: RootDatabase<Buffer, string>;
  readonly changes: Database<Buffer, number>;
  readonly values: Database<Buffer, number>;
  readonly leases: Database<Buffer, number>;
  readonly state: Database<Buffer, string>;
}

function openTables(path: string): Tables {
  // Overlapping sync would acknowledge before the header is on disk; the classic commit is also the faster one here.
  // Batches are explicit here; the implicit ones of every turn would leave a rejection that nobody can take.
  const root = open<Buffer, string>({ path, overlappingSync: false, eventTurnBatching: false, encoding: "binary", noSubdir: false, cache: false });
  const table = <Id extends number | string>(name: string): Database<Buffer, Id> => root.openDB({ name, encoding: "binary" });
  return { root, changes: table("changes"), values: table("values"), leases: table("leases"), state: table("state") };
}

class LmdbJournal implements Journal {
  readonly #path: string;
  readonly #folder: StoreFolder;
  #tables: Tables;

  constructor(path: string, folder: StoreFolder) {
    this.#path = path;
    this.#folder = folder;
    this.#tables = openTables(path);
  }

  isEmpty(): boolean {
    const { changes, leases, state } = this.#tables;
    return [changes, leases, state].every((table) => statsOf(table).entryCount === 0);
  }

  read(): JournalContents {
    const row = this.#tables.state.get("counters");
    const counters = row === undefined ? { revision: 1, compactRevision: 0, lastPosition: 0 } : (decodeJson(row, "counters") as JournalCounters);
    const leases: StoredLease[] = [];
    for (const { key, value } of this.#tables.leases.getRange({})) leases.push({ id: key, ...(decodeJson(value, `lease ${key}`) as { ttlSeconds: number }) });
    const versions = this.#tables.changes.getRange({}).map(({ key, value }) => decodeChange(key, value));
    const alarmsRow = this.#tables.state.get("alarms");
    const alarms = alarmsRow === undefined ? [] : (decodeJson(alarmsRow, "alarms") as readonly Alarm[]);
    return { counters, leases, versions, alarms };
  }

  /** Reads every value once. */
  verifyValues(): void {
    for (const { key } of this.#tables.changes.getRange({})) this.load(key);
  }

  load(position: number): Uint8Array {
    try {
      return decodeValue(position, this.#tables.values.get(position));
    } catch (error) {
      throw storeError(error, "corrupt");
    }
  }

  async write(batch: JournalBatch): Promise<void> {
    try {
      const parts: Promise<boolean>[] = [];
      const whole = this.#tables.root.batch(() => {
        for (const change of batch.written) {
          parts.push(this.#tables.changes.put(change.position, encodeChange(change)), this.#tables.values.put(change.position, encodeValue(change.bytes)));
        }
        for (const position of batch.removed) parts.push(this.#tables.changes.remove(position), this.#tables.values.remove(position));
        for (const { id, ttlSeconds } of batch.leasesGranted) parts.push(this.#tables.leases.put(id, encodeJson({ ttlSeconds })));
        for (const id of batch.leasesRevoked) parts.push(this.#tables.leases.remove(id));
        if (batch.alarms !== undefined) parts.push(this.#tables.state.put("alarms", encodeJson(batch.alarms)));
        if (batch.compacted) parts.push(this.#tables.state.put("counters", encodeJson(batch.counters)));
      });
      // All of them fail together, and the parts' rejections must be taken too.
      await Promise.all([whole, ...parts]);
    } catch (error) {
      throw storeError(await commitError(error), (await isFull(this.#path)) ? "noSpace" : "unavailable");
    } finally {
      // The next read must see this commit.
      this.#tables.root.resetReadTxn();
    }
  }

  size(): StoreSize {
    const { root, ...tables } = this.#tables;
    const stats = [tables.changes, tables.values, tables.leases, tables.state].map(statsOf);
    const pages = stats.reduce(
      (sum, { treeBranchPageCount, treeLeafPageCount, overflowPages }) => sum + treeBranchPageCount + treeLeafPageCount + overflowPages,
      0,
    );
    const { pageSize, lastPageNumber } = statsOf(root);
    return { totalBytes: (lastPageNumber + 1) * pageSize, usedBytes: pages * pageSize };
  }

  /** Copies what is used into a new file, takes it in place of the old one, and only then lets go of the old one. */
  async shrink(): Promise<void> {
    const folder = join(this.#path, "compacted");
    try {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { mode: 0o700 });
      await this.#tables.root.backup(folder, true);
      const compacted = openTables(folder);
      const before = this.#tables;
      this.#tables = compacted;
      await rename(join(folder, "data.mdb"), join(this.#path, "data.mdb"));
      await rename(join(folder, "lock.mdb"), join(this.#path, "lock.mdb"));
      await before.root.close();
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      throw storeError(error, "unavailable");
    }
  }

  async close(): Promise<void> {
    await this.#tables.root.close();
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
