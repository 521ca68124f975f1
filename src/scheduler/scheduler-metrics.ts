// What the scheduler counts, under upstream's names (https://kubernetes.io/docs/reference/instrumentation/metrics/).
import type { Counter, Env, Histogram, Labels, Observations } from "../base/index.ts";

export type AttemptResult = "scheduled" | "unschedulable" | "error";

/** From a millisecond, doubling, to half a minute. */
const BUCKETS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power);

export interface SchedulerMetrics {
  /** An attempt for a pod of this profile has ended, so long after it began. */
  attempted(profile: string, result: AttemptResult, durationMs: number): void;
  /** How long finding a node alone took. */
  decided(durationMs: number): void;
  /** A turn of preemption, with so many victims. */
  preempted(victims: number): void;
}

export function createSchedulerMetrics({ metrics }: Pick<Env, "metrics">): SchedulerMetrics {
  const attempts: Counter = metrics.counter("scheduler_schedule_attempts_total", "Number of attempts to schedule pods, by the result.");
  const durations: Histogram = metrics.histogram(
    "scheduler_scheduling_attempt_duration_seconds",
    "Scheduling attempt latency in seconds, with binding.",
    BUCKETS,
  );
  const decisions = metrics.histogram("scheduler_scheduling_algorithm_duration_seconds", "Scheduling algorithm latency in seconds.", BUCKETS);
  const preemptions = metrics.counter("scheduler_preemption_attempts_total", "Total preemption attempts in the cluster that found victims.");
  const victimCounts = metrics.histogram("scheduler_preemption_victims", "Number of selected preemption victims.", [1, 2, 4, 8, 16, 32, 64]);
  const labels = new Map<string, Labels>();
  return {
    attempted: (profile, result, durationMs) => {
      const key = `${result} ${profile}`;
      const known = labels.get(key) ?? { profile, result };
      labels.set(key, known);
      attempts.add(1, known);
      durations.observe(durationMs / 1000, known);
    },
    decided: (durationMs) => decisions.observe(durationMs / 1000),
    preempted: (victims) => {
      preemptions.add();
      victimCounts.observe(victims);
    },
  };
}

/** Pods that wait, by where they do. Returns what ends it. */
export function observePendingPods({ metrics }: Pick<Env, "metrics">, counts: () => Readonly<Record<string, number>>): () => void {
  const read = (): Observations => Object.entries(counts()).map(([queue, count]) => [count, { queue }] as const);
  return metrics.observed({ name: "scheduler_pending_pods", type: "gauge", help: "Number of pending pods, by the queue they are in." }, read);
}
