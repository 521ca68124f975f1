// The store in memory: for tests and embedded clusters. Every call takes effect before it returns.
import type { Env } from "../base/index.ts";
import { MvccStore } from "./mvcc-store.ts";
import type { Store } from "./store.ts";

export function createMemoryStore(env: Env): Store {
  return new MvccStore(env);
}
