// The container runtime's port, shaped like CRI v1 (https://github.com/kubernetes/cri-api). Two implementations under one
// contract suite: containerd over gRPC (cri/grpc.host.ts) and the simulated runtime (runtime/simulated.ts).

export interface PodSandboxConfig {
  readonly metadata: { readonly name: string; readonly uid: string; readonly namespace: string; readonly attempt: number };
  readonly hostname: string;
  readonly logDirectory: string;
  readonly dns?: { readonly servers: readonly string[]; readonly searches: readonly string[]; readonly options: readonly string[] };
  readonly portMappings: readonly {
    readonly protocol: "TCP" | "UDP" | "SCTP";
    readonly containerPort: number;
    readonly hostPort: number;
    readonly hostIP: string;
  }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: {
    readonly cgroupParent: string;
    readonly sysctls: Readonly<Record<string, string>>;
    readonly securityContext: SandboxSecurityContext;
  };
}

export interface NamespaceOptions {
  readonly network: "pod" | "node";
  readonly pid: "pod" | "container" | "node" | "target";
  readonly ipc: "pod" | "node";
  /** Container ID whose PID namespace is joined when `pid` is `target`. */
  readonly targetId?: string;
}

export interface SecurityProfile {
  readonly type: "RuntimeDefault" | "Unconfined" | "Localhost";
  /** Seccomp: a path on the host; AppArmor: the name of a loaded profile. */
  readonly localhostRef?: string;
}

export interface SelinuxLabel {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  readonly level: string;
}

export interface SandboxSecurityContext {
  readonly namespaces: NamespaceOptions;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly supplementalGroups: readonly number[];
  readonly readonlyRootfs: boolean;
  readonly privileged: boolean;
  readonly seccomp: SecurityProfile;
  readonly selinux?: SelinuxLabel;
}

export interface ContainerSecurityContext extends SandboxSecurityContext {
  readonly capabilities: { readonly add: readonly string[]; readonly drop: readonly string[] };
  readonly runAsUsername?: string;
  readonly noNewPrivs: boolean;
  /** Absent: the runtime's own, where AppArmor is at work. */
  readonly appArmor?: SecurityProfile;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
}

export interface ContainerMount {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly propagation: "private" | "hostToContainer" | "bidirectional";
}

/** A device of the node, to be used without a file system. */
export interface ContainerDevice {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly: boolean;
}

export interface ContainerResources {
  readonly cpuPeriod: number;
  readonly cpuQuota: number;
  readonly cpuShares: number;
  /** 0: no limit. */
  readonly memoryLimitBytes: number;
  readonly oomScoreAdj: number;
  /** Files of the control group, where there is one hierarchy for all controllers. */
  readonly unified?: Readonly<Record<string, string>>;
}

export interface ContainerConfig {
  readonly metadata: { readonly name: string; readonly attempt: number };
  /** The image ID or reference, as `imageStatus` gave it. */
  readonly image: string;
  /** The image as the user wrote it. */
  readonly userImage: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly envs: readonly { readonly key: string; readonly value: string }[];
  readonly mounts: readonly ContainerMount[];
  readonly devices?: readonly ContainerDevice[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Relative to the sandbox's log directory. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly resources: ContainerResources;
  readonly securityContext: ContainerSecurityContext;
  /** A signal name, e.g. `SIGUSR1`; absent: the image's. */
  readonly stopSignal?: string;
}

export interface PodSandbox {
  readonly id: string;
  readonly metadata: PodSandboxConfig["metadata"];
  readonly state: "ready" | "notReady";
  /** Nanoseconds since the epoch would not fit a number: milliseconds. */
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PodSandboxStatus extends PodSandbox {
  /** The first is the primary; empty for host network. */
  readonly ips: readonly string[];
}

export interface ContainerStatus {
  readonly id: string;
  readonly sandboxId: string;
  readonly metadata: ContainerConfig["metadata"];
  readonly state: "created" | "running" | "exited" | "unknown";
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  /** The image as the user wrote it. */
  readonly image: string;
  readonly imageRef: string;
  readonly reason: string;
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Absolute path of the log file. */
  readonly logPath: string;
}

export interface RuntimeImage {
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly sizeBytes: number;
  /** The runtime needs it, whoever uses it or not. */
  readonly pinned: boolean;
  /** Numeric user of the image's config, when it is numeric. */
  readonly uid?: number;
  /** User name of the image's config, when it is a name. */
  readonly username: string;
}

/** As mount(2) takes it. */
export interface FileSystemMount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface ContainerUsage {
  readonly id: string;
  readonly cpuNanoseconds: number;
  readonly memoryWorkingSetBytes: number;
  readonly filesystemBytes: number;
}

export type RuntimeEvent =
  | { readonly type: "containerStarted" | "containerStopped" | "containerRemoved" | "sandboxChanged"; readonly podUid: string }
  /** An image came, went, or has another name. */
  | { readonly type: "imagesChanged" }
  /** Events may have been missed: look at everything. */
  | { readonly type: "resync" };

/** Thrown by every method. `notFound` is an answer, the others are failures. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  constructor(
    readonly reason: "notFound" | "unavailable" | "deadline" | "imageNotFound" | "other",
    message: string,
  ) {
    super(message);
  }
}

/** One of the ways in which a runtime can run containers, and what it can do. `""` is the default one. */
export interface RuntimeHandler {
  readonly name: string;
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
}

export interface RuntimeStatus {
  readonly runtimeReady: boolean;
  readonly networkReady: boolean;
  /** Why it is not ready; empty: it is. */
  readonly message: string;
  /** Empty: the runtime is too old to tell. */
  readonly runtimeHandlers: readonly RuntimeHandler[];
  /** Absent: the runtime is too old to tell. */
  readonly supplementalGroupsPolicy?: boolean;
}

export interface ContainerRuntime {
  version(): Promise<{ readonly name: string; readonly version: string; readonly apiVersion: string }>;
  status(): Promise<RuntimeStatus>;
  runPodSandbox(config: PodSandboxConfig, runtimeHandler: string): Promise<string>;
  stopPodSandbox(id: string): Promise<void>;
  removePodSandbox(id: string): Promise<void>;
  podSandboxStatus(id: string): Promise<PodSandboxStatus>;
  listPodSandboxes(filter?: { readonly podUid?: string }): Promise<readonly PodSandbox[]>;
  createContainer(sandboxId: string, config: ContainerConfig, sandbox: PodSandboxConfig): Promise<string>;
  startContainer(id: string): Promise<void>;
  /** Sends the stop signal, then kills after `timeoutSeconds`. */
  stopContainer(id: string, timeoutSeconds: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  listContainers(filter?: { readonly podUid?: string }): Promise<readonly ContainerStatus[]>;
  containerStatus(id: string): Promise<ContainerStatus>;
  updateContainerResources(id: string, resources: ContainerResources): Promise<void>;
  reopenContainerLog(id: string): Promise<void>;
  /** Runs to the end; `deadline` when it takes longer. */
  execSync(
    id: string,
    command: readonly string[],
    timeoutSeconds: number,
  ): Promise<{ readonly stdout: Uint8Array; readonly stderr: Uint8Array; readonly exitCode: number }>;
  /** URLs of the runtime's streaming server. */
  exec(request: {
    readonly containerId: string;
    readonly command: readonly string[];
    readonly tty: boolean;
    readonly stdin: boolean;
    readonly stdout: boolean;
    readonly stderr: boolean;
  }): Promise<string>;
  attach(request: {
    readonly containerId: string;
    readonly tty: boolean;
    readonly stdin: boolean;
    readonly stdout: boolean;
    readonly stderr: boolean;
  }): Promise<string>;
  portForward(sandboxId: string, ports: readonly number[]): Promise<string>;
  imageStatus(image: string): Promise<RuntimeImage | undefined>;
  listImages(): Promise<readonly RuntimeImage[]>;
  pullImage(image: string, auth?: { readonly username: string; readonly password: string; readonly serverAddress: string }): Promise<string>;
  removeImage(image: string): Promise<void>;
  /** How to mount the files of an image that is here, read-only. They stay until the view is released by its key, which is the caller's. */
  imageView(image: string, key: string): Promise<FileSystemMount>;
  /** Nothing happens when there is no such view. */
  releaseImageView(key: string): Promise<void>;
  /** The directory that images are kept in; undefined when the runtime does not tell. */
  imageDirectory(): Promise<string | undefined>;
  usage(): Promise<readonly ContainerUsage[]>;
  updatePodCidr(podCidr: string): Promise<void>;
  /** Events until the returned function is called. */
  watchEvents(handler: (event: RuntimeEvent) => void): () => void;
}
