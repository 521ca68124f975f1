// From two readings of one node to what was used between them. Pure.
//
// Invariants: memory is that of the later reading; a container that (re)started in between is measured from its start; a pod is
// only told when all its containers are.
import type { ContainerReading, NodeReading, Reading } from "./resource-metrics.ts";

export interface Usage {
  readonly cpuNanoCores: number;
  readonly memoryBytes: number;
  readonly atMs: number;
  readonly windowMs: number;
}

/** Less says nothing about a container: starting is most of what it did. */
const SHORTEST_WINDOW_MS = 1000;

/** Undefined when the readings are too close, or the node restarted in between. */
export function nodeUsage(before: Reading, after: Reading): Usage | undefined {
  return before.node === undefined || after.node === undefined ? undefined : usageBetween(before.node, after.node);
}

/** By container; undefined when there is no such pod, or one of its containers is too young to tell. */
export function podUsage(before: Reading, after: Reading, pod: string): ReadonlyMap<string, Usage> | undefined {
  const containers = after.pods.get(pod);
  if (containers === undefined) return undefined;
  const usages = new Map<string, Usage>();
  for (const [name, container] of containers) {
    const usage = containerUsage(before.pods.get(pod)?.get(name), container);
    if (usage === undefined) return undefined;
    usages.set(name, usage);
  }
  return usages;
}

function containerUsage(before: ContainerReading | undefined, after: ContainerReading): Usage | undefined {
  const isSame = before !== undefined && after.startedAtMs < before.atMs;
  return usageBetween(isSame ? before : { atMs: after.startedAtMs, cpuSeconds: 0, memoryBytes: 0 }, after);
}

function usageBetween(before: NodeReading, after: NodeReading): Usage | undefined {
  const windowMs = after.atMs - before.atMs;
  const usedSeconds = after.cpuSeconds - before.cpuSeconds;
  if (windowMs < SHORTEST_WINDOW_MS || usedSeconds < 0) return undefined;
  return { cpuNanoCores: Math.round((usedSeconds / windowMs) * 1e12), memoryBytes: after.memoryBytes, atMs: after.atMs, windowMs };
}
