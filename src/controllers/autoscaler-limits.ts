// How fast an autoscaler may follow its metrics: stabilization windows, scaling policies, the smallest and largest count
// (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#configurable-scaling-behavior). Pure.
import type { HorizontalPodAutoscaler, HPAScalingRules } from "../api/index.ts";

interface Recommendation {
  readonly replicas: number;
  readonly atMs: number;
}
interface Change {
  /** How many pods more, or fewer. */
  readonly count: number;
  readonly atMs: number;
}

/** What an autoscaler remembers of its past. It begins anew with the controller, as upstream's does. */
export interface ScalingHistory {
  /** Before any limit. */
  readonly recommendations: readonly Recommendation[];
  readonly ups: readonly Change[];
  readonly downs: readonly Change[];
}

/** A verdict of one kind: `type` of condition, and what it says. */
export interface Verdict {
  readonly type: "AbleToScale" | "ScalingLimited";
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

export interface Limited {
  readonly replicas: number;
  readonly history: ScalingHistory;
  readonly verdicts: readonly Verdict[];
}

export interface Wish {
  readonly current: number;
  /** What the metrics call for. */
  readonly desired: number;
  readonly minReplicas: number;
  readonly nowMs: number;
}

const DEFAULT_DOWN_WINDOW_SECONDS = 300;
/** The longest window that validation allows: what is older never counts again. */
const LONGEST_WINDOW_MS = 3_600_000;
/** The longest period of a policy that validation allows. */
const LONGEST_PERIOD_MS = 1_800_000;
/** Without a behavior: at most double the count, or four pods, whichever is more. */
const UP_FACTOR = 2;
const UP_MINIMUM = 4;

export function newHistory(current: number, nowMs: number): ScalingHistory {
  return { recommendations: [{ replicas: current, atMs: nowMs }], ups: [], downs: [] };
}

/** The count that the wish leads to now. */
export function limit(spec: HorizontalPodAutoscaler["spec"], history: ScalingHistory, wish: Wish): Limited {
  const up = spec.behavior?.scaleUp;
  const down = spec.behavior?.scaleDown;
  const windows = {
    upMs: (up?.stabilizationWindowSeconds ?? 0) * 1000,
    downMs: (down?.stabilizationWindowSeconds ?? DEFAULT_DOWN_WINDOW_SECONDS) * 1000,
  };
  const stable = spec.behavior === undefined ? stabilizeDown(history, wish, windows.downMs) : stabilize(history, wish, windows);
  const bounded =
    spec.behavior === undefined
      ? boundSimply(spec.maxReplicas, wish, stable)
      : boundByPolicies({ maxReplicas: spec.maxReplicas, up: up ?? {}, down: down ?? {} }, history, { ...wish, desired: stable });
  const { replicas, ...why } = bounded;
  return {
    replicas,
    history: remember(history, wish),
    verdicts: [stabilizationVerdict(wish, stable), { type: "ScalingLimited", status: replicas === stable ? "False" : "True", ...why }],
  };
}

/** What was done is remembered for the policies. */
export function afterScaling(
  history: ScalingHistory,
  { from, to, nowMs }: { readonly from: number; readonly to: number; readonly nowMs: number },
): ScalingHistory {
  const kept = (changes: readonly Change[]): Change[] => changes.filter(({ atMs }) => nowMs - atMs <= LONGEST_PERIOD_MS);
  const change = { count: Math.abs(to - from), atMs: nowMs };
  return to > from ? { ...history, ups: [...kept(history.ups), change] } : { ...history, downs: [...kept(history.downs), change] };
}

function remember(history: ScalingHistory, { desired, nowMs }: Wish): ScalingHistory {
  const recent = history.recommendations.filter(({ atMs }) => nowMs - atMs <= LONGEST_WINDOW_MS);
  return { ...history, recommendations: [...recent, { replicas: desired, atMs: nowMs }] };
}

function stabilizeDown({ recommendations }: ScalingHistory, { desired, nowMs }: Wish, windowMs: number): number {
  return Math.max(desired, ...recommendations.filter(({ atMs }) => nowMs - atMs <= windowMs).map(({ replicas }) => replicas));
}

function stabilize({ recommendations }: ScalingHistory, { current, desired, nowMs }: Wish, { upMs, downMs }: { upMs: number; downMs: number }): number {
  const within = (windowMs: number): number[] => recommendations.filter(({ atMs }) => nowMs - atMs < windowMs).map(({ replicas }) => replicas);
  const lowest = Math.min(desired, ...within(upMs));
  const highest = Math.max(desired, ...within(downMs));
  return Math.min(Math.max(current, lowest), highest);
}

function stabilizationVerdict({ desired }: Wish, stable: number): Verdict {
  const able = { type: "AbleToScale", status: "True" } as const;
  if (stable === desired) return { ...able, reason: "ReadyForNewScale", message: "recommended size matches current size" };
  if (stable < desired) {
    return { ...able, reason: "ScaleUpStabilized", message: "recent recommendations were lower than current one, applying the lowest recent recommendation" };
  }
  return { ...able, reason: "ScaleDownStabilized", message: "recent recommendations were higher than current one, applying the highest recent recommendation" };
}

interface Bounded {
  readonly replicas: number;
  readonly reason: string;
  readonly message: string;
}
const IN_RANGE = { reason: "DesiredWithinRange", message: "the desired count is within the acceptable range" };
const TOO_FEW = { reason: "TooFewReplicas", message: "the desired replica count is less than the minimum replica count" };
const TOO_MANY = { reason: "TooManyReplicas", message: "the desired replica count is more than the maximum replica count" };
const TOO_FAST_UP = { reason: "ScaleUpLimit", message: "the desired replica count is increasing faster than the maximum scale rate" };
const TOO_FAST_DOWN = { reason: "ScaleDownLimit", message: "the desired replica count is decreasing faster than the maximum scale rate" };

function boundSimply(maxReplicas: number, { current, minReplicas }: Wish, stable: number): Bounded {
  const fastest = Math.max(UP_FACTOR * current, UP_MINIMUM);
  if (stable < minReplicas) return { replicas: minReplicas, ...TOO_FEW };
  if (stable > Math.min(maxReplicas, fastest)) return maxReplicas > fastest ? { replicas: fastest, ...TOO_FAST_UP } : { replicas: maxReplicas, ...TOO_MANY };
  return { replicas: stable, ...IN_RANGE };
}

interface Rules {
  readonly maxReplicas: number;
  readonly up: HPAScalingRules;
  readonly down: HPAScalingRules;
}

function boundByPolicies({ maxReplicas, up, down }: Rules, history: ScalingHistory, wish: Wish): Bounded {
  const { current, desired, minReplicas } = wish;
  if (desired > current) {
    const fastest = Math.max(current, policyLimit(up, history, wish, 1));
    const [largest, why] = maxReplicas > fastest ? [fastest, TOO_FAST_UP] : [maxReplicas, TOO_MANY];
    if (desired > largest) return { replicas: largest, ...why };
  } else if (desired < current) {
    const fastest = Math.min(current, policyLimit(down, history, wish, -1));
    const [smallest, why] = minReplicas < fastest ? [fastest, TOO_FAST_DOWN] : [minReplicas, TOO_FEW];
    if (desired < smallest) return { replicas: smallest, ...why };
  }
  return { replicas: desired, ...IN_RANGE };
}

/** How far the policies let the count go in this direction. Of several the one that allows most holds, or least with `Min`. */
function policyLimit({ selectPolicy, policies = [] }: HPAScalingRules, { ups, downs }: ScalingHistory, { current, nowMs }: Wish, direction: 1 | -1): number {
  if (selectPolicy === "Disabled") return current;
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const recent = (changes: readonly Change[]): number =>
      changes.filter(({ atMs }) => nowMs - atMs < periodSeconds * 1000).reduce((sum, { count }) => sum + count, 0);
    const atStart = current - recent(ups) + recent(downs);
    if (type === "Pods") return atStart + direction * value;
    // A rise by percents always allows one pod more.
    return direction === 1 ? Math.ceil(atStart * (1 + value / 100)) : Math.trunc(atStart * (1 - value / 100));
  });
  const picksHighest = (selectPolicy === "Min") === (direction === -1);
  return picksHighest ? Math.max(...limits) : Math.min(...limits);
}
