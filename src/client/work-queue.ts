// A queue of keys to work on, with the guarantees that a level-triggered controller needs
// (https://pkg.go.dev/k8s.io/client-go/util/workqueue): a key waits at most once, is never worked on twice at a time, and
// one that is added while it is worked on comes again afterwards. Failing keys come back ever later: 5 ms, doubling, up to 1000 s.
import type { Clock, Timer } from "../base/index.ts";
import type { QueueMetrics } from "./queue-metrics.ts";

const FIRST_DELAY_MS = 5;
const LARGEST_DELAY_MS = 1_000_000;

export interface WorkQueueOptions {
  readonly firstDelayMs?: number;
  readonly largestDelayMs?: number;
  /** Told what happens. Absent: nobody is. */
  readonly metrics?: QueueMetrics;
}

/** Holds at most one entry per key, waiting or delayed, so its size is bounded by the number of keys. */
export interface WorkQueue<K> {
  add(key: K): void;
  /** Of several delays for one key the earliest counts. */
  addAfter(key: K, delayMs: number): void;
  /** Adds after a delay that grows with each call until `forget`. */
  addRateLimited(key: K): void;
  /** Forgets past failures of the key. */
  forget(key: K): void;
  /** How often the key was added by `addRateLimited` since it was forgotten. */
  requeues(key: K): number;
  /** The next key, which the caller must hand to `done`; undefined once the queue is shut down. */
  get(): Promise<K | undefined>;
  done(key: K): void;
  /** Keys waiting now, without the delayed ones. */
  readonly length: number;
  /** True when nothing waits and nothing is worked on; delayed keys do not count. */
  readonly idle: boolean;
  shutDown(): void;
}

interface Delayed {
  readonly dueMs: number;
  readonly timer: Timer;
}

export function createWorkQueue<K extends string | number>(env: { readonly clock: Clock }, options: WorkQueueOptions = {}): WorkQueue<K> {
  const { firstDelayMs = FIRST_DELAY_MS, largestDelayMs = LARGEST_DELAY_MS, metrics } = options;
  /** In order of arrival, with its time. */
  const waiting = new Map<K, number>();
  /** With the time at which the work began. */
  const working = new Map<K, number>();
  /** Added while worked on. */
  const again = new Set<K>();
  const delayed = new Map<K, Delayed>();
  const failures = new Map<K, number>();
  const takers: ((key: K | undefined) => void)[] = [];
  let stopped = false;

  const offer = (): void => {
    while (takers.length > 0) {
      const [first] = waiting;
      if (first === undefined) return;
      const [key, sinceMs] = first;
      const nowMs = env.clock.monotonic();
      waiting.delete(key);
      working.set(key, nowMs);
      metrics?.taken(nowMs - sinceMs);
      metrics?.depth(waiting.size);
      takers.shift()?.(key);
    }
  };
  const add = (key: K): void => {
    if (stopped) return;
    if (working.has(key)) {
      again.add(key);
      return;
    }
    if (waiting.has(key)) return;
    waiting.set(key, env.clock.monotonic());
    metrics?.added();
    metrics?.depth(waiting.size);
    offer();
  };
  const addAfter = (key: K, delayMs: number): void => {
    if (stopped) return;
    if (delayMs <= 0) {
      add(key);
      return;
    }
    const dueMs = env.clock.monotonic() + delayMs;
    const earlier = delayed.get(key);
    if (earlier !== undefined && earlier.dueMs <= dueMs) return;
    earlier?.timer.cancel();
    const timer = env.clock.setTimeout(() => {
      delayed.delete(key);
      add(key);
    }, delayMs);
    delayed.set(key, { dueMs, timer });
  };
  return {
    add,
    addAfter,
    addRateLimited: (key) => {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      metrics?.retried();
      addAfter(key, Math.min(firstDelayMs * 2 ** Math.min(count, 40), largestDelayMs));
    },
    forget: (key) => {
      failures.delete(key);
    },
    requeues: (key) => failures.get(key) ?? 0,
    get: () =>
      new Promise((resolve) => {
        if (stopped) {
          resolve(undefined);
          return;
        }
        takers.push(resolve);
        offer();
      }),
    done: (key) => {
      const sinceMs = working.get(key);
      if (sinceMs !== undefined) metrics?.done(env.clock.monotonic() - sinceMs);
      working.delete(key);
      if (again.delete(key)) add(key);
    },
    get length() {
      return waiting.size;
    },
    get idle() {
      return waiting.size === 0 && working.size === 0;
    },
    shutDown: () => {
      stopped = true;
      for (const { timer } of delayed.values()) timer.cancel();
      delayed.clear();
      waiting.clear();
      again.clear();
      for (const taker of takers.splice(0)) taker(undefined);
    },
  };
}
