import { expect, it } from "vitest";
import { createVirtualEnv } from "../../base/index.ts";
import { createMemoryStore } from "../memory.ts";
import { always, put } from "../testing.ts";
import { type AutoCompaction, startAutoCompaction } from "./auto-compaction.ts";

/** A store that is written to once a minute, and how far it is compacted after so many minutes. */
async function compactedAfter(policy: AutoCompaction, minutes: readonly number[]): Promise<number[]> {
  const { env, clock } = createVirtualEnv();
  const store = createMemoryStore(env);
  const stop = startAutoCompaction(env, store, policy);
  const compacted: number[] = [];
  for (let minute = 1; minute <= Math.max(...minutes); minute++) {
    await store.txn(always(put("a", String(minute))));
    await clock.advance(60_000);
    if (minutes.includes(minute)) compacted.push(store.snapshot().compactRevision);
  }
  stop();
  await clock.advance(3_600_000);
  expect(store.snapshot().compactRevision).toBe(compacted.at(-1));
  return compacted;
}

it("keeps what is younger than the retention", async () => {
  expect(await compactedAfter({ mode: "periodic", retentionMs: 10 * 60_000 }, [9, 10, 12, 30])).toEqual([0, 1, 3, 21]);
});

it("keeps so many revisions", async () => {
  expect(await compactedAfter({ mode: "revision", revisions: 8 }, [4, 10, 12, 25])).toEqual([0, 3, 3, 18]);
});
