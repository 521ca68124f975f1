// What an autoscaler does about what it sees: how many pods there are to be, and what it says about it
// (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/). Pure; reasons and messages are upstream's.
import {
  type HorizontalPodAutoscaler,
  type HorizontalPodAutoscalerCondition,
  type HorizontalPodAutoscalerStatus,
  type MetricStatus,
  sameValue,
} from "../api/index.ts";
import { formatTime, parseQuantity } from "../base/index.ts";
import { limit, type ScalingHistory } from "./autoscaler-limits.ts";
import { type Assessment, assessMetric, type Circumstances, type MetricReading } from "./autoscaler-metrics.ts";
import type { Tolerances } from "./autoscaler-replicas.ts";

export interface Remark {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

export interface Decision {
  /** As it is to be written, when nothing is rescaled. */
  readonly status: HorizontalPodAutoscalerStatus;
  readonly remarks: readonly Remark[];
  readonly history: ScalingHistory;
  readonly rescale?: { readonly to: number; readonly reason: string };
}

/** Why the pods of the target cannot be told apart from others. */
export interface SelectorProblem {
  readonly event: string;
  readonly condition: string;
  readonly message: string;
  /** Where the condition says it differently. */
  readonly conditionMessage?: string;
}

/** What was found out about the metrics. */
export type MetricsSeen =
  | { readonly ok: true; readonly readings: readonly MetricReading[]; readonly pods: Circumstances["pods"] }
  | { readonly ok: false; readonly selector: SelectorProblem };

export interface Seen {
  readonly autoscaler: HorizontalPodAutoscaler;
  readonly specReplicas: number;
  readonly statusReplicas: number;
  /** Absent where the count alone decides (`needsMetrics`). */
  readonly metrics?: MetricsSeen;
  readonly history: ScalingHistory;
  readonly nowMs: number;
}

const DEFAULT_TOLERANCE = 0.1;
const WAS_UNABLE = "the HPA was unable to compute the replica count: ";

/** False where the count of the target alone says what to do. */
export function needsMetrics({ spec }: HorizontalPodAutoscaler, specReplicas: number): boolean {
  return specReplicas !== 0 && specReplicas <= spec.maxReplicas && specReplicas >= (spec.minReplicas ?? 1);
}

/** The target's scale cannot be read. */
export function withoutScale({ status }: HorizontalPodAutoscaler, problem: string, nowMs: number): Pick<Decision, "status" | "remarks"> {
  const message = `the HPA controller was unable to get the target's current scale: ${problem}`;
  const condition = { type: "AbleToScale", status: "False", reason: "FailedGetScale", message };
  return {
    status: { ...baseStatus(status), conditions: withConditions(status?.conditions, [condition], nowMs) },
    remarks: [{ type: "Warning", reason: "FailedGetScale", message: problem }],
  };
}

export function decide(seen: Seen): Decision {
  const { autoscaler, specReplicas: current, metrics, history, nowMs } = seen;
  const { maxReplicas, minReplicas = 1 } = autoscaler.spec;
  const finish = (end: Ending): Decision => {
    const able = { type: "AbleToScale", status: "True", reason: "SucceededGetScale", message: "the HPA controller was able to get the target's current scale" };
    const before = baseStatus(autoscaler.status);
    const status: HorizontalPodAutoscalerStatus = {
      ...before,
      currentReplicas: current,
      desiredReplicas: end.isFailure ? before.desiredReplicas : (end.rescale?.to ?? current),
      currentMetrics: end.metrics ?? [],
      conditions: withConditions(autoscaler.status?.conditions, [able, ...end.conditions], nowMs),
    };
    return { status, remarks: end.remarks ?? [], history: end.history ?? history, ...(end.rescale === undefined ? {} : { rescale: end.rescale }) };
  };
  if (metrics !== undefined) return finish(metrics.ok ? followMetrics(seen, minReplicas, metrics) : refuseSelector(metrics.selector));
  if (current === 0) {
    const message = "scaling is disabled since the replica count of the target is zero";
    return finish({ conditions: [{ type: "ScalingActive", status: "False", reason: "ScalingDisabled", message }] });
  }
  if (current > maxReplicas) return finish({ conditions: [], rescale: { to: maxReplicas, reason: "Current number of replicas above Spec.MaxReplicas" } });
  return finish({ conditions: [], rescale: { to: minReplicas, reason: "Current number of replicas below Spec.MinReplicas" } });
}

interface Ending {
  readonly conditions: readonly Omit<HorizontalPodAutoscalerCondition, "lastTransitionTime">[];
  readonly metrics?: readonly MetricStatus[];
  readonly remarks?: readonly Remark[];
  readonly history?: ScalingHistory;
  readonly rescale?: Decision["rescale"];
  /** The count that was wished for before stays in the status. */
  readonly isFailure?: boolean;
}

function followMetrics(seen: Seen, minReplicas: number, metrics: MetricsSeen & { readonly ok: true }): Ending {
  const { autoscaler, specReplicas: current, history, nowMs } = seen;
  const assessed = assess(seen, metrics);
  if (assessed.replicas === undefined) return { ...assessed, isFailure: true };
  const { replicas: desired, metric = "" } = assessed;
  const reason = desired > current ? `${metric} above target` : desired < current ? "All metrics below target" : "";
  const limited = limit(autoscaler.spec, history, { current, desired, minReplicas, nowMs });
  return {
    ...assessed,
    conditions: [...assessed.conditions, ...limited.verdicts],
    history: limited.history,
    ...(limited.replicas === current ? {} : { rescale: { to: limited.replicas, reason } }),
  };
}

function refuseSelector({ event, condition, message, conditionMessage = message }: SelectorProblem): Ending {
  return {
    conditions: [{ type: "ScalingActive", status: "False", reason: condition, message: conditionMessage }],
    remarks: [
      { type: "Warning", reason: event, message },
      { type: "Warning", reason: "FailedComputeMetricsReplicas", message },
    ],
    isFailure: true,
  };
}

type Failed = Assessment & { ok: false };

/** The largest count that a metric calls for. A metric that fails keeps the count from falling, but not from rising. */
function assess(seen: Seen, { readings, pods }: MetricsSeen & { ok: true }): Ending & { readonly replicas?: number; readonly metric?: string } {
  const { autoscaler, specReplicas, statusReplicas, nowMs } = seen;
  const tolerances = tolerancesOf(autoscaler);
  const about: Circumstances = { namespace: autoscaler.metadata.namespace ?? "", specReplicas, statusReplicas, pods, tolerances, nowMs };
  const specs = autoscaler.spec.metrics ?? [];
  const results = specs.map((spec, position) => assessMetric(spec, readings[position] ?? { ok: false, problem: "not read" }, about));
  const failures = results.filter((result): result is Failed => !result.ok);
  const metrics = results.map((result) => (result.ok ? result.status : { type: "" }));
  const warnings = failures.map(({ reason, cause }): Remark => ({ type: "Warning", reason, message: cause }));
  const [first] = failures;
  let best: (Assessment & { ok: true }) | undefined;
  for (const result of results) if (result.ok && (best === undefined || best.replicas === 0 || result.replicas > best.replicas)) best = result;
  if (first !== undefined && (best === undefined || best.replicas < specReplicas)) {
    const message = `invalid metrics (${failures.length} invalid out of ${specs.length}), first error is: ${first.problem}`;
    return {
      metrics,
      conditions: [{ type: "ScalingActive", status: "False", reason: first.reason, message: `${WAS_UNABLE}${first.cause}` }],
      remarks: [...warnings, { type: "Warning", reason: "FailedComputeMetricsReplicas", message }],
    };
  }
  const { replicas, name } = best ?? { replicas: 0, name: "" };
  const message = `the HPA was able to successfully calculate a replica count from ${name}`;
  return { metrics, replicas, metric: name, remarks: warnings, conditions: [{ type: "ScalingActive", status: "True", reason: "ValidMetricFound", message }] };
}

function tolerancesOf({ spec: { behavior } }: HorizontalPodAutoscaler): Tolerances {
  const fraction = (text: string | undefined): number => (text === undefined ? DEFAULT_TOLERANCE : Number(parseQuantity(text).nanos) / 1e9);
  return { down: fraction(behavior?.scaleDown?.tolerance), up: fraction(behavior?.scaleUp?.tolerance) };
}

/** The status after a rescale that went through. */
export function rescaled({ status }: Decision, to: number, nowMs: number): HorizontalPodAutoscalerStatus {
  const message = `the HPA controller was able to update the target scale to ${to}`;
  const condition = { type: "AbleToScale", status: "True", reason: "SucceededRescale", message };
  return { ...status, lastScaleTime: formatTime(nowMs), conditions: withConditions(status.conditions, [condition], nowMs) };
}

/** The status after one that did not. */
export function notRescaled({ status }: Decision, before: HorizontalPodAutoscaler, problem: string, nowMs: number): HorizontalPodAutoscalerStatus {
  const message = `the HPA controller was unable to update the target scale: ${problem}`;
  const condition = { type: "AbleToScale", status: "False", reason: "FailedUpdateScale", message };
  const { desiredReplicas } = baseStatus(before.status);
  return { ...status, desiredReplicas, conditions: withConditions(status.conditions, [condition], nowMs) };
}

export function isSameStatus(one: HorizontalPodAutoscalerStatus | undefined, other: HorizontalPodAutoscalerStatus): boolean {
  return one !== undefined && sameValue({ ...one, currentMetrics: one.currentMetrics ?? [] }, { ...other, currentMetrics: other.currentMetrics ?? [] });
}

function baseStatus(status: HorizontalPodAutoscalerStatus | undefined): HorizontalPodAutoscalerStatus {
  const { currentReplicas = 0, desiredReplicas = 0, lastScaleTime, currentMetrics } = status ?? {};
  return {
    currentReplicas,
    desiredReplicas,
    ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    ...(currentMetrics === undefined ? {} : { currentMetrics }),
  };
}

/** Each change in order; the time is that of the last change of a condition's status. */
function withConditions(
  conditions: readonly HorizontalPodAutoscalerCondition[] = [],
  changes: readonly Omit<HorizontalPodAutoscalerCondition, "lastTransitionTime">[],
  nowMs: number,
): readonly HorizontalPodAutoscalerCondition[] {
  const byType = new Map(conditions.map((condition) => [condition.type, condition]));
  for (const change of changes) {
    const known = byType.get(change.type);
    const lastTransitionTime = known?.status === change.status ? known.lastTransitionTime : formatTime(nowMs);
    byType.set(change.type, { ...change, ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }) });
  }
  return [...byType.values()];
}
