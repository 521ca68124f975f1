// Halting a node and taking away everything that it made on this machine.
//
// Invariants: only what is this cluster's is touched: shims, mounts and cgroups are recognised by the cluster's own folders,
// the network by the names that kubets alone uses. Every step works on what an earlier, broken attempt left.
import { execFile } from "node:child_process";
import { readdir, readFile, readlink, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createSystemEnv } from "../base/index.host.ts";
import { removeLinuxNetwork } from "../network/index.host.ts";
import { removeServiceRules } from "../proxy/index.host.ts";
import { runningContainerd, startContainerd, stopContainerd } from "./containerd.host.ts";
import { killControlGroup, removeControlGroup } from "./control-groups.host.ts";
import type { ClusterPaths } from "./data-folder.ts";
import { endPods } from "./end-pods.host.ts";
import { mountPointsBelow } from "./mounts.host.ts";
import { removeNodeLinks } from "./nodes/node-links.host.ts";
import { shutDown } from "./nodes/node-machine.host.ts";
import { readNodes } from "./nodes/node-records.host.ts";
import { endProcess } from "./process.host.ts";
import { restoreSysctls } from "./sysctls.host.ts";

const run = promisify(execFile);

/** Ends all containers of all nodes, sandboxes, shims and containerds, and unmounts the volumes. Nothing that is stored is removed. */
export async function stopNode(paths: ClusterPaths): Promise<void> {
  await Promise.all([endOwnPods(paths), ...(await readNodes(paths)).map((record) => shutDown(paths, record))]);
  await removeNodeLinks();
  await stopContainerd(paths);
  await Promise.all((await ownShims(paths)).map((pid) => endProcess(pid, { graceMs: 1000 })));
  // A container that was just being started has a process that neither containerd nor a shim knows of any more.
  await killControlGroup(paths.cgroup);
  await unmountBelow([paths.kubelet, paths.run]);
}

/** After `stopNode`: takes the network, mounts, cgroups and kernel settings away. The caller removes the folders. */
export async function removeNode(paths: ClusterPaths): Promise<void> {
  await removeLinuxNetwork({ cniConfigFolder: paths.cniConfig, cniStateFolder: paths.cniState });
  await removeTables();
  await unmountBelow([paths.data, paths.run]);
  // Removing the folders would remove what belongs to somebody else.
  const [mounted] = await mountPointsBelow([paths.data, paths.run]);
  if (mounted !== undefined) throw new Error(`${mounted} cannot be unmounted; end what uses it and try again`);
  await removeControlGroup(paths.cgroup);
  await removeEmptyFolders();
  await restoreSysctls(paths);
}

async function endOwnPods(paths: ClusterPaths): Promise<void> {
  if ((await runningContainerd(paths)) === undefined && (await ownShims(paths)).length === 0) return;
  // Shims that outlived their containerd are ended through a new one, which finds them.
  const containerd = await startContainerd(createSystemEnv({ logLevel: "silent" }), paths);
  try {
    await endPods(containerd.socket);
  } finally {
    containerd.close();
  }
  // Nobody answers any more on ports that load balancers and pods had of this machine: its own programs may have them.
  await removeServiceRules();
}

/** Process ids of the shims that serve the first node's containerd; those of others have another PID namespace. */
async function ownShims(paths: ClusterPaths): Promise<number[]> {
  const namespaceOf = (pid: string): Promise<string> => readlink(`/proc/${pid}/ns/pid`).catch(() => "");
  const own = await namespaceOf("self");
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const shims: number[] = [];
  for (const pid of pids) {
    const commandLine = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (commandLine[0]?.endsWith("containerd-shim-runc-v2") && commandLine.includes(paths.containerdSocket) && (await namespaceOf(pid)) === own)
      shims.push(Number(pid));
  }
  return shims;
}

async function unmountBelow(folders: readonly string[]): Promise<void> {
  for (const point of await mountPointsBelow(folders)) await run("umount", ["--lazy", point]).catch(() => undefined);
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
