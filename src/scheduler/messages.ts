// The texts that tell users why a pod waits. Clients and people match on them: they are upstream's.
import type { Rejection } from "./plugin.ts";

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. <afterword>` */
export function unschedulableMessage(nodeCount: number, rejections: ReadonlyMap<string, Rejection>, afterword = ""): string {
  const counts = new Map<string, number>();
  for (const { reasons } of rejections.values()) for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const sorted = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  const reasons = sorted.length === 0 ? "" : ` ${sorted.join(", ")}.`;
  return `0/${nodeCount} nodes are available:${reasons}${afterword === "" ? "" : ` ${afterword}`}`;
}

/** `0/3 nodes are available: persistentvolumeclaim "data" not found. <afterword>` */
export function refusalMessage(nodeCount: number, refusal: string, afterword = ""): string {
  return `0/${nodeCount} nodes are available: ${refusal}.${afterword === "" ? "" : ` ${afterword}`}`;
}

/** What was tried after no node would do: claims to free first (we have none), then preemption. */
export function afterPreemption(message: string): string {
  return `no new claims to deallocate, ${message}`;
}

export const NO_NODES_MESSAGE = "no nodes available to schedule pods";

export function assignedMessage(namespace: string, name: string, node: string): string {
  return `Successfully assigned ${namespace}/${name} to ${node}`;
}
