// Delays that grow with each failure, spread by chance so that many clients do not come back at once.
import type { Clock, Random } from "../base/index.ts";

export interface BackoffOptions {
  readonly firstDelayMs: number;
  readonly largestDelayMs: number;
  readonly factor?: number;
  /** Up to this share is added at random. Default 1: up to twice the delay. */
  readonly jitter?: number;
  /** After this long without a failure the delays start over. */
  readonly resetAfterMs?: number;
}

export interface Backoff {
  /** The delay before the next attempt. */
  next(): number;
  reset(): void;
}

export function createBackoff(env: { readonly clock: Clock; readonly random: Random }, options: BackoffOptions): Backoff {
  const { firstDelayMs, largestDelayMs, factor = 2, jitter = 1, resetAfterMs } = options;
  let delayMs = firstDelayMs;
  let lastMs = Number.NEGATIVE_INFINITY;
  return {
    next: () => {
      const nowMs = env.clock.monotonic();
      if (resetAfterMs !== undefined && nowMs - lastMs > resetAfterMs) delayMs = firstDelayMs;
      lastMs = nowMs;
      const chosenMs = delayMs * (1 + jitter * env.random.next());
      delayMs = Math.min(delayMs * factor, largestDelayMs);
      return chosenMs;
    },
    reset: () => {
      delayMs = firstDelayMs;
    },
  };
}

/** Resolves after `delayMs`, or at once when `signal` aborts. */
export function delay(env: { readonly clock: Clock }, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = env.clock.setTimeout(finish, delayMs);
    signal?.addEventListener("abort", finish);
  });
}
