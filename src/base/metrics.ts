// A registry of metrics in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/).
import type { Counter, Gauge, Histogram, Labels, Metrics } from "./env.ts";
import { labelText } from "./metric-text.ts";

const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

interface Family {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly metric: Counter | Gauge | Histogram;
  readonly lines: () => string[];
}

export function createMetrics(): Metrics {
  const families = new Map<string, Family>();
  const family = (name: string, type: Family["type"], create: () => Family): Family => {
    const known = families.get(name);
    if (known !== undefined) {
      if (known.type !== type) throw new TypeError(`metric ${name} is a ${known.type}, not a ${type}`);
      return known;
    }
    const created = create();
    families.set(name, created);
    return created;
  };
  return {
    counter: (name, help) => family(name, "counter", () => createCounter(name, help)).metric as Counter,
    gauge: (name, help) => family(name, "gauge", () => createGauge(name, help)).metric as Gauge,
    histogram: (name, help, buckets = DEFAULT_BUCKETS) => family(name, "histogram", () => createHistogram(name, help, buckets)).metric as Histogram,
    render: () => {
      const lines: string[] = [];
      for (const [name, { type, help, lines: samples }] of families) lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples());
      return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
    },
  };
}

function createCounter(name: string, help: string): Family {
  const values = new Map<string, number>();
  const metric: Counter = {
    add: (amount = 1, labels) => {
      const key = labelText(labels);
      values.set(key, (values.get(key) ?? 0) + amount);
    },
  };
  return { type: "counter", help, metric, lines: () => samples(name, values) };
}

function createGauge(name: string, help: string): Family {
  const values = new Map<string, number>();
  const metric: Gauge = { set: (value, labels) => void values.set(labelText(labels), value) };
  return { type: "gauge", help, metric, lines: () => samples(name, values) };
}

function createHistogram(name: string, help: string, buckets: readonly number[]): Family {
  const series = new Map<string, { labels: Labels; counts: number[]; sum: number; count: number }>();
  const metric: Histogram = {
    observe: (value, labels = {}) => {
      const key = labelText(labels);
      let entry = series.get(key);
      if (entry === undefined) {
        entry = { labels, counts: buckets.map(() => 0), sum: 0, count: 0 };
        series.set(key, entry);
      }
      const { counts } = entry;
      buckets.forEach((limit, index) => {
        if (value <= limit) counts[index] = (counts[index] ?? 0) + 1;
      });
      entry.sum += value;
      entry.count++;
    },
  };
  const lines = (): string[] =>
    [...series.values()].flatMap(({ labels, counts, sum, count }) => [
      ...buckets.map((limit, index) => `${name}_bucket${labelText({ ...labels, le: String(limit) })} ${counts[index]}`),
      `${name}_bucket${labelText({ ...labels, le: "+Inf" })} ${count}`,
      `${name}_sum${labelText(labels)} ${sum}`,
      `${name}_count${labelText(labels)} ${count}`,
    ]);
  return { type: "histogram", help, metric, lines };
}

function samples(name: string, values: ReadonlyMap<string, number>): string[] {
  return [...values].map(([labels, value]) => `${name}${labels} ${value}`);
}
