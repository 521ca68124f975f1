import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createSystemEnv } from "./system-env.host.ts";

describe("the system's clock", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const MONTH_MS = 30 * 86_400_000;

  it("waits longer than a timer of the platform can", () => {
    const { clock } = createSystemEnv({ logLevel: "silent" });
    let fired = 0;
    clock.setTimeout(() => fired++, MONTH_MS);
    vi.advanceTimersByTime(MONTH_MS - 1);
    expect(fired).toBe(0);
    vi.advanceTimersByTime(1);
    expect(fired).toBe(1);
    vi.advanceTimersByTime(2 * MONTH_MS);
    expect(fired).toBe(1);
  });

  it("forgets a cancelled timer, also in a later part of a long wait", () => {
    const { clock } = createSystemEnv({ logLevel: "silent" });
    let fired = 0;
    const timer = clock.setTimeout(() => fired++, MONTH_MS);
    vi.advanceTimersByTime(MONTH_MS - 1000);
    timer.cancel();
    vi.advanceTimersByTime(MONTH_MS);
    expect(fired).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("never gives the same random bytes twice, however many are asked for", () => {
  const { random } = createSystemEnv({ logLevel: "silent" });
  const seen = new Set<string>();
  for (let draw = 0; draw < 2000; draw++) {
    for (const length of [12, 16, 200, 3000]) {
      const bytes = random.bytes(length);
      expect(bytes.length).toBe(length);
      seen.add(Buffer.from(bytes.subarray(0, 12)).toString("hex"));
    }
    expect(random.next()).toBeLessThan(1);
  }
  expect(seen.size).toBe(8000);
});

it("writes a line per message from the asked level on, naming the component and its fields", () => {
  const lines: string[] = [];
  const { log } = createSystemEnv({ logLevel: "warn", writeLine: (line) => lines.push(line) });
  log.info("quiet");
  log.child("kubelet").child("pods").warn("pod failed", { pod: "default/a", tries: 2 });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARN kubelet\.pods pod failed pod="default\/a" tries=2$/);
});
