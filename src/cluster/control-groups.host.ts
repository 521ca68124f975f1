// The cluster's own control groups on this machine, in every hierarchy (version 1) or in the single one (version 2): what is in them, and
// their removal. Groups are named as CRI writes them, `/kubets` for one.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { endProcess } from "./process.host.ts";

const MOUNT = "/sys/fs/cgroup";
const REMOVAL_ATTEMPTS = 50;
/** A group of version 1 takes no process before it has these; a new one has none. */
const CPUSET_FILES = ["cpuset.cpus", "cpuset.mems"];

/** Makes the group where it is missing, and puts the process in it, with all that it starts from then on. */
export async function enterControlGroup(group: string, pid: number): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const folder = join(hierarchy, group);
    await mkdir(folder, { recursive: true });
    await inheritCpuset(hierarchy, folder);
    await writeFile(join(folder, "cgroup.procs"), String(pid));
  }
}

/** Ends every process in the group and below it. */
export async function killControlGroup(group: string): Promise<void> {
  for (const folder of await foldersOf(group)) await killProcesses(folder);
}

/** Takes the group and those below it away; they must be empty. */
export async function removeControlGroup(group: string): Promise<void> {
  for (const folder of await foldersOf(group)) await removeFolder(folder);
}

async function hierarchies(): Promise<string[]> {
  if (existsSync(join(MOUNT, "cgroup.controllers"))) return [MOUNT];
  const names = await readdir(MOUNT).catch(() => []);
  return names.map((name) => join(MOUNT, name)).filter((folder) => existsSync(join(folder, "cgroup.procs")));
}

async function foldersOf(group: string): Promise<string[]> {
  return (await hierarchies()).map((hierarchy) => join(hierarchy, group)).filter((folder) => existsSync(folder));
}

async function inheritCpuset(hierarchy: string, folder: string): Promise<void> {
  if (folder === hierarchy || !existsSync(join(hierarchy, CPUSET_FILES[0] ?? ""))) return;
  const parent = dirname(folder);
  await inheritCpuset(hierarchy, parent);
  for (const file of CPUSET_FILES) {
    const own = await readFile(join(folder, file), "utf8");
    if (own.trim() === "") await writeFile(join(folder, file), await readFile(join(parent, file)));
  }
}

async function killProcesses(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) if (entry.isDirectory()) await killProcesses(join(folder, entry.name));
  // 0 would stand for a process of another PID namespace than this one.
  const pids = (await readFile(join(folder, "cgroup.procs"), "utf8"))
    .split("\n")
    .map(Number)
    .filter((pid) => pid > 1);
  await Promise.all(pids.map((pid) => endProcess(pid, { graceMs: 0 })));
}

async function removeFolder(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) if (entry.isDirectory()) await removeFolder(join(folder, entry.name));
  // The kernel keeps a group busy for a moment after its last process has ended.
  for (let attempt = 0; attempt < REMOVAL_ATTEMPTS && existsSync(folder); attempt++) {
    const removed = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (!removed) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
