// What a cluster may leave on a machine: processes, mounts, network namespaces, links, cgroups, nft tables. Taken before and
// after, the difference is what was left behind.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface MachineState {
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  readonly networkNamespaces: readonly string[];
  readonly links: readonly string[];
  readonly cgroups: readonly string[];
  readonly nftTables: readonly string[];
}

/** Processes that a cluster starts, by the name of their program or an argument of theirs. */
const CLUSTER_PROCESS = /containerd|kubets\.c?js|runc|crun|\/pause\b/;

export function machineState(): MachineState {
  return { processes: processes(), mounts: mounts(), networkNamespaces: networkNamespaces(), links: links(), cgroups: cgroups(), nftTables: nftTables() };
}

/** What `after` has and `before` had not, a line each. */
export function leftBehind(before: MachineState, after: MachineState): string[] {
  return (Object.keys(before) as (keyof MachineState)[]).flatMap((what) =>
    after[what].filter((item) => !before[what].includes(item)).map((item) => `${what}: ${item}`),
  );
}

function processes(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const commandLine = readFileSync(join("/proc", pid, "cmdline"), "utf8")
          .replaceAll("\0", " ")
          .trim();
        return CLUSTER_PROCESS.test(commandLine) ? [`${pid} ${commandLine}`] : [];
      } catch (error) {
        if (isGone(error)) return [];
        throw error;
      }
    });
}

function isGone(error: unknown): boolean {
  return ["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "");
}

function mounts(): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .flatMap((line) => line.split(" ")[1] ?? []);
}

function networkNamespaces(): string[] {
  return ["/run/netns", "/run/kubets/netns"].flatMap((folder) => listFolder(folder).map((name) => join(folder, name)));
}

function links(): string[] {
  return readdirSync("/sys/class/net");
}

/** Two levels are enough to see a root of ours; its children go with it. */
function cgroups(): string[] {
  return listFolder("/sys/fs/cgroup")
    .flatMap((top) => [top, ...listFolder(join("/sys/fs/cgroup", top)).map((child) => join(top, child))])
    .filter((name) => /kube|pod|cri-/.test(name));
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.isFile())
      .map((entry) => entry.name);
  } catch (error) {
    if (isGone(error) || (error as NodeJS.ErrnoException).code === "ENOTDIR") return [];
    throw error;
  }
}

/** A machine without nft, which the first start installs, has no tables. */
function nftTables(): string[] {
  try {
    const printed = execFileSync("nft", ["list", "tables"], { encoding: "utf8" });
    return printed.split("\n").filter((line) => line !== "");
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}
