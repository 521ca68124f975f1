// Compaction of the server's own accord (https://etcd.io/docs/v3.6/op-guide/maintenance/#auto-compaction): by age, or by number of
// revisions. What a client compacts beside it does no harm.
import type { Env, Timer } from "../../base/index.ts";
import type { Store } from "../store.ts";

/** How often is looked, when revisions are counted. */
const REVISION_INTERVAL_MS = 5 * 60_000;
/** How many looks make up the retention, when age counts: what is kept is up to a tenth older. */
const LOOKS_PER_RETENTION = 10;

export type AutoCompaction = { readonly mode: "periodic"; readonly retentionMs: number } | { readonly mode: "revision"; readonly revisions: number };

/** Returns what ends it. */
export function startAutoCompaction(env: Env, store: Store, policy: AutoCompaction): () => void {
  const intervalMs = policy.mode === "periodic" ? Math.max(1, policy.retentionMs / LOOKS_PER_RETENTION) : REVISION_INTERVAL_MS;
  const target = policy.mode === "periodic" ? revisionsOfOld(env, store, policy.retentionMs) : () => store.revision() - policy.revisions;
  let timer: Timer | undefined;
  let compacted = 0;
  const look = (): void => {
    timer = env.clock.setTimeout(look, intervalMs);
    const revision = target();
    if (revision <= compacted) return;
    compacted = revision;
    store.compact(revision).catch((error: unknown) => env.log.warn("the store could not be compacted", { revision, error }));
  };
  timer = env.clock.setTimeout(look, intervalMs);
  return () => timer?.cancel();
}

/** At each call: the revision that was the newest `retentionMs` ago; 0 while nothing is that old. */
function revisionsOfOld(env: Env, store: Store, retentionMs: number): () => number {
  const seen: { readonly atMs: number; readonly revision: number }[] = [{ atMs: env.clock.monotonic(), revision: store.revision() }];
  return () => {
    const now = env.clock.monotonic();
    let old = 0;
    while (seen[0] !== undefined && seen[0].atMs <= now - retentionMs) old = seen.shift()?.revision ?? old;
    seen.push({ atMs: now, revision: store.revision() });
    return old;
  };
}
