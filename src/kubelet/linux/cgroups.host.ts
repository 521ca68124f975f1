// Control groups of pods, on the unified hierarchy (version 2) or on one hierarchy per controller (version 1, with or without a
// unified one beside them) (https://docs.kernel.org/admin-guide/cgroup-v2.html).
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import type { CgroupLimits, HostCgroups, InterfaceUsage } from "../host.ts";
import { parseInterfaces, splitUsage, unifiedUsage } from "./cgroup-usage.ts";
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
    isUnified: false,
    apply: (path, limits) =>
      hostCall(async () => {
        const apply = async (controller: (typeof CONTROLLERS)[number]): Promise<void> => {
          const hierarchy = of(controller);
          if (hierarchy === undefined) return;
          const group = `${MOUNT}/${hierarchy}${path}`;
          await mkdir(group, { recursive: true });
          for (const [file, value] of splitFiles(controller, limits)) await writeLimit(`${group}/${file}`, value);
        };
        await Promise.all(CONTROLLERS.map(apply));
      }),
    remove: (path) =>
      hostCall(async () => {
        for (const hierarchy of hierarchies) await removeGroup(`${MOUNT}/${hierarchy}${path}`);
      }),
    usage: (path) =>
      hostCall(async () => {
        const read = (controller: string, file: string): Promise<string | undefined> => readText(`${MOUNT}/${of(controller) ?? controller}${path}/${file}`);
        const [cpuacctUsage, memoryUsage] = await Promise.all([read("cpuacct", "cpuacct.usage"), read("memory", "memory.usage_in_bytes")]);
        if (cpuacctUsage === undefined && memoryUsage === undefined) return undefined;
        const [cpuacctStat, cpuStat, memoryStat, pidsCurrent] = await Promise.all([
          read("cpuacct", "cpuacct.stat"),
          read("cpu", "cpu.stat"),
          read("memory", "memory.stat"),
          read("pids", "pids.current"),
        ]);
        return splitUsage({ cpuacctUsage, cpuacctStat, cpuStat, memoryUsage, memoryStat, pidsCurrent });
      }),
    interfaces: (path) => hostCall(() => interfacesOf(`${MOUNT}/${of("memory") ?? "memory"}${path}`)),
    list: async (path) => {
      const names = await Promise.all(hierarchies.map((hierarchy) => groupsIn(`${MOUNT}/${hierarchy}${path}`)));
      return [...new Set(names.flat())].sort();
    },
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
    isUnified: true,
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
    usage: (path) =>
      hostCall(async () => {
        const [cpuStat, memoryCurrent, memoryStat, swapCurrent, pidsCurrent] = await Promise.all(
          ["cpu.stat", "memory.current", "memory.stat", "memory.swap.current", "pids.current"].map((file) => readText(`${MOUNT}${path}/${file}`)),
        );
        return cpuStat === undefined ? undefined : unifiedUsage({ cpuStat, memoryCurrent, memoryStat, swapCurrent, pidsCurrent });
      }),
    interfaces: (path) => hostCall(() => interfacesOf(`${MOUNT}${path}`)),
    list: (path) => groupsIn(`${MOUNT}${path}`),
  };
}

/** A kernel without the file has no such limit to give. */
async function writeLimit(file: string, value: string): Promise<void> {
  if (existsSync(file)) await writeFile(file, value);
}

/** What reading says of a group or process that is gone, or goes away at this moment. */
const GONE: ReadonlySet<string> = new Set(["ENOENT", "ENODEV", "ESRCH", "EINVAL"]);

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (GONE.has(codeOf(error))) return undefined;
    throw error;
  }
}

/** Those of the first process that is found; all processes of a pod share them. */
async function interfacesOf(group: string): Promise<readonly InterfaceUsage[]> {
  const [process] = ((await readText(`${group}/cgroup.procs`)) ?? "").split("\n");
  if (process !== undefined && process !== "") return parseInterfaces((await readText(`/proc/${process}/net/dev`)) ?? "");
  for (const name of await groupsIn(group)) {
    const found = await interfacesOf(`${group}/${name}`);
    if (found.length > 0) return found;
  }
  return [];
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
