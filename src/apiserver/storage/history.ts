// Changes that are older than the watch cache's ring, read from the store's own history.
import { expiredError, internalServerError } from "../../api/index.ts";
import { type Key, prefixEnd, type Store } from "../../store/index.ts";
import type { CacheEvent } from "../cache/event-ring.ts";
import { ObjectRevision } from "./object-revision.ts";

/** The changes of what lies under `prefix`, after revision `after`, up to and including `until`. Throws Expired when they are compacted. */
export function readHistory(store: Store, prefix: Key, after: number, until: number): Promise<CacheEvent[]> {
  return new Promise((resolve, reject) => {
    const changes: CacheEvent[] = [];
    const watch = store.watch(
      { key: prefix, end: prefixEnd(prefix), startRevision: after + 1, prevKv: true },
      {
        events(events, revision) {
          for (const { type, kv, prevKv } of events) {
            if (kv.modRevision > until) continue;
            const previous = prevKv === undefined ? undefined : new ObjectRevision(prevKv.key, prevKv.modRevision, prevKv.value);
            const current = type === "put" ? new ObjectRevision(kv.key, kv.modRevision, kv.value) : undefined;
            changes.push({ revision: kv.modRevision, current, previous });
          }
          if (revision < until) return;
          resolve(changes);
          queueMicrotask(() => watch.cancel());
        },
        closed(reason) {
          if (reason === "compacted") reject(expiredError(`resourceVersion ${after} is compacted`));
          else reject(internalServerError(`the store's history ended: ${reason}`));
        },
      },
    );
    watch.requestProgress();
  });
}
