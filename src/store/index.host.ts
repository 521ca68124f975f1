// The store's face for the machine.
export { type LmdbStoreOptions, openLmdbStore } from "./lmdb.host.ts";
