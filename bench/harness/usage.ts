// What processes spend, from /proc (proc(5)): CPU time, memory now and at its peak.
import { readFileSync } from "node:fs";

/** User and system time so far, of threads that have ended too. The kernel counts in hundredths of a second. */
export function cpuSeconds(pids: readonly number[]): number {
  return sum(pids, (pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  });
}

export function residentMegabytes(pids: readonly number[]): number {
  return sum(pids, (pid) => statusMegabytes(pid, "VmRSS"));
}

/** Since the processes began. */
export function peakMegabytes(pids: readonly number[]): number {
  return sum(pids, (pid) => statusMegabytes(pid, "VmHWM"));
}

function statusMegabytes(pid: number, field: string): number {
  const line = new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) / 1024;
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + of(pid), 0);
}
