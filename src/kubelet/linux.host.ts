// The Linux machine that the kubelet runs on.
import { readFile, statfs } from "node:fs/promises";
import { cpus, hostname, release, totalmem, uptime } from "node:os";
import type { Env } from "../base/index.ts";
import type { FilesystemUsage, KubeletHost, NodeFacts, NodeUsage } from "./host.ts";
import { createLinuxCgroups } from "./linux/cgroups.host.ts";
import { linuxDialer } from "./linux/dialer.host.ts";
import { linuxFiles } from "./linux/files.host.ts";
import { hostCall } from "./linux/host-error.host.ts";
import { linuxMounts } from "./linux/mounts.host.ts";

export interface LinuxHostOptions {
  readonly rootDirectory: string;
  /** Default: `pod-logs` in the root directory. */
  readonly podLogsDirectory?: string;
}

/** Ticks per second in /proc/stat; the same on every Linux that Node runs on. */
const TICKS = 100;
/** Says `Y` where AppArmor is at work. */
const APP_ARMOR = "/sys/module/apparmor/parameters/enabled";
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
    facts: () => {
      facts ??= readFacts(env);
      return facts;
    },
    filesystemUsage: () => hostCall(() => filesystemUsage(rootDirectory)),
    usage: () => hostCall(readUsage),
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
  };
}

async function filesystemUsage(path: string): Promise<FilesystemUsage> {
  await linuxFiles.makeDirectory(path, 0o750);
  const { bsize, blocks, bavail, files, ffree } = await statfs(path);
  return { capacityBytes: bsize * blocks, availableBytes: bsize * bavail, inodes: files, inodesFree: ffree };
}

async function readUsage(): Promise<NodeUsage> {
  const [stat, meminfo] = await Promise.all([readFile("/proc/stat", "utf8"), readFile("/proc/meminfo", "utf8")]);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (/^cpu\s+(.*)$/m.exec(stat)?.[1] ?? "").split(" ").map(Number);
  const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(meminfo)?.[1] ?? "0") * 1024;
  const total = kibibytes("MemTotal");
  const available = kibibytes("MemAvailable");
  return {
    cpuNanoseconds: ((user + nice + system + irq + softirq + steal) / TICKS) * 1e9,
    memoryWorkingSetBytes: total - available,
    memoryUsageBytes: total - kibibytes("MemFree"),
    memoryAvailableBytes: available,
  };
}
