// Eviction signals and the thresholds at which the node helps itself
// (https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#eviction-signals-and-thresholds).
import { parseDuration, tryParseQuantity } from "../../base/index.ts";

export const SIGNALS = ["memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree", "pid.available"] as const;
export type Signal = (typeof SIGNALS)[number];

export type PressureCondition = "MemoryPressure" | "DiskPressure" | "PIDPressure";
/** As messages name what is short. */
export type StarvedResource = "memory" | "ephemeral-storage" | "inodes" | "pids";

/** A share of what there is, or an amount. */
export type ThresholdValue = { readonly percent: number } | { readonly amount: number };

export interface Threshold {
  readonly signal: Signal;
  readonly value: ThresholdValue;
  /** 0: a hard threshold, acted upon at once. */
  readonly gracePeriodMs: number;
  /** Once met, so much more than the threshold must be free again. */
  readonly minimumReclaim?: ThresholdValue;
}

const MEANING: Readonly<Record<Signal, readonly [PressureCondition, StarvedResource]>> = {
  "memory.available": ["MemoryPressure", "memory"],
  "nodefs.available": ["DiskPressure", "ephemeral-storage"],
  "nodefs.inodesFree": ["DiskPressure", "inodes"],
  "imagefs.available": ["DiskPressure", "ephemeral-storage"],
  "imagefs.inodesFree": ["DiskPressure", "inodes"],
  "pid.available": ["PIDPressure", "pids"],
};

export function conditionOf(signal: Signal): PressureCondition {
  return MEANING[signal][0];
}
export function resourceOf(signal: Signal): StarvedResource {
  return MEANING[signal][1];
}

/** The value in bytes, inodes or processes, of so many there are. */
export function amountOf(value: ThresholdValue, capacity: number): number {
  return "amount" in value ? value.amount : Math.floor(capacity * value.percent);
}

interface ThresholdTexts {
  readonly evictionHard: Readonly<Record<string, string>>;
  readonly evictionSoft: Readonly<Record<string, string>>;
  readonly evictionSoftGracePeriod: Readonly<Record<string, string>>;
  readonly evictionMinimumReclaim: Readonly<Record<string, string>>;
}

/** Notes in `problems` what makes no sense. */
export function parseThresholds(texts: ThresholdTexts, problems: string[]): Threshold[] {
  const hard = parseField("evictionHard", texts.evictionHard, problems);
  const soft = parseField("evictionSoft", texts.evictionSoft, problems);
  const reclaim = parseField("evictionMinimumReclaim", texts.evictionMinimumReclaim, problems, true);
  const periods = new Map<string, number>();
  for (const [signal, text] of Object.entries(texts.evictionSoftGracePeriod)) {
    const periodMs = parseDuration(text);
    if (!isSignal(signal)) problems.push(unknownSignal("evictionSoftGracePeriod", signal));
    else if (periodMs === undefined || periodMs <= 0) problems.push(`evictionSoftGracePeriod: ${signal} must be a positive duration, not "${text}"`);
    else periods.set(signal, periodMs);
  }
  for (const signal of soft.keys()) {
    if (!periods.has(signal)) problems.push(`grace period must be specified for the soft eviction threshold ${signal}`);
  }
  const threshold = (gracePeriodMs: (signal: Signal) => number) => {
    return ([signal, value]: [Signal, ThresholdValue]): Threshold => {
      const minimumReclaim = reclaim.get(signal);
      return { signal, value, gracePeriodMs: gracePeriodMs(signal), ...(minimumReclaim === undefined ? {} : { minimumReclaim }) };
    };
  };
  return [...[...hard].map(threshold(() => 0)), ...[...soft].map(threshold((signal) => periods.get(signal) ?? 0))];
}

function parseField(field: string, texts: Readonly<Record<string, string>>, problems: string[], zeroIsFine = false): Map<Signal, ThresholdValue> {
  const values = new Map<Signal, ThresholdValue>();
  for (const [signal, text] of Object.entries(texts)) {
    if (!isSignal(signal)) {
      problems.push(unknownSignal(field, signal));
      continue;
    }
    // So a threshold is switched off.
    if (text === "0%" || text === "100%") continue;
    const value = parseValue(text, zeroIsFine);
    if (value === undefined) problems.push(`${field}: ${signal} must be a positive amount such as "100Mi" or a share such as "10%", not "${text}"`);
    else values.set(signal, value);
  }
  return values;
}

function parseValue(text: string, zeroIsFine: boolean): ThresholdValue | undefined {
  if (text.endsWith("%")) {
    const percent = Number(text.slice(0, -1)) / 100;
    return text.length > 1 && percent >= 0 && percent <= 1 ? { percent } : undefined;
  }
  const amount = tryParseQuantity(text)?.value();
  return amount === undefined || amount < 0 || (amount === 0 && !zeroIsFine) ? undefined : { amount };
}

function isSignal(text: string): text is Signal {
  return (SIGNALS as readonly string[]).includes(text);
}
function unknownSignal(field: string, signal: string): string {
  return `${field}: unsupported eviction signal ${signal}; there are ${SIGNALS.join(", ")}`;
}
