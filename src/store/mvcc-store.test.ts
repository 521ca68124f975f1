// What the store does with a journal that is slow or fails: the contract suite runs over whole backends only.
import { describe, expect, it } from "vitest";
import { createVirtualEnv } from "../base/index.ts";
import type { Journal, JournalBatch } from "./journal.ts";
import { MvccStore } from "./mvcc-store.ts";
import { StoreError } from "./store.ts";
import { always, put, recordingSink, text } from "./testing.ts";

/** Keeps values in memory and writes when told to. */
class ManualJournal implements Journal {
  readonly values = new Map<number, Uint8Array>();
  readonly batches: JournalBatch[] = [];
  #finish: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  write(batch: JournalBatch): Promise<void> {
    this.batches.push(batch);
    return new Promise((resolve, reject) => {
      this.#finish = {
        resolve: () => {
          for (const { position, bytes } of batch.written) this.values.set(position, bytes);
          resolve();
        },
        reject,
      };
    });
  }

  async finish(error?: unknown): Promise<void> {
    const finish = this.#finish;
    this.#finish = undefined;
    if (error === undefined) finish?.resolve();
    else finish?.reject(error);
    await turn();
  }

  load(position: number): Uint8Array {
    const value = this.values.get(position);
    if (value === undefined) throw new StoreError("corrupt", `no value ${position}`);
    return value;
  }

  size() {
    return { totalBytes: 0, usedBytes: 0 };
  }

  shrink(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("the store over a journal", () => {
  const open = () => {
    const journal = new ManualJournal();
    const { env, clock } = createVirtualEnv();
    return { journal, clock, store: new MvccStore(env, { journal }) };
  };

  it("shows nothing before it is durable, and puts what waits into one batch", async () => {
    const { journal, store } = open();
    const sink = recordingSink();
    store.watch({ key: "a", end: "z" }, sink);
    const answered: string[] = [];
    const write = (key: string) => store.txn(always(put(key, "1"))).then(() => answered.push(key));
    const writes = [write("a"), write("b")];
    await turn();
    writes.push(write("c"), write("d"));
    await turn();
    expect(journal.batches.map(({ written }) => written.map(({ key }) => key))).toEqual([["a", "b"]]);
    expect(store.revision()).toBe(1);
    expect(await store.range({ key: "a", end: "z" })).toMatchObject({ revision: 1, count: 0 });
    expect([...sink.seen, ...answered]).toEqual([]);

    await journal.finish();
    expect(answered).toEqual(["a", "b"]);
    expect(sink.seen).toEqual(["put a=1@2", "put b=1@3"]);
    expect(store.revision()).toBe(3);
    expect(journal.batches[1]?.written.map(({ key }) => key)).toEqual(["c", "d"]);
    await journal.finish();
    await Promise.all(writes);
    const read = await store.range({ key: "c" });
    expect(read.ok && read.items.map(({ value }) => text(value))).toEqual(["1"]);
  });

  it("answers a comparison with what is not durable yet only when it is", async () => {
    const { journal, store } = open();
    void store.txn(always(put("a", "1")));
    let answered = false;
    const failed = store.txn({ compare: [{ key: "a", target: "version", operator: "equal", value: 0 }], success: [put("a", "2")], failure: [] });
    void failed.then(() => {
      answered = true;
    });
    await turn();
    expect(answered).toBe(false);
    await journal.finish();
    expect(await failed).toMatchObject({ succeeded: false, revision: 2 });
  });

  it("takes back what could not be written, and all that was built on it", async () => {
    const { journal, store } = open();
    const sink = recordingSink();
    const first = store.grantLease(7, 60);
    const base = store.txn(always(put("a", "1", { lease: 7 })));
    await turn();
    await journal.finish();
    await Promise.all([first, base]);
    store.watch({ key: "a", end: "z" }, sink);

    const full = new StoreError("noSpace", "the disk is full");
    const rejected = [store.txn(always(put("a", "2"), put("b", "1"))), store.revokeLease(7), store.grantLease(8, 60)];
    const outcomes = Promise.allSettled(rejected);
    await turn();
    const built = Promise.allSettled([store.txn(always(put("b", "2"))), store.txn(always({ type: "delete", key: "a" }))]);
    await journal.finish(full);
    for (const outcome of [...(await outcomes), ...(await built)]) expect(outcome).toEqual({ status: "rejected", reason: full });
    expect(store.revision()).toBe(2);
    expect(await store.range({ key: "a", end: "z" })).toMatchObject({ count: 1, items: [{ key: "a", modRevision: 2, lease: 7 }] });
    expect(await store.lease(7)).toMatchObject({ keys: ["a"] });
    expect(await store.leases()).toEqual([7]);

    const later = store.txn(always(put("a", "3")));
    await turn();
    await journal.finish();
    expect((await later).revision).toBe(3);
    expect(sink.seen).toEqual(["put a=3@3"]);
  });

  it("removes in the end what compaction forgot, even when the first attempt failed", async () => {
    const { journal, store } = open();
    for (const value of ["1", "2", "3"]) {
      const write = store.txn(always(put("a", value)));
      await turn();
      await journal.finish();
      await write;
    }
    const compaction = store.compact(4).catch((error: unknown) => error);
    await turn();
    await journal.finish(new StoreError("unavailable", "no"));
    expect(await compaction).toMatchObject({ reason: "unavailable" });
    const write = store.txn(always(put("b", "1")));
    await turn();
    await journal.finish();
    await write;
    expect(journal.batches.at(-1)).toMatchObject({ removed: [1, 2], compacted: true, counters: { compactRevision: 4 } });
  });

  it("finishes what is being written before it closes", async () => {
    const { journal, store } = open();
    const write = store.txn(always(put("a", "1")));
    await turn();
    const closing = store.close();
    await journal.finish();
    expect((await write).revision).toBe(2);
    await closing;
  });
});
