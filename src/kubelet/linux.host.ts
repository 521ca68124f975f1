// The Linux machine that the kubelet runs on.
import { lstat, readdir, readFile, stat, statfs } from "node:fs/promises";
import { cpus, hostname, release, totalmem, uptime } from "node:os";
import { basename, dirname } from "node:path";
import type { Env } from "../base/index.ts";
import { type DiskUsage, type FilesystemUsage, HostError, type KubeletHost, type NodeFacts, type NodeHeadroom, type NodeUsage } from "./host.ts";
import { parseInterfaces } from "./linux/cgroup-usage.ts";
import { createLinuxCgroups } from "./linux/cgroups.host.ts";
import { linuxDialer } from "./linux/dialer.host.ts";
import { linuxFiles } from "./linux/files.host.ts";
import { hostCall, ifPresent } from "./linux/host-error.host.ts";
import { createLogindShutdownSource } from "./linux/logind.host.ts";
import { linuxMounts } from "./linux/mounts.host.ts";
import { handlePath, openPath } from "./linux/path-handle.host.ts";

export interface LinuxHostOptions {
  readonly rootDirectory: string;
  /** Default: `pod-logs` in the root directory. */
  readonly podLogsDirectory?: string;
}

/** Ticks per second in /proc/stat; the same on every Linux that Node runs on. */
const TICKS = 100;
/** Says `Y` where AppArmor is at work. */
const APP_ARMOR = "/sys/module/apparmor/parameters/enabled";
const HUGE_PAGES = "/sys/kernel/mm/hugepages";
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm64: "arm64",
  arm: "arm",
  ia32: "386",
  s390x: "s390x",
  ppc64: "ppc64le",
  riscv64: "riscv64",
};

export function createLinuxKubeletHost(env: Env, { rootDirectory, podLogsDirectory = `${rootDirectory}/pod-logs` }: LinuxHostOptions): KubeletHost {
  let facts: Promise<NodeFacts> | undefined;
  return {
    rootDirectory,
    podLogsDirectory,
    files: linuxFiles,
    mounts: linuxMounts,
    cgroups: createLinuxCgroups(),
    dialer: linuxDialer,
    shutdown: createLogindShutdownSource(),
    facts: () => {
      facts ??= readFacts(env);
      return facts;
    },
    filesystemUsage: (path = rootDirectory) => hostCall(() => filesystemUsage(path)),
    usage: () => hostCall(() => readUsage(env)),
    headroom: () => hostCall(readHeadroom),
    diskUsage: (path) => hostCall(() => diskUsage(path)),
    resolvConf: async () => (await readText("/etc/resolv.conf")) ?? "",
    hostsFile: async () => new TextEncoder().encode((await readText("/etc/hosts")) ?? ""),
    close: async () => undefined,
  };
}

async function readText(path: string): Promise<string | undefined> {
  const data = await linuxFiles.read(path);
  return data === undefined ? undefined : new TextDecoder().decode(data);
}

async function readFacts(env: Env): Promise<NodeFacts> {
  const paths = ["/etc/machine-id", "/sys/class/dmi/id/product_uuid", "/proc/sys/kernel/random/boot_id", "/etc/os-release", APP_ARMOR];
  const [machineId, systemUuid, bootId, osRelease, appArmor] = await Promise.all(paths.map(readText));
  const id = (machineId ?? "").trim();
  return {
    hostname: hostname(),
    cpuCount: cpus().length,
    memoryBytes: totalmem(),
    machineId: id,
    systemUuid: (systemUuid ?? id).trim(),
    bootId: (bootId ?? "").trim(),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?(.*?)"?$/m.exec(osRelease ?? "")?.[1] ?? "Linux",
    operatingSystem: "linux",
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    bootTimeMs: env.clock.now() - uptime() * 1000,
    hasAppArmor: appArmor?.startsWith("Y") === true,
    swapBytes: kibibytes((await readText("/proc/meminfo")) ?? "", "SwapTotal"),
    hugePages: await readHugePages(),
  };
}

async function readHugePages(): Promise<Map<number, number>> {
  const pages = new Map<number, number>();
  for (const name of await linuxFiles.list(HUGE_PAGES)) {
    const size = /^hugepages-(\d+)kB$/.exec(name)?.[1];
    if (size !== undefined) pages.set(Number(size) * 1024, Number((await readText(`${HUGE_PAGES}/${name}/nr_hugepages`)) ?? "0"));
  }
  return pages;
}

async function filesystemUsage(path: string): Promise<FilesystemUsage> {
  const [{ bsize, blocks, bavail, files, ffree }, { dev }] = await Promise.all([statfs(path), stat(path)]);
  return { device: dev, capacityBytes: bsize * blocks, availableBytes: bsize * bavail, inodes: files, inodesFree: ffree };
}

async function readHeadroom(): Promise<NodeHeadroom> {
  const [meminfo, load, pidMax, threadsMax] = await Promise.all(
    ["/proc/meminfo", "/proc/loadavg", "/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"].map((path) => readFile(path, "utf8")),
  );
  return {
    memoryAvailableBytes: kibibytes(meminfo ?? "", "MemFree") + kibibytes(meminfo ?? "", "Inactive\\(file\\)"),
    processes: Number(/\/(\d+)/.exec(load ?? "")?.[1] ?? "0"),
    maxProcesses: Math.min(Number(pidMax), Number(threadsMax)),
  };
}

const NOTHING: DiskUsage = { bytes: 0, inodes: 0 };
/** No path is longer (PATH_MAX). */
const LONGEST_PATH = 4000;

/**
 * A file with several names counts once. What vanishes during the walk counts nothing. Directories that lie so deep that no path
 * leads to them are walked from where the path ends.
 */
async function diskUsage(path: string, seen = new Set<number>(), device?: number): Promise<DiskUsage> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    const [parent, name] = [dirname(path), basename(path)];
    const handle = await ifThere(() => openPath(parent));
    return handle === undefined ? NOTHING : diskUsage(`${handlePath(handle)}/${name}`, seen, device).finally(() => handle.close());
  }
  const root = await ifThere(() => lstat(path));
  if (root === undefined || (device !== undefined && root.dev !== device) || seen.has(root.ino)) return NOTHING;
  seen.add(root.ino);
  let bytes = root.blocks * 512;
  let inodes = 1;
  if (root.isDirectory()) {
    for (const name of (await ifThere(() => readdir(path))) ?? []) {
      const inner = await diskUsage(`${path}/${name}`, seen, root.dev);
      bytes += inner.bytes;
      inodes += inner.inodes;
    }
  }
  return { bytes, inodes };
}

/** A container may also put a file where a directory was. */
async function ifThere<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ifPresent(work);
  } catch (error) {
    if (error instanceof HostError && error.reason === "notDirectory") return undefined;
    throw error;
  }
}

function kibibytes(meminfo: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(meminfo)?.[1] ?? "0") * 1024;
}

async function readUsage(env: Env): Promise<NodeUsage> {
  const files = ["/proc/stat", "/proc/meminfo", "/proc/vmstat", "/proc/net/dev", "/proc/net/route"];
  const [stat = "", meminfo = "", vmstat = "", netDev = "", routes = ""] = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (/^cpu\s+(.*)$/m.exec(stat)?.[1] ?? "").split(" ").map(Number);
  const count = (name: string): number => Number(new RegExp(`^${name} (\\d+)`, "m").exec(vmstat)?.[1] ?? "0");
  const byDefault = /^(\S+)\s+00000000\s/m.exec(routes)?.[1];
  const total = kibibytes(meminfo, "MemTotal");
  const available = kibibytes(meminfo, "MemAvailable");
  return {
    cpuNanoseconds: ((user + nice + system + irq + softirq + steal) / TICKS) * 1e9,
    memoryWorkingSetBytes: total - available,
    memoryUsageBytes: total - kibibytes(meminfo, "MemFree"),
    memoryAvailableBytes: available,
    memoryRssBytes: kibibytes(meminfo, "AnonPages"),
    pageFaults: count("pgfault"),
    majorPageFaults: count("pgmajfault"),
    // The node's ends of the pods' interfaces are the pods' affair.
    interfaces: [...parseInterfaces(netDev).filter(({ name }) => !name.startsWith("veth"))].sort(
      (a, b) => Number(b.name === byDefault) - Number(a.name === byDefault),
    ),
    kubelet: ownUsage(env),
  };
}

function ownUsage(env: Env): NodeUsage["kubelet"] {
  const { user, system } = process.cpuUsage();
  return { cpuNanoseconds: (user + system) * 1000, memoryBytes: process.memoryUsage.rss(), startedAtMs: env.clock.now() - process.uptime() * 1000 };
}
