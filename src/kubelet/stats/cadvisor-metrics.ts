// The kubelet's /metrics/cadvisor: the container families that the usual Prometheus dashboards read, under the names and labels
// that cAdvisor gave them (https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md). Pure.
//
// A group is told three times as there: containers by name, pods without, and everything under the id "/". Only what the control
// groups and interfaces told is here; where there are none (a simulated node), only the machine is.
import { type Labels, type MetricFamily, MetricText, tryParseQuantity } from "../../base/index.ts";
import { CPU_PERIOD_MICROS, milliCpuToQuota, milliCpuToShares } from "../containers/resources.ts";
import type { CgroupUsage, InterfaceUsage, NodeFacts } from "../host.ts";
import { findContainer, podName, podNamespace } from "../pods/pod-spec.ts";
import type { ContainerObservation, Observation, PodObservation } from "./observation.ts";

type Source<T> = readonly [family: MetricFamily, value: (of: T) => number, labels?: Labels];

function counter(name: string, help: string): MetricFamily {
  return { name, type: "counter", help };
}
function gauge(name: string, help: string): MetricFamily {
  return { name, type: "gauge", help };
}

const FAILURES = counter("container_memory_failures_total", "Cumulative count of memory allocation failures.");
const NANO = 1e9;

const GROUP_SOURCES: readonly Source<CgroupUsage>[] = [
  [counter("container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds."), ({ cpuNanoseconds }) => cpuNanoseconds / NANO, { cpu: "total" }],
  [counter("container_cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds."), ({ cpuUserNanoseconds }) => cpuUserNanoseconds / NANO],
  [counter("container_cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds."), ({ cpuSystemNanoseconds }) => cpuSystemNanoseconds / NANO],
  [counter("container_cpu_cfs_periods_total", "Number of elapsed enforcement period intervals."), ({ cpuPeriods }) => cpuPeriods],
  [counter("container_cpu_cfs_throttled_periods_total", "Number of throttled period intervals."), ({ cpuThrottledPeriods }) => cpuThrottledPeriods],
  [
    counter("container_cpu_cfs_throttled_seconds_total", "Total time duration the container has been throttled."),
    ({ cpuThrottledNanoseconds }) => cpuThrottledNanoseconds / NANO,
  ],
  [
    gauge("container_memory_usage_bytes", "Current memory usage in bytes, including all memory regardless of when it was accessed"),
    ({ memoryBytes }) => memoryBytes,
  ],
  [gauge("container_memory_working_set_bytes", "Current working set in bytes."), ({ memoryWorkingSetBytes }) => memoryWorkingSetBytes],
  [gauge("container_memory_rss", "Size of RSS in bytes."), ({ memoryRssBytes }) => memoryRssBytes],
  [gauge("container_memory_cache", "Number of bytes of page cache memory."), ({ memoryCacheBytes }) => memoryCacheBytes],
  [gauge("container_memory_swap", "Container swap usage in bytes."), ({ memorySwapBytes }) => memorySwapBytes],
  [FAILURES, ({ pageFaults }) => pageFaults, { failure_type: "pgfault", scope: "hierarchy" }],
  [FAILURES, ({ majorPageFaults }) => majorPageFaults, { failure_type: "pgmajfault", scope: "hierarchy" }],
  [gauge("container_processes", "Number of processes running inside the container."), ({ processes }) => processes],
];

const INTERFACE_SOURCES: readonly Source<InterfaceUsage>[] = [
  [counter("container_network_receive_bytes_total", "Cumulative count of bytes received"), ({ rxBytes }) => rxBytes],
  [counter("container_network_receive_packets_total", "Cumulative count of packets received"), ({ rxPackets }) => rxPackets],
  [counter("container_network_receive_packets_dropped_total", "Cumulative count of packets dropped while receiving"), ({ rxDropped }) => rxDropped],
  [counter("container_network_receive_errors_total", "Cumulative count of errors encountered while receiving"), ({ rxErrors }) => rxErrors],
  [counter("container_network_transmit_bytes_total", "Cumulative count of bytes transmitted"), ({ txBytes }) => txBytes],
  [counter("container_network_transmit_packets_total", "Cumulative count of packets transmitted"), ({ txPackets }) => txPackets],
  [counter("container_network_transmit_packets_dropped_total", "Cumulative count of packets dropped while transmitting"), ({ txDropped }) => txDropped],
  [counter("container_network_transmit_errors_total", "Cumulative count of errors encountered while transmitting"), ({ txErrors }) => txErrors],
];

const START = gauge("container_start_time_seconds", "Start time of the container since unix epoch in seconds.");
const FS_USAGE = gauge("container_fs_usage_bytes", "Number of bytes that are consumed by the container on this filesystem.");
const CPU_PERIOD = gauge("container_spec_cpu_period", "CPU period of the container.");
const CPU_QUOTA = gauge("container_spec_cpu_quota", "CPU quota of the container.");
const CPU_SHARES = gauge("container_spec_cpu_shares", "CPU share of the container.");
const MEMORY_LIMIT = gauge("container_spec_memory_limit_bytes", "Memory limit for the container.");
const CORES = gauge("machine_cpu_cores", "Number of logical CPU cores.");
const MEMORY = gauge("machine_memory_bytes", "Amount of memory installed on the machine.");

export function cadvisorMetrics({ atMs, node, pods, allPods }: Observation, facts: NodeFacts, kubepods: string): string {
  const text = new MetricText();
  text.add(CORES, facts.cpuCount, machineLabels(facts));
  text.add(MEMORY, facts.memoryBytes, machineLabels(facts));
  const outside = (id: string): Labels => ({ container: "", id, image: "", name: "", namespace: "", pod: "" });
  addAll(text, INTERFACE_SOURCES, node.interfaces, outside("/"), atMs);
  if (allPods !== undefined) addSources(text, GROUP_SOURCES, allPods, outside(kubepods), atMs);
  for (const pod of pods) addPod(text, pod, atMs);
  return text.toString();
}

function machineLabels({ bootId, machineId, systemUuid }: NodeFacts): Labels {
  return { boot_id: bootId, machine_id: machineId, system_uuid: systemUuid };
}

function addPod(text: MetricText, { pod, path, group, interfaces, containers }: PodObservation, atMs: number): void {
  if (group === undefined) return;
  const labels = { container: "", id: path, image: "", name: "", namespace: podNamespace(pod), pod: podName(pod) };
  addSources(text, GROUP_SOURCES, group, labels, atMs);
  addAll(text, INTERFACE_SOURCES, interfaces, labels, atMs);
  for (const container of containers) {
    if (container.group === undefined) continue;
    const own = { ...labels, container: container.name, id: container.path, image: container.status.image, name: container.usage.id };
    addSources(text, GROUP_SOURCES, container.group, own, atMs);
    addContainer(text, container, own, atMs);
    addLimits(text, findContainer(pod, container.name)?.resources ?? {}, own);
  }
}

function addContainer(text: MetricText, { status, usage }: ContainerObservation, labels: Labels, atMs: number): void {
  text.add(START, status.startedAtMs / 1000, labels);
  text.add(FS_USAGE, usage.filesystemBytes, labels, atMs);
}

interface Resources {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

function addLimits(text: MetricText, { requests = {}, limits = {} }: Resources, labels: Labels): void {
  const milli = (amount: string | undefined): number => tryParseQuantity(amount ?? "")?.milliValue() ?? 0;
  const cpuLimit = milli(limits["cpu"]);
  text.add(CPU_PERIOD, CPU_PERIOD_MICROS, labels);
  if (cpuLimit > 0) text.add(CPU_QUOTA, milliCpuToQuota(cpuLimit), labels);
  text.add(CPU_SHARES, milliCpuToShares(milli(requests["cpu"] ?? limits["cpu"])), labels);
  text.add(MEMORY_LIMIT, tryParseQuantity(limits["memory"] ?? "")?.value() ?? 0, labels);
}

function addAll(text: MetricText, sources: readonly Source<InterfaceUsage>[], interfaces: readonly InterfaceUsage[], labels: Labels, atMs: number): void {
  for (const one of interfaces) addSources(text, sources, one, { ...labels, interface: one.name }, atMs);
}

function addSources<T>(text: MetricText, sources: readonly Source<T>[], of: T, labels: Labels, atMs: number): void {
  for (const [family, value, more] of sources) text.add(family, value(of), { ...labels, ...more }, atMs);
}
