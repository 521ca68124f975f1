// DefaultPreemption: when no node will do, which pods of lower priority would have to go, and from which node
// (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/). A pure plan; scheduler.ts carries it out.
import { labelSelectorMatches, type Pod, type PodDisruptionBudget, podCondition } from "../../api/index.ts";
import { type Diagnosis, fitMessage, rejectionOf } from "../diagnosis.ts";
import { createFilter, type Filter } from "../filter-nodes.ts";
import type { NodeInfo } from "../node-info.ts";
import { type Plugin, type PostFilterInput, type PostFilterResult, plugin, type Rejection, unresolvable } from "../plugin.ts";
import type { PodInfo } from "../pod-info.ts";

export interface DefaultPreemptionArgs {
  /** How many candidates are enough to choose among: this share of the nodes that could be cleared... */
  readonly minCandidateNodesPercentage: number;
  /** ...and at least so many. */
  readonly minCandidateNodesAbsolute: number;
}

interface Candidate {
  readonly node: NodeInfo;
  /** The most important first. */
  readonly victims: readonly PodInfo[];
  /** Victims whose removal breaks a disruption budget. */
  readonly violations: number;
}

/** Of the condition of a pod that goes because another needs its room. */
export const PREEMPTION_REASON = "PreemptionByScheduler";
const NOT_HELPFUL = unresolvable("Preemption is not helpful for scheduling");
const NO_VICTIMS = unresolvable("No preemption victims found for incoming pod");

export function createDefaultPreemption(args: Partial<DefaultPreemptionArgs> = {}): Plugin {
  const settings: DefaultPreemptionArgs = { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100, ...args };
  return plugin("DefaultPreemption", {
    postFilter: (input) => {
      const ineligible = whyIneligible(input);
      if (ineligible !== undefined) return { helps: false, message: `preemption: ${ineligible}`, nominationStands: true };
      return plan(input, settings);
    },
    helpedBy: [],
  });
}

function plan(input: PostFilterInput, settings: DefaultPreemptionArgs): PostFilterResult {
  const { pod, cluster, profile, diagnosis } = input;
  const potential = cluster.list().filter(({ name }) => rejectionOf(diagnosis, name).resolvable);
  const { candidates, refusals } = findCandidates(potential, createFilter(pod, cluster, profile), input, settings);
  const [first, ...rest] = candidates;
  if (first === undefined) {
    const message = fitMessage({ nodeCount: cluster.list().length, rejections: refusals, others: NOT_HELPFUL });
    return { helps: false, message: `preemption: ${message}`, nominationStands: false };
  }
  const best = rest.reduce((chosen, candidate) => (isBetter(candidate, chosen) ? candidate : chosen), first);
  return { helps: true, nodeName: best.node.name, victims: best.victims };
}

function whyIneligible({ pod: { pod, priority, uid }, cluster, diagnosis }: PostFilterInput): string | undefined {
  if (pod.spec.preemptionPolicy === "Never") return "not eligible due to preemptionPolicy=Never.";
  const nominated = cluster.nominations.nodeOf(uid);
  // A node that will not do whoever leaves it is not worth waiting for.
  if (nominated === undefined || isHopeless(diagnosis, nominated)) return undefined;
  const others = [...(cluster.node(nominated)?.pods.values() ?? [])];
  const stillLeaving = others.some((other) => other.priority < priority && isLeavingForAnother(other.pod));
  return stillLeaving ? "not eligible due to a terminating pod on the nominated node." : undefined;
}

function isHopeless(diagnosis: Diagnosis, nodeName: string): boolean {
  return !rejectionOf(diagnosis, nodeName).resolvable;
}

function isLeavingForAnother(pod: Pod): boolean {
  const disruption = podCondition(pod, "DisruptionTarget");
  return pod.metadata.deletionTimestamp !== undefined && disruption?.status === "True" && disruption.reason === PREEMPTION_REASON;
}

/** Looks at nodes, from a random one on, until there are enough candidates and one of them breaks no budget. */
function findCandidates(
  nodes: readonly NodeInfo[],
  filter: Filter,
  { pod, cluster, draw }: PostFilterInput,
  { minCandidateNodesPercentage, minCandidateNodesAbsolute }: DefaultPreemptionArgs,
): { candidates: readonly Candidate[]; refusals: ReadonlyMap<string, Rejection> } {
  const enough = Math.max(Math.trunc((nodes.length * minCandidateNodesPercentage) / 100), minCandidateNodesAbsolute);
  const budgets = cluster.listers.budgets();
  const start = Math.floor(draw() * nodes.length);
  const candidates: Candidate[] = [];
  const refusals = new Map<string, Rejection>();
  for (let looked = 0; looked < nodes.length; looked++) {
    const node = nodes[(start + looked) % nodes.length];
    if (node === undefined) continue;
    const candidate = selectVictims(pod, node, filter, budgets);
    if ("reasons" in candidate) refusals.set(node.name, candidate);
    else candidates.push(candidate);
    if (candidates.length >= enough && candidates.some(({ violations }) => violations === 0)) break;
  }
  return { candidates, refusals };
}

/** All pods of lower priority go; then as many as possible come back, those whose budget allows no disruption first. */
function selectVictims(pod: PodInfo, node: NodeInfo, filter: Filter, budgets: readonly PodDisruptionBudget[]): Candidate | Rejection {
  const lower = [...node.pods.values()].filter(({ priority }) => priority < pod.priority);
  if (lower.length === 0) return NO_VICTIMS;
  const trial = node.clone();
  for (const { uid } of lower) trial.removePod(uid);
  const rejected = filter.check(trial);
  if (rejected !== undefined) return rejected.rejection;
  const { protectedPods, others } = splitByBudget(lower.sort(moreImportantFirst), budgets);
  const victims: PodInfo[] = [];
  let violations = 0;
  const bringBack = (candidate: PodInfo): boolean => {
    trial.addPod(candidate);
    if (filter.check(trial) === undefined) return true;
    trial.removePod(candidate.uid);
    victims.push(candidate);
    return false;
  };
  for (const candidate of protectedPods) if (!bringBack(candidate)) violations++;
  for (const candidate of others) bringBack(candidate);
  // It fits with all of them: what kept it out is gone by now.
  return victims.length === 0 ? NO_VICTIMS : { node, victims: victims.sort(moreImportantFirst), violations };
}

/** Pods whose removal would break a budget, counting down what each budget allows. */
function splitByBudget(pods: readonly PodInfo[], budgets: readonly PodDisruptionBudget[]): { protectedPods: PodInfo[]; others: PodInfo[] } {
  const allowed = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]));
  const breaksBudget = ({ pod }: PodInfo): boolean => {
    for (const [budget, left] of allowed) {
      if (!isCovered(pod, budget)) continue;
      allowed.set(budget, left - 1);
      if (left <= 0) return true;
    }
    return false;
  };
  const protectedPods: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const info of pods) (breaksBudget(info) ? protectedPods : others).push(info);
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
