// The files of both versions of control groups, as kernels write them.
import { expect, it } from "vitest";
import { parseInterfaces, splitUsage, unifiedUsage } from "./cgroup-usage.ts";

const EXPECTED = {
  ...{ memoryBytes: 8192, memoryWorkingSetBytes: 7168, memoryRssBytes: 4096, memoryCacheBytes: 2048, memorySwapBytes: 512 },
  ...{ pageFaults: 7, majorPageFaults: 1, processes: 3 },
  ...{ cpuNanoseconds: 5_000_000_000, cpuUserNanoseconds: 3_000_000_000, cpuSystemNanoseconds: 2_000_000_000 },
  ...{ cpuPeriods: 40, cpuThrottledPeriods: 10, cpuThrottledNanoseconds: 750_000_000 },
};

it("reads groups of the unified hierarchy", () => {
  const usage = unifiedUsage({
    cpuStat: "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnice_usec 0\nnr_periods 40\nnr_throttled 10\nthrottled_usec 750000\n",
    memoryCurrent: "8192\n",
    memoryStat: "anon 4096\nfile 2048\ninactive_file 1024\npgfault 7\npgmajfault 1\n",
    swapCurrent: "512\n",
    pidsCurrent: "3\n",
  });
  expect(usage).toEqual(EXPECTED);
});

it("reads groups of one hierarchy a controller", () => {
  const usage = splitUsage({
    cpuacctUsage: "5000000000\n",
    cpuacctStat: "user 300\nsystem 200\n",
    cpuStat: "nr_periods 40\nnr_throttled 10\nthrottled_time 750000000\n",
    memoryUsage: "8192\n",
    memoryStat: "rss 1\ninactive_file 1\ntotal_cache 2048\ntotal_rss 4096\ntotal_swap 512\ntotal_pgfault 7\ntotal_pgmajfault 1\ntotal_inactive_file 1024\n",
    pidsCurrent: "3\n",
  });
  expect(usage).toEqual(EXPECTED);
});

it("takes what a kernel does not tell for none", () => {
  const usage = unifiedUsage({ cpuStat: "usage_usec 1\n", memoryCurrent: undefined, memoryStat: undefined, swapCurrent: undefined, pidsCurrent: undefined });
  expect(usage).toMatchObject({ cpuNanoseconds: 1000, cpuThrottledPeriods: 0, memoryBytes: 0, memoryWorkingSetBytes: 0, processes: 0 });
});

it("reads interfaces, but not the loopback", () => {
  const text = [
    "Inter-|   Receive                                                |  Transmit",
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
    "    lo: 7 1    0    0    0     0          0         0 7  1    0    0    0     0       0          0",
    "  eth0: 2628 78    1    2    0     0          0         0  6482    53    3    4    0     0       0          0",
  ].join("\n");
  expect(parseInterfaces(text)).toEqual([
    { name: "eth0", rxBytes: 2628, rxPackets: 78, rxErrors: 1, rxDropped: 2, txBytes: 6482, txPackets: 53, txErrors: 3, txDropped: 4 },
  ]);
});
