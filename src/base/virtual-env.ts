// An env whose time moves only when told to: production code runs on it unchanged and deterministically. Timers fire in
// (time, order of setting); between two timers every promise that can settle does.
import type { Clock, Env, LogFields, Logger, Timer } from "./env.ts";
import { createMetrics } from "./metrics.ts";
import { createSeededRandom } from "./random.ts";

export interface VirtualEnvOptions {
  readonly seed?: string;
  /** Wall clock at the start, in milliseconds since the epoch. */
  readonly startMs?: number;
  /** Called with every log line of at least `warn`, for tests that look at them. */
  readonly onLog?: (level: "debug" | "info" | "warn" | "error", component: string, message: string, fields?: LogFields) => void;
}

export interface VirtualClock extends Clock {
  /** Lets `durationMs` pass, firing what falls due. */
  advance(durationMs: number): Promise<void>;
  /** Fires timers until `predicate` holds; throws when `limitMs` of virtual time pass first. */
  runUntil(predicate: () => boolean | Promise<boolean>, limitMs?: number): Promise<void>;
  /** Lets all promises settle without moving time. */
  settle(): Promise<void>;
  /** Moves the wall clock alone, as an operator or NTP would. */
  jump(byMs: number): void;
  /** Pending timers: an idle system should have few. */
  pending(): number;
}

interface VirtualTimer extends Timer {
  readonly dueMs: number;
  readonly sequence: number;
  readonly action: () => void;
  cancelled: boolean;
}

const DEFAULT_START_MS = Date.UTC(2026, 0, 1);
const DEFAULT_LIMIT_MS = 10 * 60_000;
/** Turns of the event loop given to work outside timers (promises, crypto) before time moves on. */
const SETTLE_TURNS = 3;

export function createVirtualEnv(options: VirtualEnvOptions = {}): { env: Env; clock: VirtualClock } {
  const clock = createVirtualClock(options.startMs ?? DEFAULT_START_MS);
  const log = createCallbackLogger(options.onLog ?? (() => undefined), "");
  return { clock, env: { clock, random: createSeededRandom(options.seed ?? "kubets"), log, metrics: createMetrics() } };
}

function createVirtualClock(startMs: number): VirtualClock {
  const timers: VirtualTimer[] = [];
  let elapsedMs = 0;
  let wallOffsetMs = startMs;
  let sequence = 0;
  const next = (): VirtualTimer | undefined => {
    while (timers[0]?.cancelled) timers.shift();
    return timers[0];
  };
  const fireNext = async (): Promise<void> => {
    const timer = timers.shift();
    if (timer === undefined) return;
    elapsedMs = Math.max(elapsedMs, timer.dueMs);
    timer.action();
    await settle();
  };
  return {
    now: () => wallOffsetMs + elapsedMs,
    monotonic: () => elapsedMs,
    setTimeout: (action, delayMs) => {
      const timer: VirtualTimer = {
        dueMs: elapsedMs + Math.max(0, delayMs),
        sequence: sequence++,
        action,
        cancelled: false,
        cancel: () => {
          timer.cancelled = true;
        },
      };
      insert(timers, timer);
      return timer;
    },
    advance: async (durationMs) => {
      const untilMs = elapsedMs + durationMs;
      await settle();
      for (let timer = next(); timer !== undefined && timer.dueMs <= untilMs; timer = next()) await fireNext();
      elapsedMs = untilMs;
      await settle();
    },
    runUntil: async (predicate, limitMs = DEFAULT_LIMIT_MS) => {
      const untilMs = elapsedMs + limitMs;
      await settle();
      while (!(await predicate())) {
        const timer = next();
        if (timer === undefined) throw new Error(`virtual time stands still: nothing is due and the condition does not hold (${elapsedMs} ms)`);
        if (timer.dueMs > untilMs) throw new Error(`the condition does not hold after ${limitMs} ms of virtual time`);
        await fireNext();
      }
    },
    settle,
    jump: (byMs) => {
      wallOffsetMs += byMs;
    },
    pending: () => timers.filter((timer) => !timer.cancelled).length,
  };
}

/** Keeps `timers` ordered by (due, sequence). */
function insert(timers: VirtualTimer[], timer: VirtualTimer): void {
  let low = 0;
  let high = timers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = timers[middle];
    if (other !== undefined && other.dueMs <= timer.dueMs) low = middle + 1;
    else high = middle;
  }
  timers.splice(low, 0, timer);
}

/** A turn of the event loop comes after all promises that were ready. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) {
    await new Promise<void>((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    });
  }
}

/** A logger that hands every line to `write`. */
export function createCallbackLogger(write: NonNullable<VirtualEnvOptions["onLog"]>, component: string): Logger {
  return {
    debug: (message, fields) => write("debug", component, message, fields),
    info: (message, fields) => write("info", component, message, fields),
    warn: (message, fields) => write("warn", component, message, fields),
    error: (message, fields) => write("error", component, message, fields),
    child: (name) => createCallbackLogger(write, component === "" ? name : `${component}.${name}`),
  };
}
