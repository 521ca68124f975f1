// From signals to conditions and thresholds to act upon, step by step: a threshold must be met for its grace period, stays met until
// its minimum is reclaimed, and a condition is shown until it was gone for the transition period
// (https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-conditions). Pure.
import type { Observation, Observations } from "./observations.ts";
import { amountOf, conditionOf, type PressureCondition, type Threshold } from "./thresholds.ts";

export interface PressureMemory {
  /** Since when each threshold has been met, on the monotonic clock. */
  readonly metSinceMs: ReadonlyMap<Threshold, number>;
  /** When each condition was last so. */
  readonly conditionSeenMs: ReadonlyMap<PressureCondition, number>;
  /** Acted upon at the last step. */
  readonly acted: readonly Threshold[];
}

export const NO_PRESSURE: PressureMemory = { metSinceMs: new Map(), conditionSeenMs: new Map(), acted: [] };

export interface PressureStep {
  readonly memory: PressureMemory;
  readonly conditions: ReadonlySet<PressureCondition>;
  /** Thresholds whose grace period is over, memory first. */
  readonly due: readonly Threshold[];
}

export interface PressureRules {
  readonly thresholds: readonly Threshold[];
  readonly pressureTransitionMs: number;
}

export function assessPressure(rules: PressureRules, observations: Observations, before: PressureMemory, nowMs: number): PressureStep {
  const met = rules.thresholds.filter(
    (threshold) => isMet(threshold, observations) || (before.acted.includes(threshold) && isMet(threshold, observations, true)),
  );
  const metSinceMs = new Map(met.map((threshold) => [threshold, before.metSinceMs.get(threshold) ?? nowMs]));
  const conditionSeenMs = new Map(before.conditionSeenMs);
  for (const { signal } of met) conditionSeenMs.set(conditionOf(signal), nowMs);
  const conditions = new Set(
    [...conditionSeenMs].filter(([, seenMs]) => nowMs - seenMs < rules.pressureTransitionMs || seenMs === nowMs).map(([type]) => type),
  );
  const due = met.filter((threshold) => nowMs - (metSinceMs.get(threshold) ?? nowMs) >= threshold.gracePeriodMs);
  const isMemory = ({ signal }: Threshold): boolean => signal === "memory.available";
  return {
    memory: { metSinceMs, conditionSeenMs, acted: due },
    conditions,
    due: [...due.filter(isMemory), ...due.filter((threshold) => !isMemory(threshold))],
  };
}

/** With `reclaiming`, the minimum to reclaim must be free as well. */
export function isMet({ signal, value, minimumReclaim }: Threshold, observations: Observations, reclaiming = false): boolean {
  const observed = observations.get(signal);
  if (observed === undefined) return false;
  const more = reclaiming && minimumReclaim !== undefined ? amountOf(minimumReclaim, observed.capacity) : 0;
  return observed.available < amountOf(value, observed.capacity) + more;
}

export function thresholdAmount({ value }: Threshold, { capacity }: Observation): number {
  return amountOf(value, capacity);
}
