// The real env: system time, strong randomness, log lines on a stream.
import { randomBytes } from "node:crypto";
import type { Env, LogFields, Metrics, Random } from "./env.ts";
import { createMetrics } from "./metrics.ts";
import { createCallbackLogger } from "./virtual-env.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";
const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

export interface SystemEnvOptions {
  readonly logLevel?: LogLevel;
  /** Takes a line without its newline; default: standard error. */
  readonly writeLine?: (line: string) => void;
}

export function createSystemEnv(options: SystemEnvOptions = {}): Env {
  const threshold = LEVELS.indexOf(options.logLevel ?? "info");
  const writeLine = options.writeLine ?? ((line) => void process.stderr.write(`${line}\n`));
  const log = createCallbackLogger((level, component, message, fields) => {
    if (LEVELS.indexOf(level) >= threshold) writeLine(logLine(level, component, message, fields));
  }, "");
  const metrics = createMetrics();
  observeProcess(metrics);
  return {
    clock: {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      setTimeout: (action, delayMs) => {
        const handle = startTimer(action, delayMs);
        return { cancel: () => handle.clear() };
      },
    },
    random: createStrongRandom(),
    log,
    metrics,
  };
}

/** What every Prometheus client tells of its process (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics). */
function observeProcess(metrics: Metrics): void {
  const startedSeconds = Date.now() / 1000 - process.uptime();
  const cpu = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  metrics.observed({ name: "process_cpu_seconds_total", type: "counter", help: "Total user and system CPU time spent in seconds." }, () => [[cpu()]]);
  metrics.observed({ name: "process_resident_memory_bytes", type: "gauge", help: "Resident memory size in bytes." }, () => [[process.memoryUsage.rss()]]);
  metrics.observed({ name: "process_start_time_seconds", type: "gauge", help: "Start time of the process since unix epoch in seconds." }, () => [
    [startedSeconds],
  ]);
}

/** The longest delay Node's timers take; longer ones are waited for in parts. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function startTimer(action: () => void, delayMs: number): { clear: () => void } {
  let handle: NodeJS.Timeout;
  const wait = (remainingMs: number): void => {
    const partMs = Math.min(remainingMs, LONGEST_TIMER_MS);
    handle = setTimeout(() => (remainingMs > partMs ? wait(remainingMs - partMs) : action()), partMs);
    handle.unref();
  };
  wait(Math.max(0, delayMs));
  return { clear: () => clearTimeout(handle) };
}

/** Drawn at once: a call for a few bytes costs as much as one for many. No byte is given out twice, and none stays behind. */
const RANDOM_BLOCK_BYTES = 2048;

function createStrongRandom(): Random {
  let block = new Uint8Array(0);
  let used = 0;
  const take = (length: number): Uint8Array => {
    if (length > RANDOM_BLOCK_BYTES / 8) return new Uint8Array(randomBytes(length));
    if (used + length > block.length) {
      block = new Uint8Array(randomBytes(RANDOM_BLOCK_BYTES));
      used = 0;
    }
    const taken = block.slice(used, used + length);
    block.fill(0, used, used + length);
    used += length;
    return taken;
  };
  const random: Random = {
    next: () => Buffer.from(take(6)).readUIntBE(0, 6) / 2 ** 48,
    bytes: take,
    fork: () => random,
  };
  return random;
}

/** `2026-01-02T15:04:05.000Z INFO kubelet pod started pod="default/a"` */
function logLine(level: string, component: string, message: string, fields: LogFields = {}): string {
  const details = Object.entries(fields).map(
    ([key, value]) => ` ${key}=${value instanceof Error ? JSON.stringify(value.stack ?? value.message) : JSON.stringify(value)}`,
  );
  return `${new Date().toISOString()} ${level.toUpperCase()} ${component === "" ? "" : `${component} `}${message}${details.join("")}`;
}
