// The taints that a node's conditions call for
// (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions). Pure.
import { type Node, nodeConditions, type Taint, taints } from "../api/index.ts";
import { formatTime } from "../base/index.ts";

/** Condition → status → taint. */
const CONDITION_TAINTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [nodeConditions.ready]: { False: taints.notReady, Unknown: taints.unreachable },
  [nodeConditions.memoryPressure]: { True: taints.memoryPressure },
  [nodeConditions.diskPressure]: { True: taints.diskPressure },
  [nodeConditions.pidPressure]: { True: taints.pidPressure },
  [nodeConditions.networkUnavailable]: { True: taints.networkUnavailable },
};
const NO_SCHEDULE_KEYS = new Set<string>([taints.unschedulable, ...Object.values(CONDITION_TAINTS).flatMap((byStatus) => Object.values(byStatus))]);
const NO_EXECUTE_KEYS = new Set<string>([taints.notReady, taints.unreachable]);

export function readyStatus(node: Node): string | undefined {
  return node.status?.conditions?.find(({ type }) => type === nodeConditions.ready)?.status;
}

export interface TaintInputs {
  readonly node: Node;
  /** No node at all is ready: then the fault is more likely ours, and nothing is evicted. */
  readonly allDisrupted: boolean;
  /** Pods may be driven from this node now, that were not before. */
  readonly mayEvict: boolean;
  readonly nowMs: number;
}

function noExecuteKey(node: Node): string | undefined {
  const ready = readyStatus(node);
  return ready === "False" ? taints.notReady : ready === "Unknown" ? taints.unreachable : undefined;
}

/** The node's pods are to be driven away, and are not yet. */
export function awaitsEviction(node: Node): boolean {
  return noExecuteKey(node) !== undefined && !(node.spec.taints ?? []).some(({ key, effect }) => effect === "NoExecute" && NO_EXECUTE_KEYS.has(key));
}

/** The node's taints as they should be; the same array when nothing changes. */
export function wantedTaints({ node, allDisrupted, mayEvict, nowMs }: TaintInputs): readonly Taint[] {
  const current = node.spec.taints ?? [];
  const ready = readyStatus(node);
  const noSchedule = new Set(
    (node.status?.conditions ?? []).flatMap(({ type, status }) => {
      const key = CONDITION_TAINTS[type]?.[status];
      return key === undefined ? [] : [key];
    }),
  );
  if (node.spec.unschedulable === true) noSchedule.add(taints.unschedulable);
  // A node that never reported keeps the taint it was born with.
  if (ready === undefined) noSchedule.add(taints.notReady);
  const noExecute = noExecuteKey(node);
  const kept = current.filter(({ key, effect }) => {
    if (effect === "NoSchedule" && NO_SCHEDULE_KEYS.has(key)) return noSchedule.has(key);
    if (effect === "NoExecute" && NO_EXECUTE_KEYS.has(key)) return key === noExecute && !allDisrupted;
    return true;
  });
  const has = (key: string, effect: string): boolean => kept.some((taint) => taint.key === key && taint.effect === effect);
  const added: Taint[] = [...noSchedule]
    .filter((key) => !has(key, "NoSchedule") && (ready !== undefined || key !== taints.notReady))
    .map((key) => ({ key, effect: "NoSchedule" }));
  const evicting = noExecute !== undefined && !allDisrupted && !has(noExecute, "NoExecute") && (mayEvict || !awaitsEviction(node));
  if (evicting) added.push({ key: noExecute, effect: "NoExecute", timeAdded: formatTime(nowMs) });
  return added.length === 0 && kept.length === current.length ? current : [...kept, ...added];
}
