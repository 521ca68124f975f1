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
