import { expect, it } from "vitest";
import { createMetrics } from "./metrics.ts";

it("renders counters, gauges and histograms in Prometheus' text format", () => {
  const metrics = createMetrics();
  metrics.counter("requests_total", "Requests.").add(2, { verb: "GET", code: "200" });
  metrics.counter("requests_total", "Requests.").add(1, { code: "200", verb: "GET" });
  metrics.gauge("depth", "Depth.").set(4, { name: 'a"b' });
  const histogram = metrics.histogram("seconds", "Seconds.", [1, 2]);
  histogram.observe(1.5);
  histogram.observe(3);
  expect(metrics.render().split("\n")).toEqual([
    "# HELP requests_total Requests.",
    "# TYPE requests_total counter",
    'requests_total{code="200",verb="GET"} 3',
    "# HELP depth Depth.",
    "# TYPE depth gauge",
    'depth{name="a\\"b"} 4',
    "# HELP seconds Seconds.",
    "# TYPE seconds histogram",
    'seconds_bucket{le="1"} 0',
    'seconds_bucket{le="2"} 1',
    'seconds_bucket{le="+Inf"} 2',
    "seconds_sum 4.5",
    "seconds_count 2",
    "",
  ]);
  expect(() => metrics.gauge("seconds", "")).toThrow("is a histogram");
});

it("looks observed values up when it renders, until they are ended", () => {
  const metrics = createMetrics();
  let depth = 1;
  const end = metrics.observed({ name: "queue_depth", type: "gauge", help: "Depth." }, () => [[depth, { name: "a" }]]);
  metrics.gauge("level", "Level.").add(2);
  metrics.gauge("level", "Level.").add(-1);
  depth = 5;
  expect(metrics.render()).toBe(
    '# HELP queue_depth Depth.\n# TYPE queue_depth gauge\nqueue_depth{name="a"} 5\n# HELP level Level.\n# TYPE level gauge\nlevel 1\n',
  );
  end();
  expect(metrics.render()).toBe("# HELP level Level.\n# TYPE level gauge\nlevel 1\n");
});

it("counts a value in every bucket that is large enough for it", () => {
  const metrics = createMetrics();
  for (const value of [1, 2, 5]) metrics.histogram("size", "Size.", [1, 2, 4]).observe(value);
  expect(
    metrics
      .render()
      .split("\n")
      .filter((line) => line.includes("bucket")),
  ).toEqual(['size_bucket{le="1"} 1', 'size_bucket{le="2"} 2', 'size_bucket{le="4"} 2', 'size_bucket{le="+Inf"} 3']);
});
