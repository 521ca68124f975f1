// The kubelet's summary of resource use, the answer of /stats/summary
// (https://kubernetes.io/docs/reference/instrumentation/node-metrics/). Times are RFC 3339 in seconds. Pure.
import { formatTime } from "../../base/index.ts";
import type { CgroupUsage, FilesystemUsage, InterfaceUsage, NodeUsage } from "../host.ts";
import { podName, podNamespace, podUid } from "../pods/pod-spec.ts";
import type { ContainerObservation, NodeSurroundings, Observation, PodObservation } from "./observation.ts";

export interface CpuStats {
  readonly time: string;
  /** Averaged over the time since the last sample. */
  readonly usageNanoCores?: number;
  readonly usageCoreNanoSeconds?: number;
}

export interface MemoryStats {
  readonly time: string;
  readonly availableBytes?: number;
  readonly usageBytes?: number;
  readonly workingSetBytes?: number;
  readonly rssBytes?: number;
  readonly pageFaults?: number;
  readonly majorPageFaults?: number;
}

interface InterfaceStats {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

/** The main interface's numbers, and those of each. */
export interface NetworkStats extends InterfaceStats {
  readonly time: string;
  readonly interfaces: readonly InterfaceStats[];
}

export interface FsStats {
  readonly time: string;
  readonly availableBytes?: number;
  readonly capacityBytes?: number;
  readonly usedBytes?: number;
  readonly inodesFree?: number;
  readonly inodes?: number;
  readonly inodesUsed?: number;
}

export interface ContainerStats {
  readonly name: string;
  readonly startTime: string;
  readonly cpu?: CpuStats;
  readonly memory?: MemoryStats;
  readonly rootfs?: FsStats;
}

export interface PodStats {
  readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly startTime: string;
  readonly containers: readonly ContainerStats[];
  readonly cpu?: CpuStats;
  readonly memory?: MemoryStats;
  readonly network?: NetworkStats;
  readonly process_stats?: { readonly process_count: number };
}

export interface NodeStats {
  readonly nodeName: string;
  /** The kubelet itself, and all pods together. */
  readonly systemContainers: readonly ContainerStats[];
  readonly startTime: string;
  readonly cpu?: CpuStats;
  readonly memory?: MemoryStats;
  readonly network?: NetworkStats;
  readonly fs?: FsStats;
  readonly rlimit?: { readonly time: string; readonly maxpid: number; readonly curproc: number };
}

export interface StatsSummary {
  readonly node: NodeStats;
  readonly pods: readonly PodStats[];
}

/** The rate of what `key` names, from the last time it was asked for to now; in billionths of a core. */
export type CpuRate = (key: string, cpuNanoseconds: number) => number | undefined;

export function summarize(nodeName: string, observation: Observation, { facts, filesystem, headroom }: NodeSurroundings, rate: CpuRate): StatsSummary {
  const { atMs, node, pods, allPods } = observation;
  const time = formatTime(atMs);
  const startTime = formatTime(facts.bootTimeMs);
  const cpu = (key: string, nanoseconds: number): CpuStats => {
    const usageNanoCores = rate(key, nanoseconds);
    return { time, ...(usageNanoCores === undefined ? {} : { usageNanoCores }), usageCoreNanoSeconds: Math.round(nanoseconds) };
  };
  const kubelet: ContainerStats = {
    name: "kubelet",
    startTime: formatTime(node.kubelet.startedAtMs),
    cpu: cpu("kubelet", node.kubelet.cpuNanoseconds),
    memory: { time, usageBytes: node.kubelet.memoryBytes, workingSetBytes: node.kubelet.memoryBytes, rssBytes: node.kubelet.memoryBytes },
  };
  const together: ContainerStats[] =
    allPods === undefined ? [] : [{ name: "pods", startTime, cpu: cpu("pods", allPods.cpuNanoseconds), memory: groupMemory(allPods, time) }];
  return {
    node: {
      nodeName,
      systemContainers: [kubelet, ...together],
      startTime,
      cpu: cpu("node", node.cpuNanoseconds),
      memory: nodeMemory(node, time),
      ...network(node.interfaces, time),
      fs: nodeFs(filesystem, time),
      rlimit: { time, maxpid: headroom.maxProcesses, curproc: headroom.processes },
    },
    pods: pods.map((pod) => podStats(pod, { time, cpu, filesystem })),
  };
}

interface Shared {
  readonly time: string;
  readonly cpu: (key: string, nanoseconds: number) => CpuStats;
  readonly filesystem: FilesystemUsage;
}

function podStats({ pod, containers, cpuNanoseconds, memoryWorkingSetBytes, group, interfaces }: PodObservation, shared: Shared): PodStats {
  const { time, cpu } = shared;
  return {
    podRef: { name: podName(pod), namespace: podNamespace(pod), uid: podUid(pod) },
    startTime: pod.status?.startTime ?? time,
    containers: containers.map((container) => containerStats(container, shared)),
    cpu: cpu(podUid(pod), cpuNanoseconds),
    memory: group === undefined ? plainMemory(memoryWorkingSetBytes, time) : groupMemory(group, time),
    ...network(interfaces, time),
    ...(group === undefined ? {} : { process_stats: { process_count: group.processes } }),
  };
}

function containerStats({ name, status, usage, group }: ContainerObservation, { time, cpu, filesystem }: Shared): ContainerStats {
  return {
    name,
    startTime: formatTime(status.startedAtMs),
    cpu: cpu(usage.id, usage.cpuNanoseconds),
    memory: group === undefined ? plainMemory(usage.memoryWorkingSetBytes, time) : groupMemory(group, time),
    rootfs: { ...nodeFs(filesystem, time), usedBytes: usage.filesystemBytes },
  };
}

function plainMemory(bytes: number, time: string): MemoryStats {
  return { time, usageBytes: bytes, workingSetBytes: bytes };
}

function groupMemory({ memoryBytes, memoryWorkingSetBytes, memoryRssBytes, pageFaults, majorPageFaults }: CgroupUsage, time: string): MemoryStats {
  return { time, usageBytes: memoryBytes, workingSetBytes: memoryWorkingSetBytes, rssBytes: memoryRssBytes, pageFaults, majorPageFaults };
}

function nodeMemory(node: NodeUsage, time: string): MemoryStats {
  const { memoryAvailableBytes, memoryUsageBytes, memoryWorkingSetBytes, memoryRssBytes, pageFaults, majorPageFaults } = node;
  const sizes = { availableBytes: memoryAvailableBytes, usageBytes: memoryUsageBytes, workingSetBytes: memoryWorkingSetBytes, rssBytes: memoryRssBytes };
  return { time, ...sizes, pageFaults, majorPageFaults };
}

function network(interfaces: readonly InterfaceUsage[], time: string): { readonly network?: NetworkStats } {
  const stats = interfaces.map(({ name, rxBytes, rxErrors, txBytes, txErrors }): InterfaceStats => ({ name, rxBytes, rxErrors, txBytes, txErrors }));
  const [main] = stats;
  return main === undefined ? {} : { network: { time, ...main, interfaces: stats } };
}

function nodeFs({ capacityBytes, availableBytes, inodes, inodesFree }: FilesystemUsage, time: string): FsStats {
  return { time, availableBytes, capacityBytes, usedBytes: capacityBytes - availableBytes, inodesFree, inodes, inodesUsed: inodes - inodesFree };
}
