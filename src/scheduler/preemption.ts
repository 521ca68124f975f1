// Preemption: when no node will do, which pods of lower priority would have to go, and from which node
// (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/). A pure plan; scheduler.ts carries it out.
import { labelSelectorMatches, type Pod, type PodDisruptionBudget, podCondition } from "../api/index.ts";
import type { ClusterState } from "./cluster-state.ts";
import { createFilter } from "./find-node.ts";
import { unschedulableMessage } from "./messages.ts";
import type { NodeInfo } from "./node-info.ts";
import type { Rejection } from "./plugin.ts";
import type { PodInfo } from "./pod-info.ts";
import type { Profile } from "./profile.ts";

export interface PreemptionInput {
  readonly pod: PodInfo;
  readonly cluster: ClusterState;
  readonly profile: Profile;
  readonly rejections: ReadonlyMap<string, Rejection>;
  readonly budgets: readonly PodDisruptionBudget[];
}

export type PreemptionPlan =
  | { readonly helps: true; readonly nodeName: string; readonly victims: readonly PodInfo[] }
  /** `nominationStands`: the node it was nominated to before is still being cleared. */
  | { readonly helps: false; readonly message: string; readonly nominationStands: boolean };

interface Candidate {
  readonly node: NodeInfo;
  readonly victims: readonly PodInfo[];
  readonly violations: number;
}

/** Of the condition of a pod that goes because another needs its room. */
export const PREEMPTION_REASON = "PreemptionByScheduler";
const NOT_HELPFUL: Rejection = { reasons: ["Preemption is not helpful for scheduling"], resolvable: false };
const NO_VICTIMS: Rejection = { reasons: ["No preemption victims found for incoming pod"], resolvable: false };

export function planPreemption(input: PreemptionInput): PreemptionPlan {
  const { pod, cluster, rejections } = input;
  const ineligible = whyIneligible(pod, cluster, rejections);
  if (ineligible !== undefined) return { helps: false, message: `preemption: ${ineligible}`, nominationStands: true };
  const candidates: Candidate[] = [];
  const refusals = new Map<string, Rejection>();
  for (const node of cluster.list()) {
    if (rejections.get(node.name)?.resolvable === false) {
      refusals.set(node.name, NOT_HELPFUL);
      continue;
    }
    const candidate = selectVictims(input, node);
    if ("reasons" in candidate) refusals.set(node.name, candidate);
    else candidates.push(candidate);
  }
  const best = candidates.reduce<Candidate | undefined>(
    (chosen, candidate) => (chosen === undefined || isBetter(candidate, chosen) ? candidate : chosen),
    undefined,
  );
  if (best === undefined) return { helps: false, message: `preemption: ${unschedulableMessage(cluster.list().length, refusals)}`, nominationStands: false };
  return { helps: true, nodeName: best.node.name, victims: best.victims };
}

function whyIneligible({ pod, priority, uid }: PodInfo, cluster: ClusterState, rejections: ReadonlyMap<string, Rejection>): string | undefined {
  if (pod.spec.preemptionPolicy === "Never") return "not eligible due to preemptionPolicy=Never.";
  const nominated = cluster.nominations.nodeOf(uid);
  // A node that will not do whoever leaves it is not worth waiting for.
  if (nominated === undefined || rejections.get(nominated)?.resolvable === false) return undefined;
  const others = [...(cluster.node(nominated)?.pods.values() ?? [])];
  const stillLeaving = others.some((other) => other.priority < priority && isLeavingForAnother(other.pod));
  return stillLeaving ? "not eligible due to a terminating pod on the nominated node." : undefined;
}

function isLeavingForAnother(pod: Pod): boolean {
  const disruption = podCondition(pod, "DisruptionTarget");
  return pod.metadata.deletionTimestamp !== undefined && disruption?.status === "True" && disruption.reason === PREEMPTION_REASON;
}

/** All pods of lower priority go; then as many as possible come back, those whose budget allows no disruption first. */
function selectVictims({ pod, cluster, profile, budgets }: PreemptionInput, node: NodeInfo): Candidate | Rejection {
  const trial = node.clone();
  const lower = [...node.pods.values()].filter(({ priority }) => priority < pod.priority);
  if (lower.length === 0) return NO_VICTIMS;
  for (const { uid } of lower) trial.removePod(uid);
  const filter = createFilter(pod, cluster, profile);
  const rejected = filter(trial);
  if (rejected !== undefined) return rejected.rejection;
  const { protectedPods, others } = splitByBudget(lower.sort(moreImportantFirst), budgets);
  const victims: PodInfo[] = [];
  let violations = 0;
  const bringBack = (candidate: PodInfo): boolean => {
    trial.addPod(candidate);
    if (filter(trial) === undefined) return true;
    trial.removePod(candidate.uid);
    victims.push(candidate);
    return false;
  };
  for (const candidate of protectedPods) if (!bringBack(candidate)) violations++;
  for (const candidate of others) bringBack(candidate);
  return { node, victims: victims.sort(moreImportantFirst), violations };
}

/** Pods whose removal would break a budget, counting down what each budget allows. */
function splitByBudget(pods: readonly PodInfo[], budgets: readonly PodDisruptionBudget[]): { protectedPods: PodInfo[]; others: PodInfo[] } {
  const allowed = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]));
  const protectedPods: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const info of pods) {
    let breaks = false;
    for (const [budget, left] of allowed) {
      if (!isCovered(info.pod, budget)) continue;
      allowed.set(budget, left - 1);
      if (left <= 0) breaks = true;
    }
    (breaks ? protectedPods : others).push(info);
  }
  return { protectedPods, others };
}

/** Other than to evictions, to preemption an empty selector picks nothing, and nothing picks a pod without labels. */
function isCovered({ metadata: { name, namespace, labels = {} } }: Pod, { metadata, spec, status }: PodDisruptionBudget): boolean {
  const { matchLabels = {}, matchExpressions = [] } = spec?.selector ?? {};
  const isEmpty = Object.keys(matchLabels).length + matchExpressions.length === 0;
  if (metadata.namespace !== namespace || isEmpty || Object.keys(labels).length === 0) return false;
  return status?.disruptedPods?.[name] === undefined && labelSelectorMatches(spec?.selector ?? {}, labels);
}

function moreImportantFirst(one: PodInfo, other: PodInfo): number {
  return one.priority !== other.priority ? other.priority - one.priority : startOf(one) < startOf(other) ? -1 : startOf(one) > startOf(other) ? 1 : 0;
}

/** RFC 3339 texts sort by time; a pod that has not started counts as the youngest. */
function startOf({ pod }: PodInfo): string {
  return pod.status?.startTime ?? "9999";
}

/** Fewest broken budgets, then the least important most important victim, the lower sum of priorities, fewer victims, younger ones. */
function isBetter(one: Candidate, other: Candidate): boolean {
  for (const compare of [violations, highestPriority, prioritySum, victimCount]) {
    const difference = compare(one) - compare(other);
    if (difference !== 0) return difference < 0;
  }
  return earliestStart(one) > earliestStart(other);
}

const violations = (candidate: Candidate): number => candidate.violations;
const highestPriority = ({ victims }: Candidate): number => victims[0]?.priority ?? Number.NEGATIVE_INFINITY;
/** Shifted to be positive, so that more victims never sum to less. */
const prioritySum = ({ victims }: Candidate): number => victims.reduce((sum, { priority }) => sum + priority + 2 ** 31, 0);
const victimCount = ({ victims }: Candidate): number => victims.length;

function earliestStart({ victims }: Candidate): string {
  const highest = victims[0]?.priority;
  const starts = victims.filter(({ priority }) => priority === highest).map(startOf);
  return starts.sort()[0] ?? "9999";
}
