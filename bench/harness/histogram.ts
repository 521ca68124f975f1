// Quantiles of histograms in Prometheus' text form (https://prometheus.io/docs/instrumenting/exposition_formats/).

/** Counts of durations up to a bound in seconds, by bound. */
export type Buckets = ReadonlyMap<number, number>;

/** How long the scheduler took over pods that it gave a node. */
export function attemptBuckets(metrics: string): Buckets {
  const buckets = new Map<number, number>();
  for (const line of metrics.split("\n")) {
    if (!line.startsWith("scheduler_scheduling_attempt_duration_seconds_bucket") || !line.includes('result="scheduled"')) continue;
    const bound = /le="([^"]+)"/.exec(line)?.[1];
    const seconds = bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound);
    buckets.set(seconds, (buckets.get(seconds) ?? 0) + Number(line.slice(line.lastIndexOf(" "))));
  }
  return buckets;
}

/** Of what came to `before`; straight lines within a bucket, as Prometheus draws them. */
export function quantile(buckets: Buckets, before: Buckets, share: number): number {
  const counts = [...buckets].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const).toSorted(([a], [b]) => a - b);
  const wanted = (counts.at(-1)?.[1] ?? 0) * share;
  let [from, below] = [0, 0];
  for (const [bound, count] of counts) {
    if (count >= wanted) return Number.isFinite(bound) && count > below ? from + ((bound - from) * (wanted - below)) / (count - below) : from;
    [from, below] = [bound, count];
  }
  return from;
}
