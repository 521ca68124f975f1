// The folder of `kubets etcd --data-dir`: our own file below `member/`, as etcd has its, and the way in for a snapshot that
// `etcdctl snapshot restore` or `etcdutl snapshot restore` unpacked there.
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Env } from "../../base/index.ts";
import { openLmdbStore } from "../lmdb.host.ts";
import { type Store, type StoreContents, StoreError } from "../store.ts";
import { consistentIndex, countBucket, readSnapshot } from "./snapshot.ts";

export interface EtcdStoreOptions {
  readonly folder: string;
  readonly quotaBytes?: number;
}

/**
 * Opens the store in etcd's data folder, made when it is missing. A restored snapshot is taken over once.
 * @throws StoreError also when the folder is one that an etcd has written to: what is in its log only would be lost.
 */
export async function openEtcdStore(env: Env, { folder, ...options }: EtcdStoreOptions): Promise<Store> {
  const own = join(folder, "member", "kubets");
  const restore = existsSync(own) ? undefined : await restoredSnapshot(folder);
  await mkdir(join(folder, "member"), { recursive: true, mode: 0o700 });
  return openLmdbStore(env, { folder: own, ...options, ...(restore === undefined ? {} : { restore }) });
}

async function restoredSnapshot(folder: string): Promise<StoreContents | undefined> {
  const path = join(folder, "member", "snap", "db");
  if (!existsSync(path)) return undefined;
  const file = await readFile(path);
  try {
    // A restoration enters its members, one at least; whatever is above was written since.
    if (consistentIndex(file) <= Math.max(1, countBucket(file, "members"))) return readSnapshot(file);
  } catch (error) {
    if (error instanceof RangeError) throw new StoreError("corrupt", `${path}: ${error.message}`);
    throw error;
  }
  throw new StoreError(
    "invalid",
    `an etcd has run in ${folder}; take its snapshot (etcdctl snapshot save), restore that into an empty folder, and start with it`,
  );
}
