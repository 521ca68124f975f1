// A machine in memory: files with modes and symbolic links, mounts that are remembered, cgroups that are a map, and a
// network that a test may script. Nothing outside the process is touched.
import type { Env } from "../base/index.ts";
import {
  type CgroupLimits,
  type CgroupUsage,
  type DiskUsage,
  type FileStat,
  type FilesystemUsage,
  type HostCgroups,
  HostError,
  type HostFiles,
  type HostMounts,
  type KubeletHost,
  type NodeFacts,
  type NodeHeadroom,
  type ProbeDialer,
  type ShutdownHold,
  type ShutdownSource,
} from "./host.ts";
import type { SimulatedRuntimeFiles } from "./runtime/simulated.ts";

export interface SimulatedHostOptions {
  readonly facts?: Partial<NodeFacts>;
  /** What probes meet; by default everything answers. */
  readonly dialer?: Partial<ProbeDialer>;
  readonly rootDirectory?: string;
  /** What the whole node uses; by default nothing. The cpu is counted since the start, in nanoseconds. */
  readonly totalUsage?: () => Promise<{ readonly cpuNanoseconds: number; readonly memoryBytes: number }>;
  /** What differs from a large, nearly empty disk; asked each time. */
  readonly filesystem?: () => Partial<FilesystemUsage>;
  /** What differs from an idle machine; asked each time. */
  readonly headroom?: () => Partial<NodeHeadroom>;
  /** What the processes in a control group take; by default nothing is known. */
  readonly cgroupUsage?: (path: string) => Partial<CgroupUsage> | undefined;
  /** Of a directory; by default what the files in memory add up to. */
  readonly diskUsage?: (path: string) => DiskUsage | undefined;
}

/** A simulated host, with what a test may look at. */
export interface SimulatedHost extends KubeletHost {
  readonly groups: ReadonlyMap<string, CgroupLimits>;
  /** As if the machine was told to shut down, or that was called off. */
  shutDown(shuttingDown: boolean): void;
  /** The machine's shutdown is being held up. */
  readonly isHeldUp: boolean;
  /** Where the simulated runtime writes logs and termination messages. */
  readonly logs: SimulatedRuntimeFiles;
}

interface Node {
  type: "file" | "directory" | "symlink";
  mode: number;
  uid: number;
  gid: number;
  inode: number;
  modifiedMs: number;
  data: Uint8Array;
  target: string;
  children: Map<string, Node>;
}

const MAX_LINKS = 40;
const NOTHING_USED: CgroupUsage = {
  ...{ memoryBytes: 0, memoryWorkingSetBytes: 0, memoryRssBytes: 0, memoryCacheBytes: 0, memorySwapBytes: 0, pageFaults: 0, majorPageFaults: 0, processes: 0 },
  ...{ cpuNanoseconds: 0, cpuUserNanoseconds: 0, cpuSystemNanoseconds: 0, cpuPeriods: 0, cpuThrottledPeriods: 0, cpuThrottledNanoseconds: 0 },
};
const DISK: FilesystemUsage = { device: 1, capacityBytes: 100 * 2 ** 30, availableBytes: 80 * 2 ** 30, inodes: 6_000_000, inodesFree: 5_000_000 };

export function createSimulatedKubeletHost(env: Env, options: SimulatedHostOptions = {}): SimulatedHost {
  const rootDirectory = options.rootDirectory ?? "/var/lib/kubelet";
  const files = new MemoryFiles(env);
  const groups = new Map<string, CgroupLimits>();
  const facts: NodeFacts = {
    hostname: "simulated",
    cpuCount: 8,
    memoryBytes: 32 * 2 ** 30,
    machineId: "00000000000000000000000000000000",
    systemUuid: "00000000-0000-0000-0000-000000000000",
    bootId: "00000000-0000-0000-0000-000000000000",
    kernelVersion: "6.1.0-simulated",
    osImage: "Simulated Linux",
    operatingSystem: "linux",
    architecture: "amd64",
    bootTimeMs: env.clock.now(),
    hasAppArmor: false,
    swapBytes: 0,
    hugePages: new Map([
      [2 * 2 ** 20, 0],
      [2 ** 30, 0],
    ]),
    ...options.facts,
  };
  const shutdown = new SimulatedShutdown();
  return {
    shutdown,
    shutDown: (shuttingDown) => shutdown.announce(shuttingDown),
    get isHeldUp() {
      return shutdown.isHeld;
    },
    rootDirectory,
    podLogsDirectory: "/var/log/pods",
    files,
    logs: files,
    mounts: files,
    cgroups: memoryCgroups(groups, options.cgroupUsage),
    groups,
    dialer: {
      http: async () => ({ ok: true, status: 200, body: "" }),
      tcp: async () => ({ ok: true }),
      grpcHealth: async () => ({ ok: true, status: "SERVING" }),
      ...options.dialer,
    },
    facts: async () => facts,
    usage: async () => {
      const { cpuNanoseconds, memoryBytes: used } = (await options.totalUsage?.()) ?? { cpuNanoseconds: 0, memoryBytes: 0 };
      return {
        ...{ cpuNanoseconds, memoryWorkingSetBytes: used, memoryUsageBytes: used, memoryRssBytes: used, memoryAvailableBytes: facts.memoryBytes - used },
        ...{ pageFaults: 0, majorPageFaults: 0, interfaces: [] },
        kubelet: { cpuNanoseconds: 0, memoryBytes: 0, startedAtMs: facts.bootTimeMs },
      };
    },
    filesystemUsage: async () => ({ ...DISK, ...options.filesystem?.() }),
    headroom: async () => ({ memoryAvailableBytes: facts.memoryBytes, processes: 100, maxProcesses: 32_768, ...options.headroom?.() }),
    diskUsage: async (path) => options.diskUsage?.(path) ?? files.usageOf(path),
    resolvConf: async () => "nameserver 192.0.2.53\n",
    hostsFile: async () => new TextEncoder().encode("127.0.0.1\tlocalhost\n"),
    close: async () => undefined,
  };
}

class SimulatedShutdown implements ShutdownSource {
  isHeld = false;
  private changed: (shuttingDown: boolean) => void = () => undefined;

  async hold({ changed }: Parameters<ShutdownSource["hold"]>[0]): Promise<ShutdownHold> {
    this.changed = changed;
    this.isHeld = true;
    const release = (): void => {
      this.isHeld = false;
    };
    return {
      release,
      close: release,
      renew: () => {
        this.isHeld = true;
      },
    };
  }
  announce(shuttingDown: boolean): void {
    this.changed(shuttingDown);
  }
}

function memoryCgroups(groups: Map<string, CgroupLimits>, usage?: SimulatedHostOptions["cgroupUsage"]): HostCgroups {
  return {
    isUnified: true,
    usage: async (path) => {
      const told = usage?.(path);
      return told === undefined ? undefined : { ...NOTHING_USED, ...told };
    },
    apply: async (path, limits) => {
      groups.set(path, limits);
    },
    remove: async (path) => {
      for (const key of [...groups.keys()]) if (key === path || key.startsWith(`${path}/`)) groups.delete(key);
    },
    interfaces: async () => [],
    list: async (path) => [
      ...new Set([...groups.keys()].filter((key) => key.startsWith(`${path}/`)).map((key) => key.slice(path.length + 1).split("/")[0] ?? "")),
    ],
  };
}

class MemoryFiles implements HostFiles, HostMounts {
  private nextInode = 2;
  private readonly root: Node;
  private readonly mounted = new Map<string, "tmpfs" | string>();
  private readonly watchers = new Map<string, Set<() => void>>();

  constructor(private readonly env: Env) {
    this.root = this.node("directory", 0o755);
  }

  async stat(path: string): Promise<FileStat | undefined> {
    return statOf(this.find(path, true));
  }
  async lstat(path: string): Promise<FileStat | undefined> {
    return statOf(this.find(path, false));
  }
  async read(path: string, limitBytes?: number): Promise<Uint8Array | undefined> {
    const node = this.find(path, true);
    if (node === undefined) return undefined;
    if (node.type !== "file") throw new HostError("other", `${path} is a directory`);
    return limitBytes === undefined ? node.data.slice() : node.data.slice(0, limitBytes);
  }
  async readAt(path: string, offset: number, length: number): Promise<Uint8Array> {
    return this.file(path).data.slice(offset, offset + length);
  }
  async write(path: string, data: Uint8Array, mode: number): Promise<void> {
    let node = this.find(path, true);
    if (node === undefined) {
      node = this.node("file", mode);
      this.parent(path).children.set(lastName(path), node);
    }
    if (node.type !== "file") throw new HostError("other", `${path} is no file`);
    node.data = data.slice();
    node.mode = mode;
    node.modifiedMs = this.env.clock.now();
    this.notify(path);
  }
  /** For the simulated runtime's logs. */
  append(path: string, data: Uint8Array): void {
    const node = this.find(path, true);
    const before = node?.data ?? new Uint8Array();
    const joined = new Uint8Array(before.length + data.length);
    joined.set(before);
    joined.set(data, before.length);
    void this.write(path, joined, node?.mode ?? 0o640);
  }
  async makeDirectory(path: string, mode: number): Promise<void> {
    const names = namesOf(path);
    let current = this.root;
    names.forEach((name, position) => {
      const child = this.follow(current.children.get(name), names.slice(0, position));
      if (child === undefined) {
        const made = this.node("directory", position === names.length - 1 ? mode : 0o755);
        current.children.set(name, made);
        current = made;
      } else if (child.type !== "directory") throw new HostError("notDirectory", `${path} is not a directory`);
      else current = child;
    });
  }
  async list(path: string): Promise<readonly string[]> {
    const node = this.find(path, true);
    if (node === undefined) return [];
    if (node.type !== "directory") throw new HostError("notDirectory", `${path} is not a directory`);
    return [...node.children.keys()].sort();
  }
  usageOf(path: string): DiskUsage {
    const root = this.find(path, false);
    const total = { bytes: 0, inodes: 0 };
    const count = (node: Node): void => {
      total.bytes += node.data.length;
      total.inodes++;
      for (const child of node.children.values()) count(child);
    };
    if (root !== undefined) count(root);
    return total;
  }
  async symlink(target: string, path: string): Promise<void> {
    const parent = this.parent(path);
    if (parent.children.has(lastName(path))) throw new HostError("exists", `${path} exists`);
    const node = this.node("symlink", 0o777);
    node.target = target;
    parent.children.set(lastName(path), node);
  }
  async readLink(path: string): Promise<string | undefined> {
    const node = this.find(path, false);
    return node?.type === "symlink" ? node.target : undefined;
  }
  async rename(from: string, to: string): Promise<void> {
    const node = this.find(from, false);
    if (node === undefined) throw new HostError("notFound", `${from} does not exist`);
    this.parent(from).children.delete(lastName(from));
    this.parent(to).children.set(lastName(to), node);
    this.notify(to);
    this.notify(from);
  }
  async remove(path: string): Promise<void> {
    if ((await this.mountPoints(path)).length > 0) throw new HostError("busy", `something is mounted in ${path}`);
    const parent = this.find(parentPath(path), true);
    parent?.children.delete(lastName(path));
    this.notify(path);
  }
  async changeOwner(path: string, uid: number, gid: number): Promise<void> {
    const node = this.find(path, false);
    if (node === undefined) throw new HostError("notFound", `${path} does not exist`);
    if (uid >= 0) node.uid = uid;
    if (gid >= 0) node.gid = gid;
  }
  async changeMode(path: string, mode: number): Promise<void> {
    const node = this.find(path, true);
    if (node === undefined) throw new HostError("notFound", `${path} does not exist`);
    node.mode = mode;
  }
  async changeTree(path: string, change: (stat: FileStat) => { readonly gid: number; readonly mode: number }): Promise<void> {
    const stat = await this.lstat(path);
    if (stat === undefined) return;
    const { gid, mode } = change(stat);
    await this.changeOwner(path, -1, gid);
    if (stat.type === "symlink") return;
    await this.changeMode(path, mode);
    if (stat.type === "directory") for (const name of await this.list(path)) await this.changeTree(`${path}/${name}`, change);
  }
  watch(path: string, changed: () => void): () => void {
    const watchers = this.watchers.get(path) ?? new Set();
    this.watchers.set(path, watchers.add(changed));
    return () => watchers.delete(changed);
  }
  watchDirectory(path: string, changed: () => void): () => void {
    return this.watch(`${path}/`, changed);
  }

  async mountTmpfs(path: string, options: { readonly sizeBytes?: number; readonly mode: number }): Promise<void> {
    if (this.mounted.has(path)) return;
    this.mounted.set(path, "tmpfs");
    const node = this.find(path, true);
    if (node !== undefined) node.mode = options.mode;
  }
  async mount(path: string, { source }: { readonly source: string }): Promise<void> {
    if (!this.mounted.has(path)) this.mounted.set(path, source);
  }
  async readInside({ volumePath, subPath, limitBytes }: { volumePath: string; subPath: string; limitBytes: number }): Promise<Uint8Array | undefined> {
    try {
      this.within(volumePath, subPath);
    } catch (error) {
      if (error instanceof HostError && error.reason === "notFound") return undefined;
      throw error;
    }
    return this.read(`${volumePath}/${subPath}`, limitBytes);
  }
  async unmount(path: string): Promise<void> {
    this.mounted.delete(path);
  }
  async mountPoints(path: string): Promise<readonly string[]> {
    return [...this.mounted.keys()].filter((at) => at === path || at.startsWith(`${path}/`)).sort((a, b) => b.length - a.length);
  }
  async bindSubPath(request: { volumePath: string; subPath: string; target: string }): Promise<string> {
    this.within(request.volumePath, request.subPath);
    this.mounted.set(request.target, `${request.volumePath}/${request.subPath}`);
    return request.target;
  }
  async makeSubPath(request: { volumePath: string; subPath: string; mode: number }): Promise<void> {
    await this.makeDirectory(`${request.volumePath}/${request.subPath}`, request.mode);
  }

  /** Refuses a path whose links lead out of the volume. */
  private within(volumePath: string, subPath: string): void {
    let walked = volumePath;
    for (const name of namesOf(subPath)) {
      walked = `${walked}/${name}`;
      const node = this.find(walked, false);
      if (node === undefined) throw new HostError("notFound", `${walked} does not exist`);
      if (node.type !== "symlink") continue;
      walked = normalize(node.target.startsWith("/") ? node.target : `${parentPath(walked)}/${node.target}`);
      if (!walked.startsWith(`${volumePath}/`)) throw new HostError("escapes", `${subPath} leads out of the volume`);
    }
  }

  private node(type: Node["type"], mode: number): Node {
    return { type, mode, uid: 0, gid: 0, inode: this.nextInode++, modifiedMs: this.env.clock.now(), data: new Uint8Array(), target: "", children: new Map() };
  }
  private file(path: string): Node {
    const node = this.find(path, true);
    if (node === undefined) throw new HostError("notFound", `${path} does not exist`);
    return node;
  }
  private parent(path: string): Node {
    const node = this.find(parentPath(path), true);
    if (node?.type !== "directory") throw new HostError("notFound", `${parentPath(path)} does not exist`);
    return node;
  }
  private find(path: string, followLast: boolean, links = 0): Node | undefined {
    if (links > MAX_LINKS) throw new HostError("other", `too many symbolic links in ${path}`);
    const names = namesOf(path);
    let current: Node | undefined = this.root;
    for (let position = 0; position < names.length && current !== undefined; position++) {
      current = current.children.get(names[position] ?? "");
      if (current?.type === "symlink" && (followLast || position < names.length - 1)) {
        const base = `/${names.slice(0, position).join("/")}`;
        const rest = names.slice(position + 1).join("/");
        return this.find(normalize(`${current.target.startsWith("/") ? current.target : `${base}/${current.target}`}/${rest}`), followLast, links + 1);
      }
    }
    return current;
  }
  private follow(node: Node | undefined, directory: readonly string[]): Node | undefined {
    if (node?.type !== "symlink") return node;
    return this.find(normalize(node.target.startsWith("/") ? node.target : `/${directory.join("/")}/${node.target}`), true);
  }
  private notify(path: string): void {
    for (const watched of [path, `${parentPath(path)}/`]) for (const changed of this.watchers.get(watched) ?? []) this.env.clock.setTimeout(changed, 0);
  }
}

function statOf(node: Node | undefined): FileStat | undefined {
  if (node === undefined) return undefined;
  const { type, mode, uid, gid, inode, modifiedMs } = node;
  return { type, mode, uid, gid, inode, modifiedMs, sizeBytes: node.data.length };
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
function lastName(path: string): string {
  return namesOf(path).at(-1) ?? "";
}
function parentPath(path: string): string {
  return `/${namesOf(path).slice(0, -1).join("/")}`;
}
function normalize(path: string): string {
  const names: string[] = [];
  for (const name of namesOf(path)) {
    if (name === "..") names.pop();
    else names.push(name);
  }
  return `/${names.join("/")}`;
}
