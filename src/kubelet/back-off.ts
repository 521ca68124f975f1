// Growing pauses for things that keep failing, by key: restarts of a container, pulls of an image. 10 s, doubled up to
// 5 minutes, forgotten after twice the maximum without a failure
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy).
import type { Clock } from "../base/index.ts";

interface Entry {
  durationMs: number;
  updatedMs: number;
}

export interface FailureBackOff {
  /** Undefined: go ahead. Otherwise the present pause and when it ends, for an event at `sinceMs` (wall clock). */
  pausedUntil(key: string, sinceMs: number): { readonly durationMs: number; readonly untilMs: number } | undefined;
  /** The same, from the last counted failure on. */
  pausedSinceFailure(key: string): { readonly durationMs: number; readonly untilMs: number } | undefined;
  /** Counts one more failure at `atMs`. */
  next(key: string, atMs: number): void;
  /** Drops what starts with `prefix`. */
  forget(prefix: string): void;
}

export interface BackOffOptions {
  readonly firstMs: number;
  readonly largestMs: number;
}

export const DEFAULT_BACK_OFF: BackOffOptions = { firstMs: 10_000, largestMs: 300_000 };

export function createFailureBackOff(clock: Clock, { firstMs, largestMs }: BackOffOptions = DEFAULT_BACK_OFF): FailureBackOff {
  const entries = new Map<string, Entry>();
  const expired = (entry: Entry, atMs: number): boolean => atMs - entry.updatedMs > 2 * largestMs;
  const paused = (key: string, sinceMs: number | undefined): { durationMs: number; untilMs: number } | undefined => {
    const entry = entries.get(key);
    if (entry === undefined || expired(entry, sinceMs ?? clock.now())) return undefined;
    const untilMs = (sinceMs ?? entry.updatedMs) + entry.durationMs;
    return clock.now() < untilMs ? { durationMs: entry.durationMs, untilMs } : undefined;
  };
  return {
    pausedUntil: paused,
    pausedSinceFailure: (key) => paused(key, undefined),
    next: (key, atMs) => {
      const entry = entries.get(key);
      if (entry === undefined || expired(entry, atMs)) entries.set(key, { durationMs: firstMs, updatedMs: clock.now() });
      else {
        entry.durationMs = Math.min(entry.durationMs * 2, largestMs);
        entry.updatedMs = clock.now();
      }
    },
    forget: (prefix) => {
      for (const key of [...entries.keys()]) if (key.startsWith(prefix)) entries.delete(key);
    },
  };
}
