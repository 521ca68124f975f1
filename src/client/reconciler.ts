// Workers over a work queue: each key is handed to `reconcile` until it succeeds. What throws comes back with growing delay;
// a `TerminalError` does not come back until something changes. The loop that controllers, kubelets and proxies share.
import { StatusError } from "../api/index.ts";
import type { Env } from "../base/index.ts";
import { queueMetrics } from "./queue-metrics.ts";
import { createWorkQueue, type WorkQueueOptions } from "./work-queue.ts";

/** A failure that trying again cannot mend. */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
}

/** What is to happen after a reconciliation that went well: nothing, or another after some time. */
export type ReconcileResult = { readonly requeueAfterMs: number } | undefined;

export interface ReconcilerOptions extends Omit<WorkQueueOptions, "metrics"> {
  /** Names the reconciler in the log. */
  readonly name: string;
  /** Keys worked on at the same time. Default 1. */
  readonly workers?: number;
  readonly reconcile: (key: string) => Promise<ReconcileResult> | Promise<void>;
}

export interface Reconciler {
  enqueue(key: string): void;
  enqueueAfter(key: string, delayMs: number): void;
  /** Starts the workers; what was enqueued before waits for this. */
  start(): void;
  /** Takes no more keys; resolves when the running reconciliations have ended. */
  stop(): Promise<void>;
  readonly idle: boolean;
}

export function createReconciler(env: Env, options: ReconcilerOptions): Reconciler {
  const metrics = queueMetrics(env, options.name);
  const queue = createWorkQueue<string>(env, { ...options, metrics });
  const log = env.log.child(options.name);
  const running: Promise<void>[] = [];

  const reconcileOne = async (key: string): Promise<void> => {
    try {
      const result = await options.reconcile(key);
      queue.forget(key);
      if (result !== undefined) queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (error instanceof TerminalError) {
        queue.forget(key);
        log.error("reconciliation failed for good", { key, error });
        return;
      }
      // A conflict only means that a newer revision is on its way.
      const expected = error instanceof StatusError && error.reason === "Conflict";
      log[expected ? "debug" : "warn"]("reconciliation failed, will retry", { key, error, failures: queue.requeues(key) + 1 });
      queue.addRateLimited(key);
    }
  };
  const work = async (): Promise<void> => {
    for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
      await reconcileOne(key);
      queue.done(key);
    }
  };
  return {
    enqueue: (key) => queue.add(key),
    enqueueAfter: (key, delayMs) => queue.addAfter(key, delayMs),
    start: () => {
      if (running.length > 0) return;
      for (let worker = 0; worker < (options.workers ?? 1); worker++) running.push(work());
    },
    stop: async () => {
      queue.shutDown();
      await Promise.all(running);
    },
    get idle() {
      return queue.idle;
    },
  };
}
