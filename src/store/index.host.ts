// The store's face for the machine.
export { type EtcdStoreOptions, openEtcdStore } from "./etcd/open-store.host.ts";
export { type EtcdServing, type ServeEtcdOptions, serveEtcd } from "./etcd/serve.host.ts";
export { type LmdbStoreOptions, openLmdbStore } from "./lmdb.host.ts";
