// What a control group's files say about its processes, of both versions
// (https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/index.html). Pure.
import type { CgroupUsage, InterfaceUsage } from "../host.ts";

/** The texts of the files; undefined where the kernel has none. */
export interface UnifiedFiles {
  readonly cpuStat: string | undefined;
  readonly memoryCurrent: string | undefined;
  readonly memoryStat: string | undefined;
  readonly swapCurrent: string | undefined;
  readonly pidsCurrent: string | undefined;
}

export interface SplitFiles {
  readonly cpuacctUsage: string | undefined;
  readonly cpuacctStat: string | undefined;
  readonly cpuStat: string | undefined;
  readonly memoryUsage: string | undefined;
  readonly memoryStat: string | undefined;
  readonly pidsCurrent: string | undefined;
}

/** Nanoseconds of a tick, in which version 1 splits the time of the processor. */
const TICK = 10_000_000;
const MICRO = 1000;

export function unifiedUsage({ cpuStat, memoryCurrent, memoryStat, swapCurrent, pidsCurrent }: UnifiedFiles): CgroupUsage {
  const cpu = numbers(cpuStat);
  const memory = numbers(memoryStat);
  const memoryBytes = Number(memoryCurrent ?? 0);
  return {
    memoryBytes,
    memoryWorkingSetBytes: Math.max(0, memoryBytes - memory("inactive_file")),
    memoryRssBytes: memory("anon"),
    memoryCacheBytes: memory("file"),
    memorySwapBytes: Number(swapCurrent ?? 0),
    pageFaults: memory("pgfault"),
    majorPageFaults: memory("pgmajfault"),
    processes: Number(pidsCurrent ?? 0),
    cpuNanoseconds: cpu("usage_usec") * MICRO,
    cpuUserNanoseconds: cpu("user_usec") * MICRO,
    cpuSystemNanoseconds: cpu("system_usec") * MICRO,
    cpuPeriods: cpu("nr_periods"),
    cpuThrottledPeriods: cpu("nr_throttled"),
    cpuThrottledNanoseconds: cpu("throttled_usec") * MICRO,
  };
}

export function splitUsage({ cpuacctUsage, cpuacctStat, cpuStat, memoryUsage, memoryStat, pidsCurrent }: SplitFiles): CgroupUsage {
  const time = numbers(cpuacctStat);
  const quota = numbers(cpuStat);
  const memory = numbers(memoryStat);
  const memoryBytes = Number(memoryUsage ?? 0);
  return {
    memoryBytes,
    memoryWorkingSetBytes: Math.max(0, memoryBytes - memory("total_inactive_file")),
    memoryRssBytes: memory("total_rss"),
    memoryCacheBytes: memory("total_cache"),
    memorySwapBytes: memory("total_swap"),
    pageFaults: memory("total_pgfault"),
    majorPageFaults: memory("total_pgmajfault"),
    processes: Number(pidsCurrent ?? 0),
    cpuNanoseconds: Number(cpuacctUsage ?? 0),
    cpuUserNanoseconds: time("user") * TICK,
    cpuSystemNanoseconds: time("system") * TICK,
    cpuPeriods: quota("nr_periods"),
    cpuThrottledPeriods: quota("nr_throttled"),
    cpuThrottledNanoseconds: quota("throttled_time"),
  };
}

/** Reads `name number` lines; 0 for a name that is not there. */
function numbers(text: string | undefined): (name: string) => number {
  const values = new Map<string, number>();
  for (const line of (text ?? "").split("\n")) {
    const space = line.indexOf(" ");
    if (space > 0) values.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return (name) => values.get(name) ?? 0;
}

/** The interfaces of /proc/net/dev, without the loopback. */
export function parseInterfaces(text: string): readonly InterfaceUsage[] {
  return text.split("\n").flatMap((line) => {
    const [, name, rest = ""] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || name === "lo") return [];
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0, , , , , txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = rest
      .split(/\s+/)
      .map(Number);
    return [{ name, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }];
  });
}
