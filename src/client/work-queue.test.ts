import { expect, it } from "vitest";
import { createVirtualEnv } from "../base/index.ts";
import { createReconciler, TerminalError } from "./reconciler.ts";
import { createWorkQueue } from "./work-queue.ts";

it("hands out each waiting key once, in order of arrival", async () => {
  const { env } = createVirtualEnv();
  const queue = createWorkQueue<string>(env);
  for (const key of ["a", "b", "a"]) queue.add(key);
  expect([await queue.get(), await queue.get(), queue.length]).toEqual(["a", "b", 0]);
});

it("brings back after done what was added while it was worked on", async () => {
  const { env } = createVirtualEnv();
  const queue = createWorkQueue<string>(env);
  queue.add("a");
  await queue.get();
  queue.add("a");
  expect(queue.length).toBe(0);
  queue.done("a");
  expect(await queue.get()).toBe("a");
});

it("lets the earliest of several delays count", async () => {
  const { env, clock } = createVirtualEnv();
  const queue = createWorkQueue<string>(env);
  queue.addAfter("a", 100);
  queue.addAfter("a", 10);
  queue.addAfter("a", 1000);
  await clock.advance(10);
  expect(queue.length).toBe(1);
  await clock.advance(2000);
  expect(queue.length).toBe(1);
});

it("doubles the delay of a failing key from 5 ms up to 1000 s", async () => {
  const { env, clock } = createVirtualEnv();
  const times: number[] = [];
  const reconciler = createReconciler(env, {
    name: "test",
    reconcile: async () => {
      times.push(clock.monotonic());
      throw new Error("no");
    },
  });
  reconciler.start();
  reconciler.enqueue("a");
  await clock.advance(4_000_000);
  const delays = times.slice(1).map((time, position) => time - (times[position] ?? 0));
  expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40]);
  expect(Math.max(...delays)).toBe(1_000_000);
  await reconciler.stop();
});

it("does not retry a terminal failure, and starts over after a success", async () => {
  const { env, clock } = createVirtualEnv();
  const outcomes: (Error | number | undefined)[] = [new Error("once"), undefined, 1000, new TerminalError("never")];
  let runs = 0;
  const reconciler = createReconciler(env, {
    name: "test",
    reconcile: async () => {
      const outcome = outcomes[runs++];
      if (outcome instanceof Error) throw outcome;
      return outcome === undefined ? undefined : { requeueAfterMs: outcome };
    },
  });
  reconciler.start();
  reconciler.enqueue("a");
  await clock.advance(5);
  expect(runs).toBe(2);
  reconciler.enqueue("a");
  await clock.advance(999);
  expect(runs).toBe(3);
  await clock.advance(1_000_000);
  expect(runs).toBe(4);
  expect(clock.pending()).toBe(0);
  await reconciler.stop();
});
