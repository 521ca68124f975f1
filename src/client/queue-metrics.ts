// What a work queue tells of itself, under upstream's names (https://kubernetes.io/docs/reference/instrumentation/metrics/).
import type { Env } from "../base/index.ts";

/** Called by a queue as things happen. */
export interface QueueMetrics {
  added(): void;
  retried(): void;
  /** Keys that wait now. */
  depth(count: number): void;
  /** How long a key waited, when it is taken. */
  taken(waitedMs: number): void;
  /** How long the work on it took. */
  done(workedMs: number): void;
}

const BUCKETS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10];

export function queueMetrics({ metrics }: Pick<Env, "metrics">, name: string): QueueMetrics {
  const labels = { name };
  const adds = metrics.counter("workqueue_adds_total", "Total number of adds handled by workqueue");
  const retries = metrics.counter("workqueue_retries_total", "Total number of retries handled by workqueue");
  const depths = metrics.gauge("workqueue_depth", "Current depth of workqueue");
  const waits = metrics.histogram("workqueue_queue_duration_seconds", "How long in seconds an item stays in workqueue before being requested.", BUCKETS);
  const works = metrics.histogram("workqueue_work_duration_seconds", "How long in seconds processing an item from workqueue takes.", BUCKETS);
  return {
    added: () => adds.add(1, labels),
    retried: () => retries.add(1, labels),
    depth: (count) => depths.set(count, labels),
    taken: (waitedMs) => waits.observe(waitedMs / 1000, labels),
    done: (workedMs) => works.observe(workedMs / 1000, labels),
  };
}
