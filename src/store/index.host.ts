// The store's face for the machine. What serves etcd's API is loaded when it is first asked for: few clusters have it.
import type { Env } from "../base/index.ts";
import type { AutoCompaction } from "./etcd/auto-compaction.ts";
import type { EtcdStoreOptions } from "./etcd/open-store.host.ts";
import type { EtcdServing, ServeEtcdOptions } from "./etcd/serve.host.ts";
import type { Store } from "./store.ts";

export { type LmdbStoreOptions, openLmdbStore } from "./lmdb.host.ts";
export type { AutoCompaction, EtcdServing, EtcdStoreOptions, ServeEtcdOptions };

/** The store in a folder that etcd's tools know. */
export async function openEtcdStore(env: Env, options: EtcdStoreOptions): Promise<Store> {
  return (await import("./etcd/open-store.host.ts")).openEtcdStore(env, options);
}

/** etcd's v3 API over the store. */
export async function serveEtcd(env: Env, store: Store, options: ServeEtcdOptions): Promise<EtcdServing> {
  return (await import("./etcd/serve.host.ts")).serveEtcd(env, store, options);
}
