// Which of several pods goes first when there are too many
// (https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset).
import { annotations, isPodActive, isPodReady, type Pod, podCondition } from "../api/index.ts";
import { parseTime } from "../base/index.ts";

const PHASE_RANK: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** The `count` pods to delete out of `active`. `related`: pods of sibling sets, which show how crowded a node is. */
export function podsToDelete(active: readonly Pod[], related: readonly Pod[], count: number, nowMs: number): readonly Pod[] {
  if (count >= active.length) return active;
  const crowd = new Map<string, number>();
  for (const pod of related) if (isPodActive(pod)) crowd.set(pod.spec.nodeName ?? "", (crowd.get(pod.spec.nodeName ?? "") ?? 0) + 1);
  const rank = (pod: Pod): number => crowd.get(pod.spec.nodeName ?? "") ?? 0;
  return [...active].sort((a, b) => compareForDeletion(a, b, { rank, nowMs })).slice(0, count);
}

interface Circumstances {
  readonly rank: (pod: Pod) => number;
  readonly nowMs: number;
}

/** Negative when `a` goes before `b`. */
function compareForDeletion(a: Pod, b: Pod, { rank, nowMs }: Circumstances): number {
  const bothReady = isPodReady(a) && isPodReady(b);
  return (
    Number(isAssigned(a)) - Number(isAssigned(b)) ||
    phaseRank(a) - phaseRank(b) ||
    Number(isPodReady(a)) - Number(isPodReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    rank(b) - rank(a) ||
    (bothReady ? compareAges(readySince(a), readySince(b), a, b, nowMs) : 0) ||
    compareRestarts(a, b) ||
    compareAges(parseTime(a.metadata.creationTimestamp), parseTime(b.metadata.creationTimestamp), a, b, nowMs)
  );
}

function isAssigned(pod: Pod): boolean {
  return (pod.spec.nodeName ?? "") !== "";
}

function phaseRank(pod: Pod): number {
  return PHASE_RANK[pod.status?.phase ?? "Pending"] ?? 0;
}

/** 0 where the annotation is absent or no 32-bit number in its plain form. */
function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[annotations.podDeletionCost] ?? "0";
  if (!/^(0|-?[1-9][0-9]{0,9})$/.test(text)) return 0;
  const cost = Number(text);
  return Math.abs(cost) <= 0x7fffffff ? cost : 0;
}

function readySince(pod: Pod): number | undefined {
  return parseTime(podCondition(pod, "Ready")?.lastTransitionTime);
}

/** Younger first, on a logarithmic scale: among pods of about one age the uid decides, so that the choice is spread. */
function compareAges(a: number | undefined, b: number | undefined, podA: Pod, podB: Pod, nowMs: number): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  const difference = ageRank(nowMs - a) - ageRank(nowMs - b);
  if (difference !== 0) return difference;
  return (podA.metadata.uid ?? "") < (podB.metadata.uid ?? "") ? -1 : 1;
}

function ageRank(ageMs: number): number {
  return ageMs > 0 ? Math.trunc(Math.log2(ageMs * 1_000_000)) : -1;
}

/** More restarts first; sidecars decide where the containers are equal. */
function compareRestarts(a: Pod, b: Pod): number {
  const [containersA, sidecarsA] = maxRestarts(a);
  const [containersB, sidecarsB] = maxRestarts(b);
  return containersB - containersA || sidecarsB - sidecarsA;
}

function maxRestarts(pod: Pod): [number, number] {
  const sidecars = new Set((pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always").map(({ name }) => name));
  const most = (counts: readonly number[]): number => Math.max(0, ...counts);
  return [
    most((pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount)),
    most((pod.status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name)).map(({ restartCount }) => restartCount)),
  ];
}
