// The store in memory: for tests and embedded clusters. Every call takes effect before it returns.
import type { Env } from "../base/index.ts";
import { journalContents } from "./journal.ts";
import { MvccStore } from "./mvcc-store.ts";
import type { Store, StoreOptions } from "./store.ts";

export function createMemoryStore(env: Env, { quotaBytes, restore }: StoreOptions = {}): Store {
  return new MvccStore(env, { quotaBytes, ...(restore === undefined ? {} : { contents: journalContents(restore) }) });
}
