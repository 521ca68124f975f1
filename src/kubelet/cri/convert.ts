// Between the runtime port's objects (runtime/runtime.ts) and CRI's messages (messages.ts). Pure.
import type {
  ContainerConfig,
  ContainerResources,
  ContainerSecurityContext,
  ContainerStatus,
  ContainerUsage,
  NamespaceOptions,
  PodSandbox,
  PodSandboxConfig,
  PodSandboxStatus,
  RuntimeImage,
  RuntimeStatus,
  SandboxSecurityContext,
  SecurityProfile,
} from "../runtime/runtime.ts";
import { signalNumber } from "./signals.ts";

interface Wrapped {
  readonly value: number;
}

/** The answers of the runtime, as the codec hands them out. */
export interface WireSandbox {
  readonly id: string;
  readonly metadata?: PodSandboxConfig["metadata"];
  readonly state: number;
  readonly createdAt: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly network?: { readonly ip: string; readonly additionalIps: readonly { readonly ip: string }[] };
}

export interface WireContainer {
  readonly id: string;
  readonly podSandboxId: string;
  readonly state: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface WireContainerStatus {
  readonly id: string;
  readonly metadata?: ContainerConfig["metadata"];
  readonly state: number;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  readonly image?: { readonly image: string };
  readonly imageRef: string;
  readonly reason: string;
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly logPath: string;
}

export interface WireImage {
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly size: number;
  readonly pinned: boolean;
  readonly uid?: Wrapped;
  readonly username: string;
}

export interface WireRuntimeStatus {
  readonly status?: { readonly conditions: readonly { readonly type: string; readonly status: boolean; readonly message: string }[] };
  readonly runtimeHandlers: readonly {
    readonly name: string;
    readonly features?: { readonly recursiveReadOnlyMounts: boolean; readonly userNamespaces: boolean };
  }[];
  readonly features?: { readonly supplementalGroupsPolicy: boolean };
}

export interface WireStats {
  readonly attributes?: { readonly id: string };
  readonly cpu?: { readonly usageCoreNanoSeconds?: Wrapped };
  readonly memory?: { readonly workingSetBytes?: Wrapped };
  readonly writableLayer?: { readonly usedBytes?: Wrapped };
}

const nanosecondsPerMillisecond = 1e6;
const networkModes = { pod: 0, node: 2 } as const;
const pidModes = { pod: 0, container: 1, node: 2, target: 3 } as const;
const protocols = { TCP: 0, UDP: 1, SCTP: 2 } as const;
const profileTypes = { RuntimeDefault: 0, Unconfined: 1, Localhost: 2 } as const;
const propagations = { private: 0, hostToContainer: 1, bidirectional: 2 } as const;
const containerStates = ["created", "running", "exited", "unknown"] as const;
/** CRI's numbers for what containers and sandboxes do. */
export const createdState = 0;
export const runningState = 1;
export const exitedState = 2;
export const readySandboxState = 0;

export function toWireSandboxConfig(config: PodSandboxConfig): object {
  return {
    metadata: config.metadata,
    hostname: config.hostname,
    logDirectory: config.logDirectory,
    dnsConfig: config.dns,
    portMappings: config.portMappings.map((mapping) => ({
      protocol: protocols[mapping.protocol],
      containerPort: mapping.containerPort,
      hostPort: mapping.hostPort,
      hostIp: mapping.hostIP,
    })),
    labels: config.labels,
    annotations: config.annotations,
    linux: {
      cgroupParent: config.linux.cgroupParent,
      sysctls: config.linux.sysctls,
      securityContext: toWireSandboxSecurity(config.linux.securityContext),
    },
  };
}

export function toWireContainerConfig(config: ContainerConfig): object {
  return {
    metadata: config.metadata,
    image: { image: config.image, userSpecifiedImage: config.userImage },
    command: config.command,
    args: config.args,
    workingDir: config.workingDir,
    envs: config.envs,
    mounts: config.mounts.map((mount) => ({
      containerPath: mount.containerPath,
      hostPath: mount.hostPath,
      readonly: mount.readonly,
      propagation: propagations[mount.propagation],
    })),
    // Read, write, and never make a device node.
    devices: (config.devices ?? []).map(({ containerPath, hostPath, readonly }) => ({ containerPath, hostPath, permissions: readonly ? "r" : "rw" })),
    labels: config.labels,
    annotations: config.annotations,
    logPath: config.logPath,
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    tty: config.tty,
    linux: { resources: toWireResources(config.resources), securityContext: toWireContainerSecurity(config.securityContext) },
    stopSignal: config.stopSignal === undefined ? 0 : signalNumber(config.stopSignal),
  };
}

export function toWireResources(resources: ContainerResources): object {
  return {
    cpuPeriod: resources.cpuPeriod,
    cpuQuota: resources.cpuQuota,
    cpuShares: resources.cpuShares,
    memoryLimitInBytes: resources.memoryLimitBytes,
    oomScoreAdj: resources.oomScoreAdj,
    unified: resources.unified ?? {},
  };
}

function toWireNamespaces(namespaces: NamespaceOptions): object {
  return {
    network: networkModes[namespaces.network],
    pid: pidModes[namespaces.pid],
    ipc: networkModes[namespaces.ipc],
    targetId: namespaces.targetId,
  };
}

function wrapped(value: number | undefined): Wrapped | undefined {
  return value === undefined ? undefined : { value };
}

function toWireProfile(profile: SecurityProfile): object {
  return { profileType: profileTypes[profile.type], localhostRef: profile.localhostRef };
}

function toWireSandboxSecurity(context: SandboxSecurityContext): object {
  return {
    namespaceOptions: toWireNamespaces(context.namespaces),
    runAsUser: wrapped(context.runAsUser),
    runAsGroup: wrapped(context.runAsGroup),
    readonlyRootfs: context.readonlyRootfs,
    supplementalGroups: context.supplementalGroups,
    privileged: context.privileged,
    seccomp: toWireProfile(context.seccomp),
    selinuxOptions: context.selinux,
  };
}

function toWireContainerSecurity(context: ContainerSecurityContext): object {
  return {
    ...toWireSandboxSecurity(context),
    runAsUsername: context.runAsUsername,
    capabilities: { addCapabilities: context.capabilities.add, dropCapabilities: context.capabilities.drop },
    noNewPrivs: context.noNewPrivs,
    apparmor: context.appArmor === undefined ? undefined : toWireProfile(context.appArmor),
    maskedPaths: context.maskedPaths,
    readonlyPaths: context.readonlyPaths,
  };
}

export function fromWireSandbox(sandbox: WireSandbox): PodSandbox {
  return {
    id: sandbox.id,
    metadata: sandbox.metadata ?? { name: "", uid: "", namespace: "", attempt: 0 },
    state: sandbox.state === 0 ? "ready" : "notReady",
    createdAtMs: sandbox.createdAt / nanosecondsPerMillisecond,
    labels: sandbox.labels,
    annotations: sandbox.annotations,
  };
}

export function fromWireSandboxStatus(sandbox: WireSandbox): PodSandboxStatus {
  const primary = sandbox.network?.ip ?? "";
  const ips = primary === "" ? [] : [primary, ...(sandbox.network?.additionalIps ?? []).map((address) => address.ip)];
  return { ...fromWireSandbox(sandbox), ips };
}

export function fromWireContainerStatus(status: WireContainerStatus, sandboxId: string): ContainerStatus {
  return {
    id: status.id,
    sandboxId,
    metadata: status.metadata ?? { name: "", attempt: 0 },
    state: containerStates[status.state] ?? "unknown",
    createdAtMs: status.createdAt / nanosecondsPerMillisecond,
    startedAtMs: status.startedAt / nanosecondsPerMillisecond,
    finishedAtMs: status.finishedAt / nanosecondsPerMillisecond,
    exitCode: status.exitCode,
    image: status.image?.image ?? "",
    imageRef: status.imageRef,
    reason: status.reason,
    message: status.message,
    labels: status.labels,
    annotations: status.annotations,
    logPath: status.logPath,
  };
}

export function fromWireImage(image: WireImage): RuntimeImage {
  return {
    id: image.id,
    repoTags: image.repoTags,
    repoDigests: image.repoDigests,
    sizeBytes: image.size,
    pinned: image.pinned,
    uid: image.uid?.value,
    username: image.username,
  };
}

export function fromWireRuntimeStatus({ status, runtimeHandlers, features }: WireRuntimeStatus): RuntimeStatus {
  const conditions = status?.conditions ?? [];
  const ready = (type: string): boolean => conditions.find((condition) => condition.type === type)?.status ?? false;
  return {
    runtimeReady: ready("RuntimeReady"),
    networkReady: ready("NetworkReady"),
    message: conditions
      .filter((condition) => !condition.status)
      .map(({ message }) => message)
      .join("; "),
    runtimeHandlers: runtimeHandlers.map((handler) => ({
      name: handler.name,
      recursiveReadOnlyMounts: handler.features?.recursiveReadOnlyMounts ?? false,
      userNamespaces: handler.features?.userNamespaces ?? false,
    })),
    ...(features === undefined ? {} : { supplementalGroupsPolicy: features.supplementalGroupsPolicy }),
  };
}

export function fromWireStats(stats: WireStats): ContainerUsage {
  return {
    id: stats.attributes?.id ?? "",
    cpuNanoseconds: stats.cpu?.usageCoreNanoSeconds?.value ?? 0,
    memoryWorkingSetBytes: stats.memory?.workingSetBytes?.value ?? 0,
    filesystemBytes: stats.writableLayer?.usedBytes?.value ?? 0,
  };
}
