// How much the node, its pods and their containers use, in the three forms in which it is asked for: the summary, the resource
// metrics, and cAdvisor's (https://kubernetes.io/docs/reference/instrumentation/node-metrics/). Nothing is measured while nobody
// asks; the rates of the summary are taken between two questions, at least a second apart.
import type { Env } from "../../base/index.ts";
import { cadvisorMetrics } from "./cadvisor-metrics.ts";
import { observe, type StatsParts } from "./observation.ts";
import { resourceMetrics } from "./resource-metrics.ts";
import { type StatsSummary, summarize } from "./summary.ts";

export interface StatsCollector {
  summary(): Promise<StatsSummary>;
  /** Prometheus text format. */
  resourceMetrics(): Promise<string>;
  cadvisorMetrics(): Promise<string>;
}

const SHORTEST_INTERVAL_MS = 1000;

interface Sample {
  readonly atMs: number;
  readonly cpuNanoseconds: number;
  readonly nanoCores: number | undefined;
}

export function createStatsCollector(env: Env, parts: StatsParts): StatsCollector {
  /** By what is measured; of the last summary only. */
  let samples = new Map<string, Sample>();
  return {
    async summary() {
      const { host, nodeName } = parts;
      const [observation, facts, filesystem, headroom] = await Promise.all([
        observe(parts, env.clock.now(), true),
        host.facts(),
        host.filesystemUsage(),
        host.headroom(),
      ]);
      const before = samples;
      const atMs = env.clock.monotonic();
      samples = new Map();
      return summarize(nodeName, observation, { facts, filesystem, headroom }, (key, cpuNanoseconds) => {
        const sample = nextSample(before.get(key), { atMs, cpuNanoseconds });
        samples.set(key, sample);
        return sample.nanoCores;
      });
    },
    resourceMetrics: async () => resourceMetrics(await observe(parts, env.clock.now(), false)),
    async cadvisorMetrics() {
      const [observation, facts] = await Promise.all([observe(parts, env.clock.now(), true), parts.host.facts()]);
      return cadvisorMetrics(observation, facts, parts.kubepods);
    },
  };
}

function nextSample(before: Sample | undefined, { atMs, cpuNanoseconds }: Omit<Sample, "nanoCores">): Sample {
  if (before === undefined) return { atMs, cpuNanoseconds, nanoCores: undefined };
  const elapsedMs = atMs - before.atMs;
  if (elapsedMs < SHORTEST_INTERVAL_MS) return before;
  return { atMs, cpuNanoseconds, nanoCores: Math.max(0, Math.round(((cpuNanoseconds - before.cpuNanoseconds) / elapsedMs) * 1000)) };
}
