import { describe, expect, it } from "vitest";
import type { Observations } from "./observations.ts";
import { assessPressure, NO_PRESSURE, type PressureMemory } from "./pressure.ts";
import type { Threshold } from "./thresholds.ts";

const GIB = 2 ** 30;
const memory = (available: number): Observations => new Map([["memory.available", { available: available * GIB, capacity: 10 * GIB }]]);
const hard: Threshold = { signal: "memory.available", value: { percent: 0.1 }, gracePeriodMs: 0 };

/** Plays free memory (in GiB, by second) and tells condition and action at each look. */
function play(threshold: Threshold, looks: readonly (readonly [second: number, available: number])[]): string[] {
  let state: PressureMemory = NO_PRESSURE;
  return looks.map(([second, available]) => {
    const step = assessPressure({ thresholds: [threshold], pressureTransitionMs: 300_000 }, memory(available), state, second * 1000);
    state = step.memory;
    return `${second}s: ${[...step.conditions].join() || "fine"}${step.due.length > 0 ? ", act" : ""}`;
  });
}

describe("a threshold", () => {
  it("is acted upon at once when it is hard, and its condition outlasts it by the transition period", () => {
    const looks = [
      [0, 2],
      [10, 0.5],
      [20, 2],
      [309, 2],
      [310, 2],
    ] as const;
    expect(play(hard, looks)).toEqual(["0s: fine", "10s: MemoryPressure, act", "20s: MemoryPressure", "309s: MemoryPressure", "310s: fine"]);
  });

  it("is acted upon after its grace period when it is soft", () => {
    const looks = [
      [0, 0.5],
      [20, 0.5],
      [30, 0.5],
    ] as const;
    expect(play({ ...hard, gracePeriodMs: 30_000 }, looks)).toEqual(["0s: MemoryPressure", "20s: MemoryPressure", "30s: MemoryPressure, act"]);
  });

  it("begins its grace period anew when it was not met in between", () => {
    const looks = [
      [0, 0.5],
      [20, 2],
      [30, 0.5],
    ] as const;
    expect(play({ ...hard, gracePeriodMs: 30_000 }, looks).at(-1)).toBe("30s: MemoryPressure");
  });

  it("stays met until the minimum is reclaimed", () => {
    const looks = [
      [0, 0.5],
      [10, 1.4],
      [20, 1.5],
    ] as const;
    expect(play({ ...hard, minimumReclaim: { amount: 0.5 * GIB } }, looks)).toEqual([
      "0s: MemoryPressure, act",
      "10s: MemoryPressure, act",
      "20s: MemoryPressure",
    ]);
  });

  it("is not met by a signal that cannot be read", () => {
    expect(assessPressure({ thresholds: [hard], pressureTransitionMs: 0 }, new Map(), NO_PRESSURE, 0).conditions.size).toBe(0);
  });
});

it("acts upon memory first", () => {
  const disk: Threshold = { signal: "nodefs.available", value: { amount: GIB }, gracePeriodMs: 0 };
  const observations: Observations = new Map([...memory(0.5), ["nodefs.available", { available: 0, capacity: GIB }]]);
  const { due } = assessPressure({ thresholds: [disk, hard], pressureTransitionMs: 0 }, observations, NO_PRESSURE, 0);
  expect(due.map(({ signal }) => signal)).toEqual(["memory.available", "nodefs.available"]);
});
