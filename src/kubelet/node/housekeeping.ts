// What a node has to look after by the clock, on one timer: jobs that fall due within a second of each other share a wake-up, so
// that an idle node wakes as seldom as it can.
//
// Invariants: a job never runs twice at a time; one that fails is told of and runs again at its next time; after `stop` no job
// begins.
import type { Env, Logger, Timer } from "../../base/index.ts";

export interface Housekeeping {
  /** Jobs may be added before and after the start. The first run is one period away. */
  every(periodMs: number, name: string, run: () => Promise<void> | void): void;
  start(): void;
  stop(): void;
}

interface Job {
  readonly name: string;
  readonly periodMs: number;
  readonly run: () => Promise<void> | void;
  dueMs: number;
  running: boolean;
}

/** A job may come so much before its time when others are due. */
const TOGETHER_MS = 1000;

export function createHousekeeping(env: Env): Housekeeping {
  const log: Logger = env.log.child("housekeeping");
  const jobs: Job[] = [];
  let started = false;
  let timer: Timer | undefined;

  const perform = async (job: Job): Promise<void> => {
    if (job.running) return;
    job.running = true;
    try {
      await job.run();
    } catch (error) {
      log.warn("a job failed, it will be tried again", { job: job.name, error });
    } finally {
      job.running = false;
    }
  };

  const plan = (): void => {
    timer?.cancel();
    if (!started || jobs.length === 0) return;
    const nextMs = Math.min(...jobs.map(({ dueMs }) => dueMs));
    timer = env.clock.setTimeout(tick, Math.max(0, nextMs - env.clock.monotonic()));
  };
  const tick = (): void => {
    const nowMs = env.clock.monotonic();
    for (const job of jobs) {
      if (job.dueMs > nowMs + Math.min(TOGETHER_MS, job.periodMs / 2)) continue;
      job.dueMs = nowMs + job.periodMs;
      void perform(job);
    }
    plan();
  };

  return {
    every(periodMs, name, run) {
      jobs.push({ name, periodMs, run, dueMs: env.clock.monotonic() + periodMs, running: false });
      plan();
    },
    start() {
      if (started) return;
      started = true;
      for (const job of jobs) job.dueMs = env.clock.monotonic() + job.periodMs;
      plan();
    },
    stop() {
      started = false;
      timer?.cancel();
    },
  };
}
