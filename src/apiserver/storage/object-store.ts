// Objects over the byte store: reading at a revision, creating, changing and deleting under a condition. It knows keys and
// bytes; what kinds are is the registry's business.
import { expiredError, StatusError } from "../../api/index.ts";
import { type Key, type KeyValue, type Operation, prefixEnd, type RangeResult, type Store } from "../../store/index.ts";
import { ObjectRevision } from "./object-revision.ts";

export interface RangeOptions {
  /** 0 or absent: now. */
  readonly revision?: number;
  readonly limit?: number;
}

export interface ObjectRange {
  readonly objects: readonly ObjectRevision[];
  /** What the answer is consistent with: the asked revision, or the store's newest. */
  readonly revision: number;
  /** Objects in the range, whatever the limit. */
  readonly count: number;
  readonly more: boolean;
}

/** What became of a conditional write. `current` is what stood in the way; undefined when nothing was there. */
export type WriteOutcome = { readonly ok: true; readonly written: ObjectRevision } | { readonly ok: false; readonly current: ObjectRevision | undefined };

export class ObjectStore {
  constructor(private readonly store: Store) {}

  /** The newest revision, as the store itself answers it: a list at this revision misses no acknowledged write. */
  async newestRevision(): Promise<number> {
    const result = await this.store.range({ key: "/registry", keysOnly: true, limit: 1 });
    return result.revision;
  }

  async get(key: Key): Promise<ObjectRevision | undefined> {
    const result = await this.store.range({ key });
    const item = result.ok ? result.items[0] : undefined;
    return item === undefined ? undefined : revisionOf(item);
  }

  /** Objects from `start` up to, not including, `end`. Throws Expired when the revision is compacted. */
  async range(start: Key, end: Key, options: RangeOptions = {}): Promise<ObjectRange> {
    const { revision = 0, limit = 0 } = options;
    const result = await this.store.range({ key: start, end, revision, limit });
    if (!result.ok) {
      if (result.reason === "compacted") throw expiredError(`resourceVersion ${revision} is too old: history before ${result.compactRevision} is compacted`);
      throw tooLargeResourceVersionError(revision, result.revision);
    }
    return { objects: result.items.map(revisionOf), revision: revision === 0 ? result.revision : revision, count: result.count, more: result.more };
  }

  rangeOfPrefix(prefix: Key, options?: RangeOptions): Promise<ObjectRange> {
    return this.range(prefix, prefixEnd(prefix), options);
  }

  /** Stores a new object. Refused when the key is taken. */
  create(key: Key, value: Uint8Array, lease = 0): Promise<WriteOutcome> {
    return this.#writeIf(key, 0, { type: "put", key, value, lease }, value);
  }

  /** Replaces the state that `expected` is. Refused when it is not the newest any more. */
  update(expected: ObjectRevision, value: Uint8Array, lease = 0): Promise<WriteOutcome> {
    return this.#writeIf(expected.key, expected.revision, { type: "put", key: expected.key, value, lease }, value);
  }

  /** Deletes the state that `expected` is. `written` is that state under the revision of the deletion. */
  delete(expected: ObjectRevision): Promise<WriteOutcome> {
    return this.#writeIf(expected.key, expected.revision, { type: "delete", key: expected.key }, expected.value);
  }

  async #writeIf(key: Key, modRevision: number, operation: Operation, value: Uint8Array): Promise<WriteOutcome> {
    const result = await this.store.txn({
      compare: [{ key, target: "modRevision", operator: "equal", value: modRevision }],
      success: [operation],
      failure: [{ type: "range", key }],
    });
    if (result.succeeded) return { ok: true, written: new ObjectRevision(key, result.revision, value) };
    const response = result.responses[0];
    const current = response?.type === "range" ? response.result.items[0] : undefined;
    return { ok: false, current: current === undefined ? undefined : revisionOf(current) };
  }
}

function revisionOf(item: RangeResult["items"][number] | KeyValue): ObjectRevision {
  return new ObjectRevision(item.key, item.modRevision, item.value);
}

/** A resourceVersion that the server has not reached yet; clients retry after a second. */
export function tooLargeResourceVersionError(asked: number, current: number): StatusError {
  return new StatusError({
    reason: "Timeout",
    code: 504,
    message: `Too large resource version: ${asked}, current: ${current}`,
    details: { retryAfterSeconds: 1, causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }] },
  });
}
