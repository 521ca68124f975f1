import { expect, it } from "vitest";
import { createVirtualEnv } from "../../base/index.ts";
import { createHousekeeping } from "./housekeeping.ts";

it("runs jobs at their periods, together where they nearly meet, and no more after the stop", async () => {
  const { env, clock } = createVirtualEnv();
  const ran: string[] = [];
  const note = (name: string) => (): void => {
    ran.push(`${Math.round(env.clock.monotonic() / 100) / 10} ${name}`);
  };
  const start = env.clock.monotonic() / 1000;
  const housekeeping = createHousekeeping(env);
  housekeeping.every(10_000, "ten", note("ten"));
  housekeeping.every(10_400, "later", note("later"));
  housekeeping.every(25_000, "slow", note("slow"));
  housekeeping.start();
  await clock.advance(26_000);
  housekeeping.stop();
  await clock.advance(100_000);
  const at = (seconds: number, name: string): string => `${start + seconds} ${name}`;
  expect(ran).toEqual([at(10, "ten"), at(10, "later"), at(20, "ten"), at(20, "later"), at(25, "slow")]);
});

it("does not run a job again before it has ended, and goes on after one that failed", async () => {
  const { env, clock } = createVirtualEnv();
  let begun = 0;
  let failed = 0;
  const housekeeping = createHousekeeping(env);
  housekeeping.every(10_000, "endless", () => {
    begun++;
    return new Promise<void>(() => undefined);
  });
  housekeeping.every(10_000, "failing", () => {
    failed++;
    throw new Error("no");
  });
  housekeeping.start();
  await clock.advance(35_000);
  housekeeping.stop();
  expect([begun, failed]).toEqual([1, 3]);
});
