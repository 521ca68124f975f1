import { describe, expect, it } from "vitest";
import { createVirtualEnv } from "./virtual-env.ts";

describe("virtual time", () => {
  it("fires timers by due time, then by order of setting, and settles promises between them", async () => {
    const { clock } = createVirtualEnv();
    const trace: string[] = [];
    const note = (name: string) => async () => {
      trace.push(name);
      await Promise.resolve();
      await Promise.resolve();
      trace.push(`${name} settled`);
    };
    clock.setTimeout(() => void note("late")(), 20);
    clock.setTimeout(() => void note("first")(), 10);
    clock.setTimeout(() => void note("second")(), 10);
    clock.setTimeout(() => trace.push("never"), 10).cancel();
    await clock.advance(20);
    expect(trace).toEqual(["first", "first settled", "second", "second settled", "late", "late settled"]);
    expect(clock.monotonic()).toBe(20);
    expect(clock.pending()).toBe(0);
  });

  it("runs until a condition holds and says why when it cannot", async () => {
    const { clock } = createVirtualEnv({ startMs: 1000 });
    let ticks = 0;
    const tick = (): void => {
      ticks++;
      clock.setTimeout(tick, 100);
    };
    tick();
    await clock.runUntil(() => ticks === 5);
    expect(clock.now()).toBe(1400);
    await expect(clock.runUntil(() => ticks === 1_000_000, 1000)).rejects.toThrow("after 1000 ms of virtual time");
    await expect(createVirtualEnv().clock.runUntil(() => false)).rejects.toThrow("stands still");
  });

  it("lets the wall clock jump without touching durations", async () => {
    const { clock } = createVirtualEnv({ startMs: 0 });
    clock.jump(-5000);
    await clock.advance(1000);
    expect(clock.now()).toBe(-4000);
    expect(clock.monotonic()).toBe(1000);
  });
});
