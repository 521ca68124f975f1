// How much the node, its pods and their containers use: the summary and the resource metrics that `kubectl top` and
// autoscaling stand on (https://kubernetes.io/docs/reference/instrumentation/node-metrics/). Rates are taken between two
// questions, at least a second apart.
import type { Pod } from "../../api/index.ts";
import { type Env, formatTime } from "../../base/index.ts";
import { CONTAINER_NAME_LABEL, POD_UID_LABEL } from "../containers/labels.ts";
import type { KubeletHost, NodeUsage } from "../host.ts";
import { podName, podNamespace, podUid } from "../pods/pod-spec.ts";
import type { ContainerRuntime, ContainerStatus, ContainerUsage } from "../runtime/runtime.ts";
import type { ContainerStats, CpuStats, MemoryStats, NodeStats, PodStats, StatsSummary } from "./summary.ts";

export interface StatsCollector {
  summary(): Promise<StatsSummary>;
  /** Prometheus text format. */
  resourceMetrics(): Promise<string>;
}

export interface StatsParts {
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly nodeName: string;
  readonly pods: () => readonly Pod[];
}

const SHORTEST_INTERVAL_MS = 1000;

interface Sample {
  readonly atMs: number;
  readonly cpuNanoseconds: number;
  readonly nanoCores: number | undefined;
}

interface Usage {
  readonly container: ContainerStatus;
  readonly usage: ContainerUsage;
}

export function createStatsCollector(env: Env, parts: StatsParts): StatsCollector {
  return new SamplingCollector(env, parts);
}

class SamplingCollector implements StatsCollector {
  private samples = new Map<string, Sample>();

  constructor(
    private readonly env: Env,
    private readonly parts: StatsParts,
  ) {}

  async summary(): Promise<StatsSummary> {
    const { host, nodeName } = this.parts;
    const [node, filesystem, facts, byPod] = await Promise.all([host.usage(), host.filesystemUsage(), host.facts(), this.usageByPod()]);
    const time = formatTime(this.env.clock.now());
    const { capacityBytes, availableBytes, inodes, inodesFree } = filesystem;
    const nodeStats: NodeStats = {
      nodeName,
      startTime: formatTime(facts.bootTimeMs),
      cpu: this.cpu("node", node.cpuNanoseconds, time),
      memory: nodeMemory(node, time),
      fs: { time, capacityBytes, availableBytes, usedBytes: capacityBytes - availableBytes, inodes, inodesFree, inodesUsed: inodes - inodesFree },
    };
    const pods = this.parts.pods().flatMap((pod) => {
      const usages = byPod.get(podUid(pod)) ?? [];
      return usages.length === 0 ? [] : [this.podStats(pod, usages, time)];
    });
    this.forgetAllBut(new Set(["node", ...[...byPod.values()].flat().map(({ usage }) => usage.id)]));
    return { node: nodeStats, pods };
  }

  async resourceMetrics(): Promise<string> {
    const [node, byPod] = await Promise.all([this.parts.host.usage(), this.usageByPod()]);
    const atMs = Math.floor(this.env.clock.now());
    const lines = new MetricText();
    lines.add("node_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the node in core-seconds", "", node.cpuNanoseconds / 1e9, atMs);
    lines.add("node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes", "", node.memoryWorkingSetBytes, atMs);
    for (const pod of this.parts.pods()) {
      const usages = byPod.get(podUid(pod)) ?? [];
      const podLabels = `namespace="${podNamespace(pod)}",pod="${podName(pod)}"`;
      for (const { container, usage } of usages) {
        const labels = `container="${container.labels[CONTAINER_NAME_LABEL] ?? ""}",${podLabels}`;
        lines.add(
          "container_cpu_usage_seconds_total",
          "counter",
          "Cumulative cpu time consumed by the container in core-seconds",
          labels,
          usage.cpuNanoseconds / 1e9,
          atMs,
        );
        lines.add("container_memory_working_set_bytes", "gauge", "Current working set of the container in bytes", labels, usage.memoryWorkingSetBytes, atMs);
        lines.add("container_start_time_seconds", "gauge", "Start time of the container since unix epoch in seconds", labels, container.startedAtMs / 1000);
      }
      if (usages.length === 0) continue;
      lines.add(
        "pod_cpu_usage_seconds_total",
        "counter",
        "Cumulative cpu time consumed by the pod in core-seconds",
        podLabels,
        sum(usages, "cpuNanoseconds") / 1e9,
        atMs,
      );
      lines.add("pod_memory_working_set_bytes", "gauge", "Current working set of the pod in bytes", podLabels, sum(usages, "memoryWorkingSetBytes"), atMs);
    }
    lines.add("resource_scrape_error", "gauge", "1 if there was an error while getting container metrics, 0 otherwise", "", 0);
    return lines.toString();
  }

  private async usageByPod(): Promise<Map<string, Usage[]>> {
    const [usages, containers] = await Promise.all([this.parts.runtime.usage(), this.parts.runtime.listContainers()]);
    const byId = new Map(containers.map((container) => [container.id, container]));
    const byPod = new Map<string, Usage[]>();
    for (const usage of usages) {
      const container = byId.get(usage.id);
      if (container?.state !== "running") continue;
      const uid = container.labels[POD_UID_LABEL] ?? "";
      byPod.set(uid, [...(byPod.get(uid) ?? []), { container, usage }]);
    }
    return byPod;
  }

  private podStats(pod: Pod, usages: readonly Usage[], time: string): PodStats {
    const containers = usages.map(({ container, usage }): ContainerStats => {
      const { cpuNanoseconds, memoryWorkingSetBytes, filesystemBytes } = usage;
      return {
        name: container.labels[CONTAINER_NAME_LABEL] ?? "",
        startTime: formatTime(container.startedAtMs),
        cpu: this.cpu(usage.id, cpuNanoseconds, time),
        memory: memory(memoryWorkingSetBytes, time),
        rootfs: { time, usedBytes: filesystemBytes },
      };
    });
    const rates = containers.map(({ cpu }) => cpu?.usageNanoCores).filter((rate) => rate !== undefined);
    return {
      podRef: { name: podName(pod), namespace: podNamespace(pod), uid: podUid(pod) },
      startTime: pod.status?.startTime ?? time,
      containers,
      cpu: {
        time,
        usageCoreNanoSeconds: sum(usages, "cpuNanoseconds"),
        ...(rates.length === 0 ? {} : { usageNanoCores: rates.reduce((total, rate) => total + rate, 0) }),
      },
      memory: memory(sum(usages, "memoryWorkingSetBytes"), time),
    };
  }

  private cpu(key: string, cpuNanoseconds: number, time: string): CpuStats {
    const atMs = this.env.clock.monotonic();
    const before = this.samples.get(key);
    const elapsedMs = before === undefined ? 0 : atMs - before.atMs;
    let nanoCores = before?.nanoCores;
    if (before === undefined || elapsedMs >= SHORTEST_INTERVAL_MS) {
      if (before !== undefined) nanoCores = Math.max(0, Math.round(((cpuNanoseconds - before.cpuNanoseconds) / elapsedMs) * 1000));
      this.samples.set(key, { atMs, cpuNanoseconds, nanoCores });
    }
    return { time, usageCoreNanoSeconds: cpuNanoseconds, ...(nanoCores === undefined ? {} : { usageNanoCores: nanoCores }) };
  }
  private forgetAllBut(keys: ReadonlySet<string>): void {
    this.samples = new Map([...this.samples].filter(([key]) => keys.has(key)));
  }
}

function memory(bytes: number, time: string): MemoryStats {
  return { time, usageBytes: bytes, workingSetBytes: bytes };
}
function nodeMemory({ memoryAvailableBytes, memoryUsageBytes, memoryWorkingSetBytes }: NodeUsage, time: string): MemoryStats {
  return { time, availableBytes: memoryAvailableBytes, usageBytes: memoryUsageBytes, workingSetBytes: memoryWorkingSetBytes };
}
function sum(usages: readonly Usage[], field: "cpuNanoseconds" | "memoryWorkingSetBytes"): number {
  return usages.reduce((total, { usage }) => total + usage[field], 0);
}

/** Samples grouped by metric, each with its head. */
class MetricText {
  private readonly metrics = new Map<string, string[]>();
  add(name: string, type: string, help: string, labels: string, value: number, atMs?: number): void {
    const lines = this.metrics.get(name) ?? [`# HELP ${name} [STABLE] ${help}`, `# TYPE ${name} ${type}`];
    lines.push(`${name}${labels === "" ? "" : `{${labels}}`} ${value}${atMs === undefined ? "" : ` ${atMs}`}`);
    this.metrics.set(name, lines);
  }
  toString(): string {
    return `${[...this.metrics.values()].map((lines) => lines.join("\n")).join("\n")}\n`;
  }
}
