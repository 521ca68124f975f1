// The machine that a further node believes it has: namespaces of its own (network, processes, mounts, host name, IPC), a control group,
// and a first process that starts the node's program, again when it ends, and reaps what is left to it.
//
// Invariants: nothing in it outlives its first process; what is not under the node's folder does not outlive it either, as on a machine
// whose power fails; its mounts are not seen outside, nor are the cluster's own files seen inside.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { replaceFile } from "../../kubeadm/index.host.ts";
import { enterControlGroup, killControlGroup, removeControlGroup } from "../control-groups.host.ts";
import type { ClusterPaths } from "../data-folder.ts";
import { endPods } from "../end-pods.host.ts";
import { mountPointsBelow } from "../mounts.host.ts";
import { isProcessOurs, killProcess } from "../process.host.ts";
import { joinNode, unlinkNode } from "./node-links.host.ts";
import type { NodeCabling } from "./node-links.ts";
import { type NodeRecord, nodePaths } from "./node-record.ts";
import { nodeResolvConf } from "./resolv-conf.ts";

export class NodeMachineError extends Error {
  override readonly name = "NodeMachineError";
}

const NAMESPACES = ["--net", "--pid", "--mount", "--uts", "--ipc", "--fork", "--propagation", "private"];
const READY_LIMIT_MS = 10_000;

/**
 * In the new namespaces, but before they are furnished: /proc is still the machine's and tells the process id there. It waits until its
 * network is connected. Arguments: the node's folder, the data folder, the node's name, the program and its first argument, mounts to let go.
 */
const INIT = `#!/bin/sh
set -eu
folder=$1 data=$2 name=$3 node=$4 program=$5
shift 5
read -r pid _ < /proc/self/stat
echo "$pid"
read -r go
for file in kubets.log machine-id; do [ ! -L "$folder/$file" ] || rm -f "$folder/$file"; done
exec >> "$folder/kubets.log" 2>&1 < /dev/null
for point; do umount -l "$point" 2> /dev/null || :; done
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
mount --bind "$folder" "$data"
cover() {
  target=$(readlink -m "$2")
  case $target in /run/*) mkdir -p "$(dirname "$target")"; : > "$target" ;; esac
  if [ -e "$target" ]; then mount --bind "$1" "$target"; fi
}
echo "$name" > /proc/sys/kernel/hostname
echo "$name" > /run/hostname
cover /run/hostname /etc/hostname
[ -s "$data/machine-id" ] || tr -d - < /proc/sys/kernel/random/uuid > "$data/machine-id"
cover "$data/machine-id" /etc/machine-id
cat /proc/sys/kernel/random/uuid > /run/boot-id
mount --bind /run/boot-id /proc/sys/kernel/random/boot_id
cover "$data/resolv.conf" /etc/resolv.conf
mount --make-rshared /
while :; do
  "$node" "$program" node run --data-dir "$data" || :
  sleep 1
done`;

/** The process id of the node's first process, while it has power. */
export async function poweredNode(paths: ClusterPaths, name: string): Promise<number | undefined> {
  const node = nodePaths(paths, name);
  const pid = Number((await readFile(node.pid, "utf8").catch(() => "")).trim());
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  return (await isProcessOurs(pid, node.folder)) ? pid : undefined;
}

/** Resolves once the node's program is being started. The bridge must be there. */
export async function powerOn(paths: ClusterPaths, record: NodeRecord, cabling: NodeCabling, dns: string): Promise<void> {
  const node = nodePaths(paths, record.name);
  await mkdir(dirname(node.pid), { recursive: true, mode: 0o711 });
  await replaceFile(node.resolvConf, nodeResolvConf(await readFile("/etc/resolv.conf", "utf8").catch(() => ""), dns), 0o644);
  const program = process.argv[1];
  if (program === undefined) throw new NodeMachineError("cannot tell which program to run");
  const leftAlone = await mountPointsBelow([paths.data, paths.run]);
  const args = [node.folder, paths.data, record.name, process.execPath, program, ...leftAlone];
  await replaceFile(node.init, INIT, 0o600);
  const child = spawn("unshare", [...NAMESPACES, "--", "sh", node.init, ...args], {
    detached: true,
    cwd: "/",
    stdio: ["pipe", "pipe", "pipe"],
  });
  try {
    const pid = await firstProcess(child, record.name);
    await enterControlGroup(`${node.cgroup}/system`, pid);
    await joinNode(record.number, pid, cabling);
    await writeFile(node.pid, `${pid}\n`);
    // Then `unshare` has done its part, and would only wait.
    child.stdin?.write("go\n", () => child.kill("SIGKILL"));
  } catch (error) {
    child.stdin?.destroy();
    await powerOff(paths, record);
    throw error;
  } finally {
    child.stdin?.end();
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.unref();
  }
}

/** The pods are asked to end, and then everything ends. */
export async function shutDown(paths: ClusterPaths, record: NodeRecord): Promise<void> {
  const pid = await poweredNode(paths, record.name);
  if (pid !== undefined) {
    // Stopped, the first process starts nothing again: the program must not put back the containers that end.
    process.kill(pid, "SIGSTOP");
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
    const programs = children
      .split(" ")
      .map(Number)
      .filter((child) => child > 1);
    for (const child of programs) if (await isProcessOurs(child, "run")) await killProcess(child);
    const socket = nodeSocket(paths, pid);
    if (existsSync(socket)) await endPods(socket).catch(() => undefined);
  }
  await powerOff(paths, record);
}

/** The containerd of a node that has power, as this machine reaches it. */
export function nodeSocket(paths: ClusterPaths, pid: number): string {
  return `/proc/${pid}/root${paths.containerdSocket}`;
}

/** At once, whatever runs in it. Nothing happens to a node without power, but that what it left is taken away. */
export async function powerOff(paths: ClusterPaths, record: NodeRecord): Promise<void> {
  const node = nodePaths(paths, record.name);
  const pid = await poweredNode(paths, record.name);
  if (pid !== undefined) await killProcess(pid);
  await killControlGroup(node.cgroup);
  await unlinkNode(record.number);
  await removeControlGroup(node.cgroup);
  await Promise.all([node.pid, node.init].map((file) => rm(file, { force: true })));
}

/** What it says first: its process id. */
function firstProcess(child: ChildProcess, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    child.stdin?.on("error", () => undefined);
    child.on("error", (error) => reject(new NodeMachineError(`cannot start node ${name}: ${error.message}`)));
    child.on("exit", (code) => reject(new NodeMachineError(`cannot start node ${name}: ${complaint.trim() || `unshare exited with ${code}`}`)));
    if (child.stdout !== null) createInterface(child.stdout).once("line", (line) => resolve(Number(line)));
    setTimeout(() => reject(new NodeMachineError(`cannot start node ${name}: its first process says nothing`)), READY_LIMIT_MS).unref();
  });
}
