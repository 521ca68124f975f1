// What every store must do: one suite, run over each backend. `open` gives an empty store and the clock that its leases run on.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prefixEnd } from "./key-range.ts";
import { type Operation, type RangeRequest, type Store, StoreError, type StoreOptions, type TxnRequest, type WatchEvent, type WatchRequest } from "./store.ts";
import { always, bytes, put, recordingSink, type StoreUnderTest, shown, text } from "./testing.ts";

export function storeContract(name: string, open: (options?: StoreOptions) => Promise<StoreUnderTest>): void {
  describe(`${name} store`, () => {
    let opened: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.cleanUp());
    const subject = (): StoreUnderTest => opened;

    const range = async (key: string, end?: string, revision?: number) => {
      const result = await store.range({ key, end, revision });
      return result.ok ? result.items.map(shown) : result;
    };
    const values = async (key: string, end?: string, revision?: number) => {
      const result = await store.range({ key, end, revision });
      return result.ok ? result.items.map((kv) => `${kv.key}=${text(kv.value)}`) : result.reason;
    };

    describe("revisions", () => {
      it("begins at 1 and moves by one with every transaction that changes something", async () => {
        expect(store.revision()).toBe(1);
        expect((await store.txn(always(put("a", "1"), put("b", "1")))).revision).toBe(2);
        expect((await store.txn(always({ type: "delete", key: "none" }))).revision).toBe(2);
        expect((await store.txn(always(put("a", "2")))).revision).toBe(3);
        expect(store.revision()).toBe(3);
        expect(await range("a", "c")).toEqual([
          { key: "a", value: "2", create: 2, mod: 3, version: 2, lease: 0 },
          { key: "b", value: "1", create: 2, mod: 2, version: 1, lease: 0 },
        ]);
      });

      it("starts a key's life anew after a deletion", async () => {
        await store.txn(always(put("a", "1")));
        await store.txn(always({ type: "delete", key: "a" }));
        expect(await range("a")).toEqual([]);
        await store.txn(always(put("a", "2")));
        expect(await range("a")).toEqual([{ key: "a", value: "2", create: 4, mod: 4, version: 1, lease: 0 }]);
      });

      it("keeps the past readable", async () => {
        await store.txn(always(put("a", "1")));
        await store.txn(always(put("a", "2")));
        await store.txn(always({ type: "delete", key: "a" }));
        expect(await values("a", undefined, 1)).toEqual([]);
        expect(await values("a", undefined, 2)).toEqual(["a=1"]);
        expect(await values("a", undefined, 3)).toEqual(["a=2"]);
        expect(await values("a", undefined, 4)).toEqual([]);
        expect(await store.range({ key: "a", revision: 5 })).toEqual({ ok: false, reason: "futureRevision", revision: 4 });
      });
    });

    describe("ranges", () => {
      beforeEach(async () => {
        await store.txn(always(put("/a", "1"), put("/a/b", "2"), put("/b", "3"), put("/\u00ff", "4")));
      });

      it("orders by bytes, excludes the end, and takes \\0 as no end", async () => {
        expect(await values("/a", "/b")).toEqual(["/a=1", "/a/b=2"]);
        expect(await values("/a", prefixEnd("/a"))).toEqual(["/a=1", "/a/b=2"]);
        expect(await values("/a/", "\0")).toEqual(["/a/b=2", "/b=3", "/\u00ff=4"]);
        expect(await values("\0", "\0")).toHaveLength(4);
        expect(await values("/b", "/a")).toEqual([]);
        expect(await values("/a/b")).toEqual(["/a/b=2"]);
      });

      it("limits, counts and leaves values out", async () => {
        const limited = await store.range({ key: "/", end: "0", limit: 2 });
        expect(limited).toMatchObject({ ok: true, revision: 2, count: 4, more: true });
        expect(limited.ok && limited.items.length).toBe(2);
        expect(await store.range({ key: "/", end: "0", limit: 4 })).toMatchObject({ count: 4, more: false });
        expect(await store.range({ key: "/", end: "0", countOnly: true })).toEqual({ ok: true, revision: 2, items: [], count: 4, more: false });
        const keys = await store.range({ key: "/a", keysOnly: true });
        expect(keys.ok && keys.items.map(shown)).toEqual([{ key: "/a", value: "", create: 2, mod: 2, version: 1, lease: 0 }]);
      });

      it("sorts, filters by revision, and cuts what is left", async () => {
        await store.txn(always(put("/b", "9")));
        await store.txn(always(put("/a", "5")));
        const keys = async (more: Partial<RangeRequest>) => {
          const result = await store.range({ key: "/", end: "0", ...more });
          return result.ok && [result.items.map(({ key }) => key).join(" "), result.count, result.more];
        };
        expect(await keys({ sort: { by: "key", descending: true } })).toEqual(["/\u00ff /b /a/b /a", 4, false]);
        expect(await keys({ sort: { by: "modRevision", descending: true }, limit: 2 })).toEqual(["/a /b", 4, true]);
        expect(await keys({ sort: { by: "value" } })).toEqual(["/a/b /\u00ff /a /b", 4, false]);
        expect(await keys({ sort: { by: "version", descending: true }, limit: 2 })).toEqual(["/a /b", 4, true]);
        expect(await keys({ minModRevision: 3 })).toEqual(["/a /b", 4, false]);
        expect(await keys({ minModRevision: 3, maxModRevision: 3 })).toEqual(["/b", 4, false]);
        expect(await keys({ minCreateRevision: 3 })).toEqual(["", 4, false]);
        expect(await keys({ maxCreateRevision: 2, limit: 1, sort: { by: "createRevision" } })).toEqual(["/a", 4, true]);
      });

      it("refuses keys that are not bytes", async () => {
        await expect(store.range({ key: "" })).rejects.toMatchObject({ reason: "invalid" });
        await expect(store.txn(always(put("\u0100", "")))).rejects.toMatchObject({ reason: "invalid" });
      });
    });

    transactions(subject, range);
    watching(subject);
    compaction(subject, values);
    leases(subject, values);
    snapshots(subject, open);
    quotas(open);

    it("refuses work after it was closed and tells its watchers", async () => {
      const sink = recordingSink();
      store.watch({ key: "a" }, sink);
      await store.close();
      expect(sink.seen).toEqual(["closed storeClosed"]);
      await expect(store.txn(always(put("a", "1")))).rejects.toThrow(StoreError);
      await expect(store.range({ key: "a" })).rejects.toMatchObject({ reason: "closed" });
    });
  });
}

function transactions(subject: () => StoreUnderTest, range: (key: string) => Promise<unknown>): void {
  describe("transactions", () => {
    it("compares, then runs one branch", async () => {
      const { store } = subject();
      const createOnce: TxnRequest = {
        compare: [{ key: "a", target: "modRevision", operator: "equal", value: 0 }],
        success: [put("a", "first")],
        failure: [{ type: "range", key: "a" }],
      };
      expect(await store.txn(createOnce)).toEqual({ revision: 2, succeeded: true, responses: [{ type: "put" }] });
      const second = await store.txn(createOnce);
      expect(second).toMatchObject({ revision: 2, succeeded: false, responses: [{ type: "range", result: { count: 1, revision: 2 } }] });
    });

    it.each([
      ["version", "equal", 2, true],
      ["version", "greater", 2, false],
      ["createRevision", "equal", 2, true],
      ["modRevision", "less", 4, true],
      ["modRevision", "notEqual", 3, false],
      ["lease", "equal", 0, true],
      ["value", "equal", "two", true],
      ["value", "less", "twp", true],
      ["value", "greater", "tw", true],
      ["value", "notEqual", "two", false],
    ] as const)("compares %s %s %s", async (target, operator, value, expected) => {
      const { store } = subject();
      await store.txn(always(put("a", "one")));
      await store.txn(always(put("a", "two")));
      const compared = typeof value === "string" ? bytes(value) : value;
      expect((await store.txn({ compare: [{ key: "a", target, operator, value: compared }], success: [], failure: [] })).succeeded).toBe(expected);
    });

    it("treats a missing key as all zero, without a value", async () => {
      const { store } = subject();
      const check = async (compare: TxnRequest["compare"][number]) => (await store.txn({ compare: [compare], success: [], failure: [] })).succeeded;
      expect(await check({ key: "a", target: "version", operator: "equal", value: 0 })).toBe(true);
      expect(await check({ key: "a", target: "value", operator: "notEqual", value: bytes("x") })).toBe(false);
      await store.txn(always(put("b1", ""), put("b2", "")));
      expect(await check({ key: "b", end: "c", target: "version", operator: "equal", value: 1 })).toBe(true);
      await store.txn(always(put("b2", "")));
      expect(await check({ key: "b", end: "c", target: "version", operator: "equal", value: 1 })).toBe(false);
    });

    it("sees its own writes, but compares before them all, nested ones too", async () => {
      const { store } = subject();
      const nested: Operation = {
        type: "txn",
        compare: [{ key: "a", target: "version", operator: "equal", value: 0 }],
        success: [{ type: "range", key: "a" }],
        failure: [],
      };
      const result = await store.txn(always(put("a", "1"), nested));
      expect(result).toMatchObject({ revision: 2, responses: [{ type: "put" }, { type: "txn", succeeded: true, responses: [{ result: { count: 1 } }] }] });
    });

    it("gives back what was there before", async () => {
      const { store } = subject();
      await store.txn(always(put("a", "1"), put("b", "2")));
      const changed = await store.txn(always(put("a", "2", { prevKv: true }), { type: "delete", key: "b", end: "c", prevKv: true }));
      expect(changed.responses[0]).toMatchObject({ prevKv: { modRevision: 2, version: 1 } });
      expect(changed.responses[1]).toMatchObject({ type: "delete", deleted: 1, prevKvs: [{ key: "b", createRevision: 2 }] });
    });

    it("changes nothing when it is refused", async () => {
      const { store } = subject();
      const refused: [TxnRequest, string][] = [
        [always(put("a", "1"), put("a", "2")), "duplicateKey"],
        [always(put("b", "1"), { type: "delete", key: "a", end: "c" }), "duplicateKey"],
        [always(put("a", "1"), put("c", "1", { lease: 7 })), "leaseNotFound"],
        [always(put("a", "1"), put("c", "", { ignoreValue: true })), "keyNotFound"],
        [always(put("a", "1"), { type: "range", key: "a", revision: 9 }), "futureRevision"],
        [always(put("a", "1"), { type: "txn", ...always(put("a", "2")) }), "duplicateKey"],
      ];
      for (const [request, reason] of refused) await expect(store.txn(request)).rejects.toMatchObject({ name: "StoreError", reason });
      expect(store.revision()).toBe(1);
      expect(await range("a")).toEqual([]);
    });

    it("lets two branches of which one runs write the same key", async () => {
      const { store } = subject();
      const either: Operation = { type: "txn", compare: [], success: [put("a", "1")], failure: [put("a", "2")] };
      expect((await store.txn(always(either))).revision).toBe(2);
    });

    it("keeps value or lease when asked", async () => {
      const { store } = subject();
      await store.grantLease(5, 60);
      await store.txn(always(put("a", "1", { lease: 5 })));
      await store.txn(always(put("a", "2", { ignoreLease: true })));
      expect(await range("a")).toMatchObject([{ value: "2", lease: 5 }]);
      await store.txn(always(put("a", "", { ignoreValue: true })));
      expect(await range("a")).toMatchObject([{ value: "2", lease: 0, version: 3 }]);
    });

    it("runs concurrent writers one after the other", async () => {
      const { store } = subject();
      const increment = async (): Promise<void> => {
        for (;;) {
          const now = await store.range({ key: "n" });
          const current = now.ok ? now.items[0] : undefined;
          const next = String(Number(current === undefined ? 0 : text(current.value)) + 1);
          const mine: TxnRequest = {
            compare: [{ key: "n", target: "modRevision", operator: "equal", value: current?.modRevision ?? 0 }],
            success: [put("n", next)],
            failure: [],
          };
          if ((await store.txn(mine)).succeeded) return;
        }
      };
      await Promise.all(Array.from({ length: 8 }, increment));
      expect(await range("n")).toMatchObject([{ value: "8", version: 8 }]);
    });
  });
}

function watching(subject: () => StoreUnderTest): void {
  const watch = (request: WatchRequest) => {
    const sink = recordingSink();
    return { sink, handle: subject().store.watch(request, sink) };
  };

  describe("watching", () => {
    it("delivers the changes of a range in order, before the writer is answered", async () => {
      const { store } = subject();
      await store.txn(always(put("/pods/old", "0")));
      const { sink } = watch({ key: "/pods/", end: prefixEnd("/pods/") });
      await store.txn(always(put("/pods/b", "1"), put("/pods/a", "1"), put("/nodes/n", "1")));
      expect(sink.seen).toEqual(["put /pods/b=1@3", "put /pods/a=1@3"]);
      await store.txn(always({ type: "delete", key: "/pods/", end: prefixEnd("/pods/") }));
      expect(sink.seen.slice(2)).toEqual(["delete /pods/a=@4", "delete /pods/b=@4", "delete /pods/old=@4"]);
    });

    it("gives the previous pair only to those who ask", async () => {
      const { store } = subject();
      const plain = watch({ key: "a" });
      const withPrevious = watch({ key: "a", prevKv: true });
      await store.txn(always(put("a", "1")));
      await store.txn(always(put("a", "2")));
      await store.txn(always({ type: "delete", key: "a" }));
      expect(plain.sink.seen).toEqual(["put a=1@2", "put a=2@3", "delete a=@4"]);
      expect(withPrevious.sink.seen).toEqual(["put a=1@2", "put a=2@3 was 1", "delete a=@4 was 2"]);
    });

    it("leaves out the kinds of events that are not wanted", async () => {
      const { store } = subject();
      await store.txn(always(put("a", "1")));
      await store.txn(always({ type: "delete", key: "a" }));
      const puts = watch({ key: "a", without: ["delete"], startRevision: 2 });
      const deletes = watch({ key: "a", without: ["put"], startRevision: 2 });
      await store.txn(always(put("a", "2")));
      await store.txn(always({ type: "delete", key: "a" }));
      expect(await puts.sink.count(2)).toEqual(["put a=1@2", "put a=2@4"]);
      expect(await deletes.sink.count(2)).toEqual(["delete a=@3", "delete a=@5"]);
    });

    it("never tears the events of one revision apart", async () => {
      const { store } = subject();
      const many = (from: number, count: number) => always(...Array.from({ length: count }, (_, index) => put(`k${from + index}`, "")));
      await store.txn(many(0, 700));
      await store.txn(many(1000, 700));
      const calls: number[] = [];
      let wake: () => void = () => undefined;
      const done = new Promise<void>((resolve) => {
        wake = resolve;
      });
      store.watch(
        { key: "k", end: "l", startRevision: 2 },
        {
          events: (events) => {
            calls.push(events.length);
            wake();
          },
          closed: () => undefined,
        },
      );
      await done;
      expect(calls).toEqual([1400]);
    });

    it("begins in the past and goes on without gap or repetition", async () => {
      const { store } = subject();
      for (let value = 1; value <= 3; value++) await store.txn(always(put("a", String(value))));
      const { sink } = watch({ key: "a", startRevision: 3 });
      const writing = store.txn(always(put("a", "4")));
      expect(sink.seen.filter((line) => line !== "put a=4@5")).toEqual([]);
      await writing;
      await store.txn(always(put("a", "5")));
      expect(await sink.count(4)).toEqual(["put a=2@3", "put a=3@4", "put a=4@5", "put a=5@6"]);
    });

    it("begins in the future", async () => {
      const { store } = subject();
      const { sink } = watch({ key: "a", startRevision: 4 });
      for (let value = 1; value <= 3; value++) await store.txn(always(put("a", String(value))));
      expect(sink.seen).toEqual(["put a=3@4"]);
    });

    it("tells how far it is, after the history", async () => {
      const { store } = subject();
      await store.txn(always(put("a", "1")));
      const { sink, handle } = watch({ key: "a", startRevision: 1 });
      handle.requestProgress();
      expect(await sink.count(2)).toEqual(["put a=1@2", "progress 2"]);
    });

    it("ends when cancelled, and says so once", async () => {
      const { store } = subject();
      const { sink, handle } = watch({ key: "a" });
      handle.cancel();
      handle.cancel();
      await store.txn(always(put("a", "1")));
      expect(sink.seen).toEqual(["closed cancelled"]);
    });

    it("calls a sink only when no sink is running", async () => {
      const { store } = subject();
      const depths: number[] = [];
      let depth = 0;
      const writes: Promise<unknown>[] = [];
      const sink = {
        events(events: readonly WatchEvent[]): void {
          depths.push(++depth);
          if (events.some(({ kv }) => text(kv.value) === "1")) writes.push(store.txn(always(put("a", "2"))));
          depth--;
        },
        closed(): void {
          depths.push(++depth);
          depth--;
        },
      };
      store.watch({ key: "a" }, sink);
      store.watch({ key: "a" }, sink);
      await store.txn(always(put("a", "1")));
      await Promise.all(writes);
      expect(Math.max(...depths)).toBe(1);
    });
  });
}

function compaction(subject: () => StoreUnderTest, values: (key: string, end?: string, revision?: number) => Promise<unknown>): void {
  describe("compaction", () => {
    beforeEach(async () => {
      const { store } = subject();
      await store.txn(always(put("a", "1"), put("b", "1")));
      await store.txn(always(put("a", "2")));
      await store.txn(always({ type: "delete", key: "b" }));
      await store.txn(always(put("a", "3")));
    });

    it("forgets what is older, and nothing that can still be read", async () => {
      const { store } = subject();
      expect(await store.compact(3)).toBe(true);
      expect(await store.range({ key: "a", revision: 2 })).toEqual({ ok: false, reason: "compacted", compactRevision: 3, revision: 5 });
      expect(await values("a", "c", 3)).toEqual(["a=2", "b=1"]);
      expect(await values("a", "c", 4)).toEqual(["a=2"]);
      expect(await values("a", "c")).toEqual(["a=3"]);
    });

    it("refuses to go back or ahead", async () => {
      const { store } = subject();
      expect(await store.compact(6)).toBe(false);
      expect(await store.compact(3)).toBe(true);
      expect(await store.compact(3)).toBe(false);
      expect(await store.compact(2)).toBe(false);
      expect(await store.compact(5)).toBe(true);
    });

    it("closes a watcher that needs the forgotten past, and serves one at its edge", async () => {
      const { store } = subject();
      await store.compact(4);
      const late = recordingSink();
      store.watch({ key: "a", end: "c", startRevision: 3 }, late);
      expect(await late.count(1)).toEqual(["closed compacted 4"]);
      const edge = recordingSink();
      store.watch({ key: "a", end: "c", startRevision: 4, prevKv: true }, edge);
      expect(await edge.count(2)).toEqual(["delete b=@4", "put a=3@5 was 2"]);
    });
  });
}

function leases(subject: () => StoreUnderTest, values: (key: string, end?: string) => Promise<unknown>): void {
  describe("leases", () => {
    it("delete their keys in one revision when they end", async () => {
      const { store, clock } = subject();
      await store.grantLease(7, 10);
      await store.txn(always(put("a", "1", { lease: 7 }), put("b", "1", { lease: 7 }), put("c", "1")));
      const sink = recordingSink();
      store.watch({ key: "a", end: "z" }, sink);
      await clock.advance(9_999);
      expect(await values("a", "z")).toHaveLength(3);
      await clock.advance(1);
      expect(await sink.count(2)).toEqual(["delete a=@3", "delete b=@3"]);
      expect(await values("a", "z")).toEqual(["c=1"]);
      expect(await store.leases()).toEqual([]);
      expect(await store.keepLeaseAlive(7)).toBeUndefined();
    });

    it("live on when renewed", async () => {
      const { store, clock } = subject();
      await store.grantLease(7, 10);
      await store.txn(always(put("a", "1", { lease: 7 })));
      await clock.advance(8_000);
      expect(await store.lease(7)).toEqual({ id: 7, grantedTtlSeconds: 10, remainingSeconds: 2, keys: ["a"] });
      expect(await store.keepLeaseAlive(7)).toBe(10);
      await clock.advance(8_000);
      expect(await values("a")).toEqual(["a=1"]);
    });

    it("let go of a key that is written without them", async () => {
      const { store } = subject();
      await store.grantLease(7, 10);
      await store.grantLease(8, 10);
      await store.txn(always(put("a", "1", { lease: 7 }), put("b", "1", { lease: 7 })));
      await store.txn(always(put("a", "2"), put("b", "2", { lease: 8 })));
      await store.revokeLease(7);
      expect(await values("a", "c")).toEqual(["a=2", "b=2"]);
      await store.revokeLease(8);
      expect(await values("a", "c")).toEqual(["a=2"]);
    });

    it("are refused when they are not sound", async () => {
      const { store } = subject();
      const chosen = await store.grantLease(0, 5);
      expect(chosen.id).toBeGreaterThan(0);
      await expect(store.grantLease(chosen.id, 5)).rejects.toMatchObject({ reason: "leaseExists" });
      await expect(store.grantLease(1, 0)).rejects.toMatchObject({ reason: "invalid" });
      await expect(store.revokeLease(12345)).rejects.toMatchObject({ reason: "leaseNotFound" });
      expect(await store.lease(12345)).toBeUndefined();
    });
  });
}

function snapshots(subject: () => StoreUnderTest, open: (options?: StoreOptions) => Promise<StoreUnderTest>): void {
  const retained = (store: Store) => {
    const snapshot = store.snapshot();
    const rows = [...snapshot.changes()].map((change) => `${change.modRevision}.${change.subRevision} ${change.key}=${text(change.value)}#${change.version}`);
    snapshot.release();
    return rows;
  };

  describe("snapshots", () => {
    it("hold every retained change as of one revision, whatever happens meanwhile", async () => {
      const { store } = subject();
      await store.txn(always(put("a", "1"), put("b", "1")));
      await store.txn(always(put("a", "2")));
      const snapshot = store.snapshot();
      await store.txn(always({ type: "delete", key: "b" }));
      await store.compact(4);
      expect(snapshot).toMatchObject({ revision: 3, compactRevision: 0 });
      expect(Array.from(snapshot.changes(), ({ key, value, subRevision }) => `${key}${subRevision}=${text(value)}`)).toEqual(["a0=1", "b1=1", "a0=2"]);
      snapshot.release();
      expect(retained(store)).toEqual(["3.0 a=2#2", "4.0 b=#0"]);
      await store.txn(always(put("c", "1")));
      expect(retained(store)).toEqual(["3.0 a=2#2", "4.0 b=#0", "5.0 c=1#1"]);
    });

    it("make another store the same", async () => {
      const { store } = subject();
      await store.grantLease(7, 60);
      await store.txn(always(put("a", "1", { lease: 7 }), put("b", "1")));
      await store.txn(always(put("a", "2", { lease: 7 })));
      await store.txn(always({ type: "delete", key: "b" }));
      await store.compact(3);
      const snapshot = store.snapshot();
      const other = await open({ restore: snapshot });
      snapshot.release();
      expect(other.store.revision()).toBe(4);
      expect(retained(other.store)).toEqual(retained(store));
      expect(await other.store.range({ key: "a", revision: 2 })).toMatchObject({ reason: "compacted", compactRevision: 3 });
      expect(await other.store.lease(7)).toMatchObject({ grantedTtlSeconds: 60, keys: ["a"] });
      expect((await other.store.txn(always(put("b", "2")))).revision).toBe(5);
      await other.cleanUp();
    });

    it("survive that the space that holds no data is given back", async () => {
      const { store } = subject();
      for (let value = 0; value < 100; value++) await store.txn(always(put("a", String(value).repeat(2000))));
      await store.compact(store.revision());
      const { totalBytes } = store.size();
      const writing = store.txn(always(put("b", "1")));
      await Promise.all([store.defragment(), writing]);
      expect(store.size().totalBytes).toBeLessThanOrEqual(totalBytes + 2);
      expect(store.size().usedBytes).toBeLessThanOrEqual(store.size().totalBytes);
      await store.txn(always(put("c", "1")));
      expect(await store.range({ key: "a", end: "z" })).toMatchObject({ revision: 103, count: 3, items: [{ version: 100 }, { key: "b" }, { key: "c" }] });
    });
  });
}

function quotas(open: (options?: StoreOptions) => Promise<StoreUnderTest>): void {
  describe("a quota", () => {
    it("stops what adds data, and nothing else, until the alarm is taken off", async () => {
      const { store, cleanUp } = await open({ quotaBytes: 200_000 });
      const large = "x".repeat(30_000);
      const filled = async (): Promise<number> => {
        for (let number = 0; ; number++) {
          const full = await store.txn(always(put(`k${number}`, large))).then(
            () => false,
            (error: unknown) => error,
          );
          if (full !== false) {
            expect(full).toMatchObject({ reason: "noSpace" });
            return number;
          }
        }
      };
      expect(await filled()).toBeGreaterThan(2);
      expect(store.alarms()).toEqual(["noSpace"]);
      await expect(store.txn(always(put("small", "")))).rejects.toMatchObject({ reason: "noSpace" });
      await expect(store.grantLease(1, 10)).rejects.toMatchObject({ reason: "noSpace" });
      expect(await store.range({ key: "k0" })).toMatchObject({ count: 1 });
      const { revision } = await store.txn(always({ type: "delete", key: "k", end: "l" }));
      expect(await store.compact(revision)).toBe(true);
      await store.setAlarm("noSpace", false);
      expect(await filled()).toBeGreaterThan(0);
      await cleanUp();
    });
  });
}
