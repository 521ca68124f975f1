// `npm run bench -- store`: durable writes with one and with 64 writers, ranges, gets, compaction, and opening a store of 10,000 keys.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystemEnv } from "../src/base/index.host.ts";
import { openLmdbStore } from "../src/store/index.host.ts";
import { createMemoryStore, type Store } from "../src/store/index.ts";

const KEYS = 10_000;
const VALUE = new Uint8Array(1024).fill(120);
const PODS = { key: "/registry/pods/", end: "/registry/pods0" };
const podKey = (number: number): string => `/registry/pods/default/pod-${number % KEYS}`;

const env = createSystemEnv({ logLevel: "error" });

/** Operations a second. */
async function rate(count: number, writers: number, operation: (number: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const startedMs = performance.now();
  const writer = async (): Promise<void> => {
    while (next < count) await operation(next++);
  };
  await Promise.all(Array.from({ length: writers }, writer));
  return Math.round((count / (performance.now() - startedMs)) * 1000);
}

async function measure(name: string, store: Store, singleWrites: number): Promise<void> {
  const put = (number: number) => store.txn({ compare: [], success: [{ type: "put", key: podKey(number), value: VALUE }], failure: [] });
  const row = (what: string, figure: number, unit: string) => console.log(`${name.padEnd(8)} ${what.padEnd(34)} ${String(figure).padStart(9)} ${unit}`);
  row("writes, 1 writer", await rate(singleWrites, 1, put), "/s");
  row("writes, 64 writers", await rate(2 * KEYS, 64, put), "/s");
  for (let number = 0; number < 100; number++)
    store.watch({ key: `/other/${number}/`, end: `/other/${number}0` }, { events: () => undefined, closed: () => undefined });
  row("writes, 64 writers, 100 watchers", await rate(2 * KEYS, 64, put), "/s");
  row("rows of whole ranges", KEYS * (await rate(10, 1, () => store.range(PODS))), "/s");
  row("gets", await rate(2 * KEYS, 1, (number) => store.range({ key: podKey(number) })), "/s");
  const startedMs = performance.now();
  await store.compact(store.revision());
  row("compaction of 40,000 changes", Math.round(performance.now() - startedMs), "ms");
  await store.close();
}

const folder = mkdtempSync(join(tmpdir(), "kubets-bench-"));
try {
  await measure("memory", createMemoryStore(env), 2 * KEYS);
  await measure("LMDB", await openLmdbStore(env, { folder }), 2_000);
  for (let run = 1; run <= 3; run++) {
    const startedMs = performance.now();
    const store = await openLmdbStore(env, { folder });
    console.log(`LMDB     opening ${KEYS} keys, run ${run}                 ${(performance.now() - startedMs).toFixed(0).padStart(9)} ms`);
    await store.close();
  }
} finally {
  rmSync(folder, { recursive: true });
}
