// Forgets the store's history: every five minutes, what is older than five minutes. Until then watches can be resumed and
// pages of lists continued; afterwards they are answered with 410.
import type { Env } from "../../base/index.ts";
import type { Store } from "../../store/index.ts";

const INTERVAL_MS = 5 * 60_000;

/** Returns the way to stop it. */
export function startCompaction(env: Env, store: Store): () => void {
  let compacted = 0;
  let seen = store.revision();
  const tick = (): void => {
    timer = env.clock.setTimeout(tick, INTERVAL_MS);
    const target = seen;
    seen = store.revision();
    if (target <= compacted) return;
    store.compact(target).then(
      () => {
        compacted = target;
      },
      (error: unknown) => env.log.warn("compaction failed", { revision: target, error: String(error) }),
    );
  };
  let timer = env.clock.setTimeout(tick, INTERVAL_MS);
  return () => timer.cancel();
}
