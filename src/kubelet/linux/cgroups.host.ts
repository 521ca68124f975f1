// Control groups of pods, on the unified hierarchy (version 2) or on one hierarchy per controller (version 1, with or without a
// unified one beside them) (https://docs.kernel.org/admin-guide/cgroup-v2.html).
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import type { CgroupLimits, CgroupUsage, HostCgroups } from "../host.ts";
import { codeOf, hostCall, ifPresent } from "./host-error.host.ts";

const MOUNT = "/sys/fs/cgroup";
/** Those whose files we write; the runtime makes its own groups in the others. */
const CONTROLLERS = ["cpu", "memory", "pids"] as const;

export function createLinuxCgroups(): HostCgroups {
  return existsSync(`${MOUNT}/cgroup.controllers`) ? unifiedCgroups() : splitCgroups();
}

function splitCgroups(): HostCgroups {
  const hierarchies = readdirSync(MOUNT).filter((name) => existsSync(`${MOUNT}/${name}/cgroup.procs`));
  const of = (controller: string): string | undefined => hierarchies.find((name) => name.split(",").includes(controller));
  return {
    apply: (path, limits) =>
      hostCall(async () => {
        for (const controller of CONTROLLERS) {
          const hierarchy = of(controller);
          if (hierarchy === undefined) continue;
          const group = `${MOUNT}/${hierarchy}${path}`;
          await mkdir(group, { recursive: true });
          for (const [file, value] of splitFiles(controller, limits)) await writeLimit(`${group}/${file}`, value);
        }
      }),
    remove: (path) =>
      hostCall(async () => {
        for (const hierarchy of hierarchies) await removeGroup(`${MOUNT}/${hierarchy}${path}`);
      }),
    list: async (path) => {
      const names = await Promise.all(hierarchies.map((hierarchy) => groupsIn(`${MOUNT}/${hierarchy}${path}`)));
      return [...new Set(names.flat())].sort();
    },
    usage: (path) =>
      hostCall(() => {
        const group = (controller: string): string => `${MOUNT}/${of(controller) ?? controller}${path}`;
        return readUsage(`${group("memory")}/memory.usage_in_bytes`, `${group("memory")}/memory.stat`, "total_inactive_file", `${group("pids")}/pids.current`);
      }),
  };
}

function splitFiles(controller: (typeof CONTROLLERS)[number], limits: CgroupLimits): [file: string, value: string][] {
  switch (controller) {
    case "cpu":
      return [
        ["cpu.shares", String(limits.cpuShares)],
        ["cpu.cfs_period_us", String(limits.cpuPeriodMicros)],
        ["cpu.cfs_quota_us", String(limits.cpuQuotaMicros ?? -1)],
      ];
    case "memory":
      return [["memory.limit_in_bytes", String(limits.memoryLimitBytes ?? -1)]];
    case "pids":
      return [["pids.max", String(limits.pidsLimit ?? "max")]];
  }
}

function unifiedCgroups(): HostCgroups {
  return {
    apply: (path, limits) =>
      hostCall(async () => {
        const names = path.split("/").filter(Boolean);
        let group = MOUNT;
        for (const name of names) {
          await writeLimit(`${group}/cgroup.subtree_control`, CONTROLLERS.map((controller) => `+${controller}`).join(" "));
          group = `${group}/${name}`;
          await mkdir(group, { recursive: true });
        }
        const { cpuShares, cpuPeriodMicros, cpuQuotaMicros, memoryLimitBytes, pidsLimit } = limits;
        // The weight that upstream's runtimes give to so many shares.
        await writeLimit(`${group}/cpu.weight`, String(1 + Math.floor(((cpuShares - 2) * 9999) / 262_142)));
        await writeLimit(`${group}/cpu.max`, `${cpuQuotaMicros ?? "max"} ${cpuPeriodMicros}`);
        await writeLimit(`${group}/memory.max`, String(memoryLimitBytes ?? "max"));
        await writeLimit(`${group}/pids.max`, String(pidsLimit ?? "max"));
      }),
    remove: (path) => hostCall(() => removeGroup(`${MOUNT}${path}`)),
    list: (path) => groupsIn(`${MOUNT}${path}`),
    usage: (path) =>
      hostCall(() => {
        const group = `${MOUNT}${path}`;
        return readUsage(`${group}/memory.current`, `${group}/memory.stat`, "inactive_file", `${group}/pids.current`);
      }),
  };
}

/** A kernel without the file has no such limit to give. */
async function writeLimit(file: string, value: string): Promise<void> {
  if (existsSync(file)) await writeFile(file, value);
}

async function readUsage(memory: string, statistics: string, inactive: string, processes: string): Promise<CgroupUsage | undefined> {
  const [used, details, count] = await Promise.all([memory, statistics, processes].map((file) => ifPresent(() => readFile(file, "utf8"))));
  if (used === undefined) return undefined;
  const inactiveBytes = Number(new RegExp(`^${inactive} (\\d+)$`, "m").exec(details ?? "")?.[1] ?? "0");
  return { memoryBytes: Number(used), memoryWorkingSetBytes: Math.max(0, Number(used) - inactiveBytes), processes: Number(count ?? "0") };
}

async function groupsIn(group: string): Promise<string[]> {
  const entries = (await ifPresent(() => readdir(group, { withFileTypes: true }))) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function removeGroup(group: string): Promise<void> {
  for (const name of await groupsIn(group)) await removeGroup(`${group}/${name}`);
  try {
    await rmdir(group);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}
