// Halting a node and taking away everything that it made on this machine.
//
// Invariants: only what is this cluster's is touched: shims, mounts and cgroups are recognised by the cluster's own folders,
// the network by the names that kubets alone uses. Every step works on what an earlier, broken attempt left.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createSystemEnv } from "../base/index.host.ts";
import { createCriRuntime } from "../kubelet/index.host.ts";
import { removeLinuxNetwork } from "../network/index.host.ts";
import { removeServiceRules } from "../proxy/index.host.ts";
import { runningContainerd, startContainerd, stopContainerd } from "./containerd.host.ts";
import type { ClusterPaths } from "./data-folder.ts";
import { endProcess } from "./process.host.ts";
import { restoreSysctls } from "./sysctls.host.ts";

const run = promisify(execFile);
/** As at a machine's shutdown: containers are asked to end, then killed. */
const containerGraceSeconds = 2;
const cgroupMount = "/sys/fs/cgroup";
const rmdirAttempts = 50;

/** Ends all containers, sandboxes, shims and the containerd, and unmounts the volumes. Nothing that is stored is removed. */
export async function stopNode(paths: ClusterPaths): Promise<void> {
  const hadPods = (await runningContainerd(paths)) !== undefined || (await ownShims(paths)).length > 0;
  if (hadPods) await endPods(paths);
  await stopContainerd(paths);
  await Promise.all((await ownShims(paths)).map((pid) => endProcess(pid, { graceMs: 1000 })));
  // A container that was just being started has a process that neither containerd nor a shim knows of any more.
  for (const folder of await cgroupFolders(paths)) await killProcesses(folder);
  await unmountBelow([paths.kubelet, paths.run]);
  // Nobody answers any more on ports that load balancers and pods had of this machine: its own programs may have them.
  if (hadPods) await removeServiceRules();
}

/** After `stopNode`: takes the network, mounts, cgroups and kernel settings away. The caller removes the folders. */
export async function removeNode(paths: ClusterPaths): Promise<void> {
  await removeLinuxNetwork({ cniConfigFolder: paths.cniConfig, cniStateFolder: paths.cniState });
  await removeTables();
  await unmountBelow([paths.data, paths.run]);
  // Removing the folders would remove what belongs to somebody else.
  const [mounted] = await mountPointsBelow([paths.data, paths.run]);
  if (mounted !== undefined) throw new Error(`${mounted} cannot be unmounted; end what uses it and try again`);
  for (const folder of await cgroupFolders(paths)) await removeCgroup(folder);
  await removeEmptyFolders();
  await restoreSysctls(paths);
}

async function endPods(paths: ClusterPaths): Promise<void> {
  const env = createSystemEnv({ logLevel: "silent" });
  // Shims that outlived their containerd are ended through a new one, which finds them.
  const containerd = await startContainerd(env, paths);
  const runtime = createCriRuntime(env, { socket: containerd.socket });
  try {
    const containers = (await runtime.listContainers()).filter(({ state }) => state === "running");
    await Promise.allSettled(containers.map(({ id }) => runtime.stopContainer(id, containerGraceSeconds)));
    const sandboxes = await runtime.listPodSandboxes();
    await Promise.allSettled(sandboxes.map(({ id }) => runtime.stopPodSandbox(id)));
  } finally {
    runtime.close();
    containerd.close();
  }
}

/** Process ids of the shims that serve this cluster's containerd. */
async function ownShims(paths: ClusterPaths): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const shims: number[] = [];
  for (const pid of pids) {
    const commandLine = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (commandLine[0]?.endsWith("containerd-shim-runc-v2") && commandLine.includes(paths.containerdSocket)) shims.push(Number(pid));
  }
  return shims;
}

async function unmountBelow(folders: readonly string[]): Promise<void> {
  for (const point of await mountPointsBelow(folders)) await run("umount", ["--lazy", point]).catch(() => undefined);
}

/** Later mounts, which lie on earlier ones, first. What is mounted on a folder itself is the user's: a disk for the cluster's data, say. */
async function mountPointsBelow(folders: readonly string[]): Promise<readonly string[]> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const points = table.split("\n").map((line) => unescaped(line.split(" ")[4] ?? ""));
  return points.filter((point) => folders.some((folder) => point.startsWith(`${folder}/`))).reverse();
}

/** Mount tables write blanks and backslashes as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_whole, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** nft tables whose names say that they are ours. */
async function removeTables(): Promise<void> {
  const { stdout } = await run("nft", ["--json", "list", "tables"]);
  const { nftables } = JSON.parse(stdout) as { readonly nftables: readonly { readonly table?: { readonly family: string; readonly name: string } }[] };
  for (const { table } of nftables) {
    if (table !== undefined && /^kubets\b/.test(table.name)) await run("nft", ["delete", "table", table.family, table.name]);
  }
}

/** Shims and runc have fixed places besides the folders that are configured; a containerd of the machine may use them too. */
async function removeEmptyFolders(): Promise<void> {
  for (const folder of ["runc/k8s.io", "runc", "s", ""]) await rmdir(join("/run/containerd", folder)).catch(() => undefined);
}

/** The cluster's group in every hierarchy (version 1), or in the single one (version 2). */
async function cgroupFolders({ cgroup }: ClusterPaths): Promise<string[]> {
  const hierarchies = [cgroupMount, ...(await readdir(cgroupMount, { withFileTypes: true }).catch(() => [])).map((entry) => join(cgroupMount, entry.name))];
  return hierarchies.map((hierarchy) => join(hierarchy, cgroup)).filter((folder) => existsSync(folder));
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

async function removeCgroup(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) if (entry.isDirectory()) await removeCgroup(join(folder, entry.name));
  // The kernel keeps a group busy for a moment after its last process has ended.
  for (let attempt = 0; attempt < rmdirAttempts && existsSync(folder); attempt++) {
    const removed = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (!removed) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
