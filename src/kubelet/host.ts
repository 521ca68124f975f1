// The machine as the kubelet needs it: its own directory, mounts, pod cgroups, the network for probes, and facts about the
// node. Two implementations: in memory (simulated-host.ts) and Linux (linux.host.ts). All paths are absolute.

export interface FileStat {
  readonly type: "file" | "directory" | "symlink" | "socket" | "characterDevice" | "blockDevice" | "other";
  /** Permission bits only. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Tells a file from its successor of the same name. */
  readonly inode: number;
  readonly modifiedMs: number;
}

export class HostError extends Error {
  override readonly name = "HostError";
  constructor(
    readonly reason: "notFound" | "exists" | "notDirectory" | "denied" | "busy" | "escapes" | "other",
    message: string,
  ) {
    super(message);
  }
}

/** Methods reject with a `HostError`. */
export interface HostFiles {
  /** Follows symbolic links. Undefined: nothing there. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Does not follow. */
  lstat(path: string): Promise<FileStat | undefined>;
  /** At most `limitBytes`. Undefined: nothing there. */
  read(path: string, limitBytes?: number): Promise<Uint8Array | undefined>;
  /** Fewer bytes than asked for at the end of the file. */
  readAt(path: string, offset: number, length: number): Promise<Uint8Array>;
  /** Replaces the content, keeping the inode (a container may have it mounted), and sets the mode whatever the umask. */
  write(path: string, data: Uint8Array, mode: number): Promise<void>;
  /** With missing parents (0755). The mode is set exactly when the directory is made, and left alone when it exists. */
  makeDirectory(path: string, mode: number): Promise<void>;
  /** Names in a directory, sorted; none when it is not there. */
  list(path: string): Promise<readonly string[]>;
  symlink(target: string, path: string): Promise<void>;
  readLink(path: string): Promise<string | undefined>;
  rename(from: string, to: string): Promise<void>;
  /** With everything in it; nothing happens when it is not there. Refuses (`busy`) while something is mounted in it. */
  remove(path: string): Promise<void>;
  /** Never through a symbolic link. */
  changeOwner(path: string, uid: number, gid: number): Promise<void>;
  changeMode(path: string, mode: number): Promise<void>;
  /**
   * Gives `path` and everything in it the group and mode that `change` says; nothing happens when it is not there. Nothing outside is
   * touched, though containers may put links in the place of what is being walked through. Links have a group, but no mode.
   */
  changeTree(path: string, change: (stat: FileStat) => { readonly gid: number; readonly mode: number }): Promise<void>;
  /** Calls `changed` after the file grew, shrank or was replaced, perhaps more often, until the returned function is called. */
  watch(path: string, changed: () => void): () => void;
  /** The same for the files right in a directory, which must be there. */
  watchDirectory(path: string, changed: () => void): () => void;
}

export interface HostMounts {
  /** A memory file system, unless one is mounted there already. Without a size the kernel's default holds. */
  mountTmpfs(path: string, options: { readonly sizeBytes?: number; readonly mode: number }): Promise<void>;
  /** What mount(2) takes, on a directory that exists; nothing happens when something is mounted there already. */
  mount(path: string, what: { readonly type: string; readonly source: string; readonly options: readonly string[] }): Promise<void>;
  /** A file of a volume, at most `limitBytes`; links never lead out of the volume. Undefined: nothing there. */
  readInside(request: { readonly volumePath: string; readonly subPath: string; readonly limitBytes: number }): Promise<Uint8Array | undefined>;
  /** Nothing happens when nothing is mounted. */
  unmount(path: string): Promise<void>;
  /** Mount points at or below `path`, deepest first. */
  mountPoints(path: string): Promise<readonly string[]>;
  /**
   * Makes `subPath` of the volume available at `target` and returns the path to hand to the runtime. Symbolic links are
   * resolved inside the volume; one that leads out, or changes meanwhile, is refused (`escapes`).
   */
  bindSubPath(request: { readonly volumePath: string; readonly subPath: string; readonly target: string }): Promise<string>;
  /** Makes the missing directories of `subPath` inside the volume, without following links out of it. */
  makeSubPath(request: { readonly volumePath: string; readonly subPath: string; readonly mode: number }): Promise<void>;
}

export interface DialFailure {
  readonly reason: "refused" | "timeout" | "unreachable" | "reset" | "other";
  /** Before or after the connection stood. */
  readonly stage: "connect" | "response";
  readonly message: string;
}

export interface ProbeDialer {
  /** One request, without following redirects or checking certificates. */
  http(request: {
    readonly url: string;
    readonly headers: readonly { readonly name: string; readonly value: string }[];
    readonly timeoutMs: number;
  }): Promise<{ readonly ok: true; readonly status: number; readonly location?: string; readonly body: string } | ({ readonly ok: false } & DialFailure)>;
  tcp(request: {
    readonly host: string;
    readonly port: number;
    readonly timeoutMs: number;
  }): Promise<{ readonly ok: true } | ({ readonly ok: false } & DialFailure)>;
  /** grpc.health.v1.Health/Check. */
  grpcHealth(request: {
    readonly host: string;
    readonly port: number;
    readonly service: string;
    readonly timeoutMs: number;
  }): Promise<
    | { readonly ok: true; readonly status: string }
    | { readonly ok: false; readonly reason: "connect" | "unimplemented" | "timeout" | "other"; readonly message: string }
  >;
}

export interface CgroupLimits {
  readonly cpuShares: number;
  readonly cpuPeriodMicros: number;
  /** Absent: no limit. */
  readonly cpuQuotaMicros?: number;
  readonly memoryLimitBytes?: number;
  readonly pidsLimit?: number;
}

/** Since the interface was made. */
export interface InterfaceUsage {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

export interface HostCgroups {
  /** One hierarchy for all controllers (version 2). */
  readonly isUnified: boolean;
  /** Makes the group in every hierarchy, with its parents, or changes its limits. Paths as CRI's cgroupParent: `/kubets/kubepods/pod…`. */
  apply(path: string, limits: CgroupLimits): Promise<void>;
  /** With all groups below; nothing happens when it is not there. */
  remove(path: string): Promise<void>;
  /** The network interfaces that the group's processes see; none when there is no process. */
  interfaces(path: string): Promise<readonly InterfaceUsage[]>;
  /** Names of the groups right below. */
  list(path: string): Promise<readonly string[]>;
  /** What the processes of the group and of those below take; undefined: there is no such group. */
  usage(path: string): Promise<CgroupUsage | undefined>;
}

/** Times and counts are since the group was made. */
export interface CgroupUsage {
  /** Caches included. */
  readonly memoryBytes: number;
  /** Without files in memory that nobody used lately. */
  readonly memoryWorkingSetBytes: number;
  readonly memoryRssBytes: number;
  readonly memoryCacheBytes: number;
  readonly memorySwapBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly processes: number;
  readonly cpuNanoseconds: number;
  readonly cpuUserNanoseconds: number;
  readonly cpuSystemNanoseconds: number;
  /** Enforcement periods that went by, and those in which the limit was met. */
  readonly cpuPeriods: number;
  readonly cpuThrottledPeriods: number;
  readonly cpuThrottledNanoseconds: number;
}

export interface NodeFacts {
  readonly hostname: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly operatingSystem: string;
  /** As Go names it: amd64, arm64. */
  readonly architecture: string;
  readonly bootTimeMs: number;
  /** The kernel confines programs by AppArmor profiles. */
  readonly hasAppArmor: boolean;
  readonly swapBytes: number;
  /** How many huge pages of each size (in bytes) the machine has set aside. */
  readonly hugePages: ReadonlyMap<number, number>;
}

export interface FilesystemUsage {
  /** Two paths with the same number are on one file system. */
  readonly device: number;
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

export interface NodeUsage {
  /** Since boot. */
  readonly cpuNanoseconds: number;
  readonly memoryWorkingSetBytes: number;
  readonly memoryUsageBytes: number;
  readonly memoryAvailableBytes: number;
  readonly memoryRssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  /** The first is the one of the default route. */
  readonly interfaces: readonly InterfaceUsage[];
  /** The process that the kubelet is in. */
  readonly kubelet: { readonly cpuNanoseconds: number; readonly memoryBytes: number; readonly startedAtMs: number };
}

/** What runs short on a node, beside its file systems; cheap to ask for. */
export interface NodeHeadroom {
  /** Capacity less the working set: free memory, and files in memory that nobody used lately. */
  readonly memoryAvailableBytes: number;
  readonly processes: number;
  readonly maxProcesses: number;
}

export interface DiskUsage {
  /** Blocks that are taken, not what the files' sizes say. */
  readonly bytes: number;
  readonly inodes: number;
}

/** Tells when the machine is about to shut down, and holds that up for a while. */
export interface ShutdownSource {
  /**
   * Holds up the next shutdown for at most `delayMs`. `changed` hears that one begins, or was called off; `lost` that nothing more
   * will be heard. Rejects when the machine has nobody to ask.
   */
  hold(request: { readonly delayMs: number; readonly changed: (shuttingDown: boolean) => void; readonly lost: (error: Error) => void }): Promise<ShutdownHold>;
}

export interface ShutdownHold {
  /** Lets the shutdown go on. */
  release(): void;
  /** Holds up the next one. */
  renew(): void;
  /** Releases, and hears no more. */
  close(): void;
}

export interface KubeletHost {
  /** Everything the kubelet writes is in here. */
  readonly rootDirectory: string;
  readonly podLogsDirectory: string;
  readonly files: HostFiles;
  readonly mounts: HostMounts;
  readonly cgroups: HostCgroups;
  readonly dialer: ProbeDialer;
  readonly shutdown: ShutdownSource;
  facts(): Promise<NodeFacts>;
  /** Of the file system that holds `path`, by default `rootDirectory`. */
  filesystemUsage(path?: string): Promise<FilesystemUsage>;
  usage(): Promise<NodeUsage>;
  headroom(): Promise<NodeHeadroom>;
  /** What lies in a directory, without what is mounted in it; nothing when it is not there. Walks the whole tree. */
  diskUsage(path: string): Promise<DiskUsage>;
  /** The node's /etc/resolv.conf, for pods with dnsPolicy Default. */
  resolvConf(): Promise<string>;
  /** The node's /etc/hosts, for pods on the host network. */
  hostsFile(): Promise<Uint8Array>;
  close(): Promise<void>;
}
