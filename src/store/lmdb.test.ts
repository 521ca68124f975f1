import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createVirtualEnv } from "../base/index.ts";
import { storeContract } from "./contract.ts";
import { openLmdbStore } from "./lmdb.host.ts";
import type { Store } from "./store.ts";
import { always, put, recordingSink, text } from "./testing.ts";

const newFolder = (): string => mkdtempSync(join(tmpdir(), "kubets-store-"));

storeContract("LMDB", async (options) => {
  const folder = newFolder();
  const { env, clock } = createVirtualEnv();
  const store = await openLmdbStore(env, { folder, ...options });
  return {
    store,
    clock,
    cleanUp: async () => {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
});

describe("LMDB store on disk", () => {
  let folder: string;
  beforeEach(() => {
    folder = newFolder();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const open = (): Promise<Store> => openLmdbStore(createVirtualEnv().env, { folder });
  const all = async (store: Store, revision?: number) => {
    const result = await store.range({ key: "\0", end: "\0", revision });
    return result.ok ? result.items.map((kv) => `${kv.key}=${text(kv.value)}@${kv.modRevision}#${kv.version}~${kv.lease}`) : result.reason;
  };
  const fill = async (): Promise<void> => {
    const store = await open();
    for (let key = 0; key < 300; key++) await store.txn(always(put(`/k/${key}`, "x".repeat(500))));
    await store.close();
  };

  it("holds keys, history, leases and compaction after it was reopened", async () => {
    const first = await open();
    await first.grantLease(7, 60);
    await first.txn(always(put("a", "1"), put("b\u00ff\0", "1", { lease: 7 })));
    await first.txn(always(put("a", "2")));
    await first.txn(always({ type: "delete", key: "a" }));
    await first.txn(always(put("a", "3")));
    await first.compact(3);
    const now = await all(first);
    await first.close();

    const second = await open();
    expect(second.revision()).toBe(5);
    expect(await all(second)).toEqual(now);
    expect(await all(second, 3)).toEqual(["a=2@3#2~0", "b\u00ff\0=1@2#1~7"]);
    expect(await all(second, 2)).toBe("compacted");
    expect(await second.lease(7)).toMatchObject({ grantedTtlSeconds: 60, keys: ["b\u00ff\0"] });
    const sink = recordingSink();
    second.watch({ key: "a", startRevision: 4, prevKv: true }, sink);
    expect(await sink.count(2)).toEqual(["delete a=@4 was 2", "put a=3@5"]);
    await second.revokeLease(7);
    expect(second.revision()).toBe(6);
    await second.close();
  });

  it("does not give a revision twice when the newest rows were compacted away", async () => {
    const first = await open();
    await first.txn(always(put("a", "1")));
    await first.txn(always({ type: "delete", key: "a" }));
    await first.txn(always(put("b", "1")));
    await first.txn(always({ type: "delete", key: "b" }));
    await first.compact(5);
    await first.txn(always(put("c", "1")));
    await first.txn(always({ type: "delete", key: "c" }));
    await first.compact(7);
    await first.close();
    const second = await open();
    expect(second.revision()).toBe(7);
    expect((await second.txn(always(put("a", "2")))).revision).toBe(8);
    await second.close();
  });

  it("gives space back to the disk, and holds alarms, after it was reopened", async () => {
    const first = await open();
    for (let value = 0; value < 200; value++) await first.txn(always(put("a", String(value).repeat(2000))));
    await first.compact(first.revision());
    const now = await all(first);
    const { length } = readFileSync(join(folder, "data.mdb"));
    await first.defragment();
    expect(readFileSync(join(folder, "data.mdb")).length).toBeLessThan(length / 4);
    await first.setAlarm("noSpace", true);
    await first.close();
    const second = await open();
    expect(await all(second)).toEqual(now);
    expect(second.alarms()).toEqual(["noSpace"]);
    await second.close();
  });

  it("lets only one process in, and says which one has it", async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({ reason: "locked", message: expect.stringContaining(`process ${process.pid}`) });
    await first.close();
    await (await open()).close();
  });

  it("reports a file that was cut off", async () => {
    await fill();
    const { length } = readFileSync(join(folder, "data.mdb"));
    truncateSync(join(folder, "data.mdb"), Math.floor(length / 2));
    await expect(open()).rejects.toMatchObject({ reason: "corrupt" });
    await expect(open()).rejects.toMatchObject({ reason: "corrupt" });
    truncateSync(join(folder, "data.mdb"), 100);
    await expect(open()).rejects.toMatchObject({ reason: "corrupt" });
    truncateSync(join(folder, "data.mdb"), 0);
    await expect(open()).rejects.toMatchObject({ reason: "corrupt" });
  });

  it("reports a damaged value where it is read", async () => {
    const first = await open();
    await first.txn(always(put("a", "needle-in-the-file")));
    await first.txn(always(put("b", "whole")));
    await first.close();
    const path = join(folder, "data.mdb");
    const data = readFileSync(path);
    for (let at = data.indexOf("needle"); at >= 0; at = data.indexOf("needle", at + 1)) data.write("noodle", at);
    writeFileSync(path, data);
    const second = await open();
    await expect(second.range({ key: "a" })).rejects.toMatchObject({ reason: "corrupt" });
    expect((await second.range({ key: "b" })).ok).toBe(true);
    await second.close();
  });

  it("has every acknowledged write after kill -9 amid commits", async () => {
    const program = await buildCrashWriter();
    let acknowledged = 0;
    for (let round = 0; round < 4; round++) {
      acknowledged = Math.max(acknowledged, await writeUntilKilled(program, folder, 150 + round * 90));
      const store = await open();
      const result = await store.range({ key: "/n/", end: "/n0" });
      expect(result.ok && result.items.length).toBeGreaterThanOrEqual(acknowledged);
      if (!result.ok) return;
      // Each transaction wrote a pair of keys: both or neither are there.
      expect(await store.range({ key: "/m/", end: "/m0", countOnly: true })).toMatchObject({ count: result.items.length });
      for (const { key, value } of result.items) expect(text(value)).toBe(`value of ${key}`);
      expect(store.revision()).toBe(result.items.length + 1);
      await store.close();
    }
    expect(acknowledged).toBeGreaterThan(0);
    rmSync(program);
  });
});

/** Starts a writer in its own process, kills it after so many acknowledgements, and returns the last one it printed. */
function writeUntilKilled(program: string, folder: string, acknowledgements: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, folder], { stdio: ["ignore", "pipe", "inherit"] });
    let lines = 0;
    let last = 0;
    createInterface(child.stdout).on("line", (line) => {
      last = Math.max(last, Number(line));
      if (++lines === acknowledgements) child.kill("SIGKILL");
    });
    child.on("error", reject);
    child.on("close", () => resolve(last));
  });
}

/** Built beside the installed packages, so that it finds the native one. */
async function buildCrashWriter(): Promise<string> {
  const outfile = fileURLToPath(new URL(`../../node_modules/.cache/kubets-tests/crash-writer-${process.pid}.mjs`, import.meta.url));
  const entry = fileURLToPath(new URL("crash-writer.host.ts", import.meta.url));
  await build({ entryPoints: [entry], outfile, bundle: true, platform: "node", format: "esm", target: "node20", packages: "external" });
  return outfile;
}
