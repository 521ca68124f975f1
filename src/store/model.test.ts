// The store against a model that is too simple to be wrong: every revision's whole state, kept in a list.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createVirtualEnv } from "../base/index.ts";
import { keyRange } from "./key-range.ts";
import { createMemoryStore } from "./memory.ts";
import type { Key, Operation, Store, WatchEvent } from "./store.ts";
import { bytes, text } from "./testing.ts";

interface Pair {
  readonly key: Key;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
}
type State = ReadonlyMap<Key, Pair>;

class Model {
  /** By revision; index 0 and 1 are the empty store. */
  readonly states: State[] = [new Map(), new Map()];
  readonly events: { readonly revision: number; readonly line: string; readonly key: Key }[] = [];
  compacted = 0;

  get revision(): number {
    return this.states.length - 1;
  }

  change(changes: readonly Operation[]): void {
    const next = new Map(this.states[this.revision]);
    const revision = this.revision + 1;
    let changed = false;
    for (const operation of changes) {
      if (operation.type === "put") {
        const before = next.get(operation.key);
        const value = text(operation.value);
        next.set(operation.key, { key: operation.key, value, create: before?.create ?? revision, mod: revision, version: (before?.version ?? 0) + 1 });
        this.events.push({ revision, key: operation.key, line: `put ${operation.key}=${value}@${revision}` });
        changed = true;
      } else if (operation.type === "delete") {
        for (const key of inRange(next, operation.key, operation.end)) {
          next.delete(key);
          this.events.push({ revision, key, line: `delete ${key}@${revision}` });
          changed = true;
        }
      }
    }
    if (changed) this.states.push(next);
  }

  range(key: Key, end: Key | undefined, revision: number): Pair[] {
    const state = this.states[revision] ?? new Map<Key, Pair>();
    return inRange(state, key, end).flatMap((found) => state.get(found) ?? []);
  }
}

function inRange(state: State, key: Key, end: Key | undefined): Key[] {
  const range = keyRange(key, end);
  return [...state.keys()].filter((candidate) => candidate >= range.start && candidate < range.end).sort();
}

type Step =
  | { readonly type: "write"; readonly operations: readonly Operation[] }
  | { readonly type: "swap"; readonly key: Key; readonly ageOfRead: number; readonly value: string }
  | { readonly type: "read"; readonly key: Key; readonly end: Key | undefined; readonly age: number }
  | { readonly type: "compact"; readonly age: number }
  | { readonly type: "watch"; readonly key: Key; readonly end: Key | undefined; readonly age: number };

const key = fc.constantFrom("a", "a\0", "a/b", "b", "b\u00ff", "c", "\u0001", "\u00ff");
const end = fc.option(fc.oneof(key, fc.constant("\0")), { nil: undefined });
const value = fc.string({ maxLength: 3, unit: "grapheme-ascii" });
const age = fc.nat(12);
const put = fc.record({ key, value }).map(({ key: name, value: content }): Operation => ({ type: "put", key: name, value: bytes(content) }));
const remove = fc.record({ key, end }).map((fields): Operation => ({ type: "delete", ...fields }));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .uniqueArray(put, { maxLength: 3, selector: (operation) => (operation.type === "put" ? operation.key : "") })
      .map((operations): Step => ({ type: "write", operations })),
  },
  { weight: 2, arbitrary: fc.array(remove, { minLength: 1, maxLength: 2 }).map((operations): Step => ({ type: "write", operations })) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("swap" as const), key, ageOfRead: fc.nat(2), value }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("read" as const), key, end, age }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("compact" as const), age }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("watch" as const), key, end, age }) },
);

interface Watching {
  readonly from: number;
  readonly key: Key;
  readonly end: Key | undefined;
  readonly seen: string[];
  compacted: boolean;
}

async function run(store: Store, model: Model, watchers: Watching[], next: Step): Promise<void> {
  switch (next.type) {
    case "write":
      await store.txn({ compare: [], success: next.operations, failure: [] });
      model.change(next.operations);
      break;
    case "swap": {
      const read = Math.max(1, model.revision - next.ageOfRead);
      const mod = model.range(next.key, undefined, read)[0]?.mod ?? 0;
      const success: Operation[] = [{ type: "put", key: next.key, value: bytes(next.value) }];
      const result = await store.txn({ compare: [{ key: next.key, target: "modRevision", operator: "equal", value: mod }], success, failure: [] });
      const expected = (model.range(next.key, undefined, model.revision)[0]?.mod ?? 0) === mod;
      expect(result.succeeded).toBe(expected);
      if (expected) model.change(success);
      break;
    }
    case "read": {
      const revision = Math.max(1, model.revision - next.age);
      const result = await store.range({ key: next.key, end: next.end, revision });
      if (revision < model.compacted) expect(result).toMatchObject({ ok: false, reason: "compacted", compactRevision: model.compacted });
      else expect(pairs(result)).toEqual(model.range(next.key, next.end, revision));
      break;
    }
    case "compact": {
      const revision = Math.max(0, model.revision - next.age);
      const done = await store.compact(revision);
      expect(done).toBe(revision > model.compacted);
      if (done) model.compacted = revision;
      break;
    }
    case "watch": {
      const watching: Watching = {
        from: Math.max(1, model.revision - next.age),
        key: next.key,
        end: next.end,
        seen: [],
        compacted: model.compacted > Math.max(1, model.revision - next.age),
      };
      watchers.push(watching);
      store.watch(
        { key: next.key, end: next.end, startRevision: watching.from },
        {
          events: (events: readonly WatchEvent[]) => {
            for (const { type, kv } of events)
              watching.seen.push(type === "put" ? `put ${kv.key}=${text(kv.value)}@${kv.modRevision}` : `delete ${kv.key}@${kv.modRevision}`);
          },
          closed: (reason) => watching.seen.push(reason),
        },
      );
      // History is read in the next turn; what is compacted before then is lost to it.
      await Promise.resolve();
      break;
    }
  }
}

function pairs(result: Awaited<ReturnType<Store["range"]>>): Pair[] | string {
  if (!result.ok) return result.reason;
  return result.items.map((kv) => ({ key: kv.key, value: text(kv.value), create: kv.createRevision, mod: kv.modRevision, version: kv.version }));
}

describe("the store and its model", () => {
  it("agree on every read, comparison, compaction and watch", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const store = createMemoryStore(createVirtualEnv().env);
        const model = new Model();
        const watchers: Watching[] = [];
        for (const next of steps) {
          await run(store, model, watchers, next);
          expect(store.revision()).toBe(model.revision);
        }
        expect(pairs(await store.range({ key: "\0", end: "\0" }))).toEqual(model.range("\0", "\0", model.revision));
        for (const watching of watchers) {
          const range = keyRange(watching.key, watching.end);
          const expected = model.events.filter((event) => event.revision >= watching.from && event.key >= range.start && event.key < range.end);
          expect(watching.seen).toEqual(watching.compacted ? ["compacted"] : expected.map(({ line }) => line));
        }
        await store.close();
      }),
      { numRuns: 300 },
    );
  });
});
