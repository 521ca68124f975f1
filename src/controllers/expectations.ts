// Keeps a controller from planning on a view older than its own writes: what it created or deleted for a key must be seen
// before the key is planned again, or pods would be made twice. Gives up waiting after five minutes, as upstream does.
import { type Kind, type KubeObject, objectKey } from "../api/index.ts";
import type { Clock } from "../base/index.ts";
import type { Informer } from "../client/index.ts";
import type { Written } from "./execute.ts";

const GIVE_UP_MS = 300_000;

interface Expected {
  readonly informer: Informer<KubeObject>;
  readonly write: Written;
  readonly sinceMs: number;
}

export class Expectations {
  private readonly byKey = new Map<string, Expected[]>();

  constructor(
    private readonly clock: Clock,
    /** The informer of a kind this controller looks at; undefined for kinds that it only writes. */
    private readonly informerOf: (kind: Kind) => Informer<KubeObject> | undefined,
  ) {}

  written(key: string, write: Written): void {
    const informer = this.informerOf(write.action.kind);
    if (informer === undefined) return;
    const expected = this.byKey.get(key) ?? [];
    expected.push({ informer, write, sinceMs: this.clock.monotonic() });
    this.byKey.set(key, expected);
  }

  /** Milliseconds to wait at most for the view to catch up; undefined when it has. */
  waitMs(key: string): number | undefined {
    const nowMs = this.clock.monotonic();
    const open = (this.byKey.get(key) ?? []).filter((expected) => !isSeen(expected) && nowMs - expected.sinceMs < GIVE_UP_MS);
    if (open.length === 0) {
      this.byKey.delete(key);
      return undefined;
    }
    this.byKey.set(key, open);
    return Math.max(1, Math.min(...open.map(({ sinceMs }) => sinceMs + GIVE_UP_MS - nowMs)));
  }

  forget(key: string): void {
    this.byKey.delete(key);
  }
}

function isSeen({ informer, write }: Expected): boolean {
  const { action, result } = write;
  if (action.do !== "delete") return informer.hasSeen(result.metadata.resourceVersion);
  const current = informer.get(objectKey(result));
  return current === undefined || current.metadata.uid !== result.metadata.uid || current.metadata.deletionTimestamp !== undefined;
}
