// A registry of metrics in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/).
//
// Cheap on hot paths: the text of a labels object is made once, so callers that keep their labels pay for a map's look-up.
import type { Counter, Gauge, Histogram, Labels, Metrics, Observations } from "./env.ts";
import { labelText, type MetricFamily } from "./metric-text.ts";

const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
const NO_LABELS: Labels = {};
/** Labels that a caller keeps, by identity: they are never changed. */
const texts = new WeakMap<Labels, string>();

interface Family {
  readonly type: MetricFamily["type"];
  readonly help: string;
  readonly metric: Counter | Gauge | Histogram | Set<() => Observations>;
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
    observed: ({ name, type, help }, observe) => {
      const observers = family(name, type, () => createObserved(name, type, help)).metric as Set<() => Observations>;
      observers.add(observe);
      return () => observers.delete(observe);
    },
    render: () => {
      const rendered: string[] = [];
      for (const [name, { type, help, lines }] of families) {
        const own = lines();
        if (own.length > 0) rendered.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...own);
      }
      return rendered.length === 0 ? "" : `${rendered.join("\n")}\n`;
    },
  };
}

function createCounter(name: string, help: string): Family {
  const values = new Map<string, number>();
  const metric: Counter = {
    add: (amount = 1, labels) => {
      const key = textOf(labels);
      values.set(key, (values.get(key) ?? 0) + amount);
    },
  };
  return { type: "counter", help, metric, lines: () => samples(name, values) };
}

function createGauge(name: string, help: string): Family {
  const values = new Map<string, number>();
  const metric: Gauge = {
    set: (value, labels) => void values.set(textOf(labels), value),
    add: (amount, labels) => {
      const key = textOf(labels);
      values.set(key, (values.get(key) ?? 0) + amount);
    },
  };
  return { type: "gauge", help, metric, lines: () => samples(name, values) };
}

/** Of several observers that name the same labels the last holds. */
function createObserved(name: string, type: MetricFamily["type"], help: string): Family {
  const observers = new Set<() => Observations>();
  const lines = (): string[] => {
    const values = new Map<string, number>();
    for (const observe of observers) for (const [value, labels] of observe()) values.set(labelText(labels), value);
    return samples(name, values);
  };
  return { type, help, metric: observers, lines };
}

interface Series {
  readonly labels: Labels;
  readonly counts: number[];
  sum: number;
  count: number;
}

function createHistogram(name: string, help: string, buckets: readonly number[]): Family {
  const series = new Map<string, Series>();
  const metric: Histogram = {
    observe: (value, labels = NO_LABELS) => {
      const key = textOf(labels);
      let entry = series.get(key);
      if (entry === undefined) {
        entry = { labels, counts: buckets.map(() => 0), sum: 0, count: 0 };
        series.set(key, entry);
      }
      const { counts } = entry;
      for (let index = buckets.length - 1; index >= 0 && value <= (buckets[index] ?? 0); index--) counts[index] = (counts[index] ?? 0) + 1;
      entry.sum += value;
      entry.count++;
    },
  };
  const lines = (): string[] =>
    [...series.values()].flatMap(({ labels, counts, sum, count }) => [
      ...buckets.map((limit, index) => `${name}_bucket${labelText({ ...labels, le: String(limit) })} ${counts[index]}`),
      `${name}_bucket${labelText({ ...labels, le: "+Inf" })} ${count}`,
      `${name}_sum${textOf(labels)} ${sum}`,
      `${name}_count${textOf(labels)} ${count}`,
    ]);
  return { type: "histogram", help, metric, lines };
}

function samples(name: string, values: ReadonlyMap<string, number>): string[] {
  return [...values].map(([labels, value]) => `${name}${labels} ${value}`);
}

function textOf(labels: Labels = NO_LABELS): string {
  let text = texts.get(labels);
  if (text === undefined) {
    text = labelText(labels);
    texts.set(labels, text);
  }
  return text;
}
