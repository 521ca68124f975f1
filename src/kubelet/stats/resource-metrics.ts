// The kubelet's /metrics/resource: the little that `kubectl top` and autoscaling stand on
// (https://kubernetes.io/docs/reference/instrumentation/node-metrics/). Pure.
import { type MetricFamily, MetricText } from "../../base/index.ts";
import { podName, podNamespace } from "../pods/pod-spec.ts";
import type { Observation } from "./observation.ts";

function counter(name: string, help: string): MetricFamily {
  return { name, type: "counter", help: `[STABLE] ${help}` };
}
function gauge(name: string, help: string): MetricFamily {
  return { name, type: "gauge", help: `[STABLE] ${help}` };
}

const NODE_CPU = counter("node_cpu_usage_seconds_total", "Cumulative cpu time consumed by the node in core-seconds");
const NODE_MEMORY = gauge("node_memory_working_set_bytes", "Current working set of the node in bytes");
const CONTAINER_CPU = counter("container_cpu_usage_seconds_total", "Cumulative cpu time consumed by the container in core-seconds");
const CONTAINER_MEMORY = gauge("container_memory_working_set_bytes", "Current working set of the container in bytes");
const CONTAINER_START = gauge("container_start_time_seconds", "Start time of the container since unix epoch in seconds");
const POD_CPU = counter("pod_cpu_usage_seconds_total", "Cumulative cpu time consumed by the pod in core-seconds");
const POD_MEMORY = gauge("pod_memory_working_set_bytes", "Current working set of the pod in bytes");
const ERROR = gauge("resource_scrape_error", "1 if there was an error while getting container metrics, 0 otherwise");
const NANO = 1e9;

export function resourceMetrics({ atMs, node, pods }: Observation): string {
  const text = new MetricText();
  text.add(NODE_CPU, node.cpuNanoseconds / NANO, {}, atMs);
  text.add(NODE_MEMORY, node.memoryWorkingSetBytes, {}, atMs);
  for (const { pod, containers, cpuNanoseconds, memoryWorkingSetBytes } of pods) {
    const labels = { namespace: podNamespace(pod), pod: podName(pod) };
    for (const { name, usage, status } of containers) {
      const own = { ...labels, container: name };
      text.add(CONTAINER_CPU, usage.cpuNanoseconds / NANO, own, atMs);
      text.add(CONTAINER_MEMORY, usage.memoryWorkingSetBytes, own, atMs);
      text.add(CONTAINER_START, status.startedAtMs / 1000, own);
    }
    text.add(POD_CPU, cpuNanoseconds / NANO, labels, atMs);
    text.add(POD_MEMORY, memoryWorkingSetBytes, labels, atMs);
  }
  text.add(ERROR, 0);
  return text.toString();
}
