// A container runtime that exists only in memory and on the env's clock: sandboxes get addresses, containers "run" and exit
// as a behaviour says. With a simulated host it also writes logs in CRI format and termination messages, so that the
// kubelet's own code reads them. The contract suite (runtime/contract.ts) holds for it as for containerd.
import { assert, type Env, type Timer } from "../../base/index.ts";
import {
  type ContainerConfig,
  type ContainerResources,
  type ContainerRuntime,
  type ContainerStatus,
  type ContainerUsage,
  type FileSystemMount,
  type PodSandboxConfig,
  type PodSandboxStatus,
  RuntimeError,
  type RuntimeEvent,
  type RuntimeImage,
  type RuntimeStatus,
} from "./runtime.ts";
import { scriptedBehaviour } from "./simulated-command.ts";

/** What a simulated container is asked to be. */
export interface SimulatedContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly name: string;
  readonly image: string;
  /** 0 at the first start, +1 at each restart. */
  readonly attempt: number;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface SimulatedBehaviour {
  /** Absent: runs until it is stopped. */
  readonly exitAfterMs?: number;
  readonly exitCode?: number;
  /** `OOMKilled`, say; by default `Completed` or `Error`, as the exit code tells. */
  readonly exitReason?: string;
  /** Lines that it writes to stdout when it starts. */
  readonly output?: readonly string[];
  /** Written to the termination message file at exit. */
  readonly terminationMessage?: string;
  /** How long it takes to end after the stop signal; `Infinity`: only a kill ends it. */
  readonly stopAfterMs?: number;
  /** The runtime refuses to start it, with this text. */
  readonly startError?: string;
}

export interface SimulatedExecResult {
  readonly exitCode: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** The part of a simulated host that the runtime writes to. */
export interface SimulatedRuntimeFiles {
  append(path: string, data: Uint8Array): void;
}

/** What a container uses while it runs. */
export interface SimulatedLoad {
  /** Thousandths of a core. */
  readonly milliCpu: number;
  readonly memoryBytes: number;
  /** What it wrote beside its volumes. */
  readonly diskBytes?: number;
}

export interface SimulatedRuntimeOptions {
  /** Asked whenever usage is: what the container used since the last time. By default a thousandth of a core and 4 MiB. */
  readonly load?: (container: SimulatedContainer) => SimulatedLoad;
  /** By default the command decides: see `scriptedBehaviour`. */
  readonly behaviour?: (container: SimulatedContainer) => SimulatedBehaviour | undefined;
  /** The image behind a name, or undefined when it can't be pulled. By default every name exists. */
  readonly pullable?: (image: string) => boolean;
  /** Images that are here already. By default none. */
  readonly present?: (image: string) => boolean;
  readonly pullMs?: number;
  /** By default a million. */
  readonly imageBytes?: (image: string) => number;
  /** What `exec` gives; by default the command is read as `scriptedBehaviour` reads it, without waiting. */
  readonly exec?: (container: SimulatedContainer, command: readonly string[]) => SimulatedExecResult;
  readonly podCidr?: string;
  readonly files?: SimulatedRuntimeFiles;
  /** Refuses to make a sandbox, with this text. */
  readonly sandboxError?: (config: PodSandboxConfig) => string | undefined;
}

/** What a test may do behind the kubelet's back. */
export interface SimulatedRuntime extends ContainerRuntime {
  /** As if the process had exited by itself. */
  exitContainer(id: string, exitCode: number, reason?: string): void;
  /** As if the machine had lost the sandbox: it and its containers stop. */
  failSandbox(id: string): void;
  /** What the container was made with; its resources are those that it was told last. */
  config(id: string): ContainerConfig;
  /** Keys of the views of images that are in use. */
  readonly imageViews: readonly string[];
  /** What all containers together use: the node's cpu since the start, and its memory now. */
  totalUsage(): Promise<{ readonly cpuNanoseconds: number; readonly memoryBytes: number }>;
}

interface Sandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  state: "ready" | "notReady";
  readonly createdAtMs: number;
  ips: readonly string[];
}

interface Container {
  readonly id: string;
  readonly sandboxId: string;
  config: ContainerConfig;
  readonly simulated: SimulatedContainer;
  readonly behaviour: SimulatedBehaviour;
  readonly logPath: string;
  state: "created" | "running" | "exited";
  readonly createdAtMs: number;
  startedAtMs: number;
  finishedAtMs: number;
  exitCode: number;
  reason: string;
  message: string;
  timer?: Timer;
  readonly exitWaiters: (() => void)[];
  /** Up to the last time that usage was asked for. */
  cpu: { readonly nanoseconds: number; readonly atMs: number };
}

const DEFAULT_POD_CIDR = "10.244.0.0/24";
const IMAGE_SIZE_BYTES = 1_000_000;
const encoder = new TextEncoder();

const DEFAULT_LOAD: SimulatedLoad = { milliCpu: 1, memoryBytes: 4 * 2 ** 20 };

export function createSimulatedRuntime(env: Env, options: SimulatedRuntimeOptions = {}): SimulatedRuntime {
  return new MemoryRuntime(env, options);
}

class MemoryRuntime implements SimulatedRuntime {
  private readonly sandboxes = new Map<string, Sandbox>();
  private readonly containers = new Map<string, Container>();
  private readonly images = new Map<string, RuntimeImage>();
  private readonly views = new Set<string>();
  private readonly handlers = new Set<(event: RuntimeEvent) => void>();
  private readonly addresses: AddressPool;
  /** Of all containers there ever were, as far as somebody asked. */
  private cpuNanoseconds = 0;

  constructor(
    private readonly env: Env,
    private readonly options: SimulatedRuntimeOptions,
  ) {
    this.addresses = new AddressPool(options.podCidr ?? DEFAULT_POD_CIDR);
  }

  async version(): Promise<{ name: string; version: string; apiVersion: string }> {
    return { name: "simulated", version: "1.0.0", apiVersion: "v1" };
  }
  async status(): Promise<RuntimeStatus> {
    return { runtimeReady: true, networkReady: true, message: "", runtimeHandlers: [] };
  }

  async runPodSandbox(config: PodSandboxConfig): Promise<string> {
    const refusal = this.options.sandboxError?.(config);
    if (refusal !== undefined) throw new RuntimeError("other", refusal);
    const id = this.newId();
    const onHost = config.linux.securityContext.namespaces.network === "node";
    const ips = onHost ? [] : [this.addresses.take()];
    this.sandboxes.set(id, { id, config, state: "ready", createdAtMs: this.env.clock.now(), ips });
    this.emit({ type: "sandboxChanged", podUid: config.metadata.uid });
    return id;
  }
  async stopPodSandbox(id: string): Promise<void> {
    const sandbox = this.sandboxes.get(id);
    if (sandbox === undefined) return;
    for (const container of this.containersOf(id)) this.finish(container, 137, "Error");
    if (sandbox.state === "notReady") return;
    this.releaseSandbox(sandbox);
  }
  async removePodSandbox(id: string): Promise<void> {
    await this.stopPodSandbox(id);
    for (const container of this.containersOf(id)) this.containers.delete(container.id);
    this.sandboxes.delete(id);
  }
  async podSandboxStatus(id: string): Promise<PodSandboxStatus> {
    return sandboxStatus(this.sandbox(id));
  }
  async listPodSandboxes(filter: { podUid?: string } = {}): Promise<readonly PodSandboxStatus[]> {
    return [...this.sandboxes.values()].filter(({ config }) => filter.podUid === undefined || config.metadata.uid === filter.podUid).map(sandboxStatus);
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    const sandbox = this.sandbox(sandboxId);
    if (sandbox.state !== "ready") throw new RuntimeError("other", `sandbox container ${sandboxId} is not running`);
    if (!this.images.has(config.image) && this.imageById(config.image) === undefined) throw new RuntimeError("imageNotFound", `no such image ${config.image}`);
    const { metadata } = sandbox.config;
    const simulated: SimulatedContainer = {
      namespace: metadata.namespace,
      pod: metadata.name,
      podUid: metadata.uid,
      name: config.metadata.name,
      image: config.userImage,
      attempt: config.metadata.attempt,
      command: config.command,
      args: config.args,
      env: Object.fromEntries(config.envs.map(({ key, value }) => [key, value])),
    };
    const id = this.newId();
    this.containers.set(id, {
      id,
      sandboxId,
      config,
      simulated,
      behaviour: this.options.behaviour?.(simulated) ?? scriptedBehaviour([...config.command, ...config.args]),
      logPath: `${sandbox.config.logDirectory}/${config.logPath}`,
      state: "created",
      createdAtMs: this.env.clock.now(),
      startedAtMs: 0,
      finishedAtMs: 0,
      exitCode: 0,
      reason: "",
      message: "",
      exitWaiters: [],
      cpu: { nanoseconds: 0, atMs: 0 },
    });
    return id;
  }
  async startContainer(id: string): Promise<void> {
    const container = this.container(id);
    if (container.state !== "created") throw new RuntimeError("other", `container ${id} was started before`);
    const { behaviour } = container;
    if (behaviour.startError !== undefined) {
      Object.assign(container, { state: "exited", finishedAtMs: this.env.clock.now(), exitCode: 128, reason: "StartError", message: behaviour.startError });
      throw new RuntimeError("other", behaviour.startError);
    }
    container.state = "running";
    container.startedAtMs = this.env.clock.now();
    container.cpu = { nanoseconds: 0, atMs: this.env.clock.monotonic() };
    this.writeLog(container, []);
    this.writeLog(container, behaviour.output ?? []);
    if (behaviour.exitAfterMs !== undefined) {
      const { exitCode = 0, exitReason } = behaviour;
      container.timer = this.env.clock.setTimeout(() => this.finish(container, exitCode, exitReason), behaviour.exitAfterMs);
    }
    this.emit({ type: "containerStarted", podUid: container.simulated.podUid });
  }
  async stopContainer(id: string, timeoutSeconds: number): Promise<void> {
    const container = this.containers.get(id);
    if (container === undefined || container.state === "exited") return;
    if (container.state === "created") return this.finish(container, 0, "Completed");
    const stopMs = container.behaviour.stopAfterMs ?? 0;
    const killed = stopMs > timeoutSeconds * 1000;
    container.timer?.cancel();
    const exited = new Promise<void>((resolve) => container.exitWaiters.push(resolve));
    container.timer = this.env.clock.setTimeout(
      () => this.finish(container, killed ? 137 : (container.behaviour.exitCode ?? 0)),
      killed ? timeoutSeconds * 1000 : stopMs,
    );
    await exited;
  }
  async removeContainer(id: string): Promise<void> {
    const container = this.containers.get(id);
    if (container === undefined) return;
    this.finish(container, 137, "Error");
    this.containers.delete(id);
    this.emit({ type: "containerRemoved", podUid: container.simulated.podUid });
  }
  async listContainers(filter: { podUid?: string } = {}): Promise<readonly ContainerStatus[]> {
    return [...this.containers.values()].filter(({ simulated }) => filter.podUid === undefined || simulated.podUid === filter.podUid).map(containerStatus);
  }
  async containerStatus(id: string): Promise<ContainerStatus> {
    return containerStatus(this.container(id));
  }
  async updateContainerResources(id: string, resources: ContainerResources): Promise<void> {
    const container = this.container(id);
    if (container.state !== "running") throw new RuntimeError("other", `container ${id} is not running`);
    container.config = { ...container.config, resources };
  }
  async reopenContainerLog(id: string): Promise<void> {
    this.writeLog(this.container(id), []);
  }

  async execSync(id: string, command: readonly string[]): Promise<{ stdout: Uint8Array; stderr: Uint8Array; exitCode: number }> {
    const container = this.container(id);
    if (container.state !== "running") throw new RuntimeError("other", `container ${id} is not running`);
    const { exitCode, stdout = "", stderr = "" } = this.options.exec?.(container.simulated, command) ?? scriptedExec(command);
    return { stdout: encoder.encode(stdout), stderr: encoder.encode(stderr), exitCode };
  }
  async exec(): Promise<string> {
    throw new RuntimeError("other", "a simulated container has no streams to exec into");
  }
  async attach(): Promise<string> {
    throw new RuntimeError("other", "a simulated container has no streams to attach to");
  }
  async portForward(): Promise<string> {
    throw new RuntimeError("other", "a simulated pod has no ports to forward");
  }

  async imageStatus(image: string): Promise<RuntimeImage | undefined> {
    const known = this.images.get(image) ?? this.imageById(image);
    if (known === undefined && this.options.present?.(image) === true) return this.addImage(image);
    return known;
  }
  async listImages(): Promise<readonly RuntimeImage[]> {
    return [...new Map([...this.images.values()].map((image) => [image.id, image])).values()];
  }
  async pullImage(image: string): Promise<string> {
    if ((this.options.pullMs ?? 0) > 0) await new Promise<void>((resolve) => this.env.clock.setTimeout(resolve, this.options.pullMs ?? 0));
    if (this.options.pullable?.(image) === false) {
      throw new RuntimeError("imageNotFound", `failed to pull and unpack image ${JSON.stringify(image)}: ${image}: not found`);
    }
    return this.addImage(image).id;
  }
  async removeImage(image: string): Promise<void> {
    const known = this.images.get(image) ?? this.imageById(image);
    for (const [name, candidate] of [...this.images]) if (candidate === known) this.images.delete(name);
    this.emit({ type: "imagesChanged" });
  }
  async imageView(image: string, key: string): Promise<FileSystemMount> {
    const known = this.images.get(image) ?? this.imageById(image);
    if (known === undefined) throw new RuntimeError("imageNotFound", `no such image ${image}`);
    this.views.add(key);
    return { type: "bind", source: `/images/${known.id}`, options: ["ro", "rbind"] };
  }
  async releaseImageView(key: string): Promise<void> {
    this.views.delete(key);
  }
  get imageViews(): readonly string[] {
    return [...this.views];
  }
  async usage(): Promise<readonly ContainerUsage[]> {
    return [...this.containers.values()].filter(({ state }) => state === "running").map((container) => this.usageOf(container));
  }
  async totalUsage(): Promise<{ readonly cpuNanoseconds: number; readonly memoryBytes: number }> {
    const memoryBytes = (await this.usage()).reduce((sum, { memoryWorkingSetBytes }) => sum + memoryWorkingSetBytes, 0);
    return { cpuNanoseconds: this.cpuNanoseconds, memoryBytes };
  }
  async imageDirectory(): Promise<string | undefined> {
    return undefined;
  }
  async updatePodCidr(podCidr: string): Promise<void> {
    this.addresses.use(podCidr);
  }
  watchEvents(handler: (event: RuntimeEvent) => void): () => void {
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  exitContainer(id: string, exitCode: number, reason?: string): void {
    this.finish(this.container(id), exitCode, reason);
  }
  config(id: string): ContainerConfig {
    return this.container(id).config;
  }
  failSandbox(id: string): void {
    const sandbox = this.sandbox(id);
    for (const container of this.containersOf(id)) this.finish(container, 255, "Unknown");
    this.releaseSandbox(sandbox);
  }

  private usageOf(container: Container): ContainerUsage {
    const { milliCpu, memoryBytes, diskBytes = 0 } = this.options.load?.(container.simulated) ?? DEFAULT_LOAD;
    const nowMs = this.env.clock.monotonic();
    const used = (nowMs - container.cpu.atMs) * milliCpu * 1000;
    this.cpuNanoseconds += used;
    container.cpu = { nanoseconds: container.cpu.nanoseconds + used, atMs: nowMs };
    return { id: container.id, cpuNanoseconds: container.cpu.nanoseconds, memoryWorkingSetBytes: memoryBytes, filesystemBytes: diskBytes };
  }
  private releaseSandbox(sandbox: Sandbox): void {
    sandbox.state = "notReady";
    for (const ip of sandbox.ips) this.addresses.release(ip);
    this.emit({ type: "sandboxChanged", podUid: sandbox.config.metadata.uid });
  }
  /** The end of a container; nothing happens when it ended before. */
  private finish(container: Container, exitCode: number, reason?: string): void {
    if (container.state === "exited") return;
    container.timer?.cancel();
    container.state = "exited";
    container.finishedAtMs = this.env.clock.now();
    container.exitCode = exitCode;
    container.reason = reason ?? (exitCode === 0 ? "Completed" : "Error");
    this.writeTerminationMessage(container);
    for (const resolve of container.exitWaiters.splice(0)) resolve();
    this.emit({ type: "containerStopped", podUid: container.simulated.podUid });
  }
  private writeTerminationMessage(container: Container): void {
    const { terminationMessage } = container.behaviour;
    const path = container.config.annotations["io.kubernetes.container.terminationMessagePath"];
    const mount = container.config.mounts.find(({ containerPath }) => containerPath === path);
    if (terminationMessage !== undefined && mount !== undefined) this.options.files?.append(mount.hostPath, encoder.encode(terminationMessage));
  }
  private writeLog(container: Container, lines: readonly string[]): void {
    const time = new Date(this.env.clock.now()).toISOString().replace("Z", "000000Z");
    this.options.files?.append(container.logPath, encoder.encode(lines.map((line) => `${time} stdout F ${line}\n`).join("")));
  }
  private addImage(name: string): RuntimeImage {
    const known = this.images.get(name);
    if (known !== undefined) return known;
    const digest = `sha256:${digestOf(name)}`;
    const repository = name.split("@")[0]?.replace(/:[^/:]*$/, "") ?? name;
    const image: RuntimeImage = {
      id: digest,
      repoTags: [name],
      repoDigests: [`${repository}@${digest}`],
      sizeBytes: this.options.imageBytes?.(name) ?? IMAGE_SIZE_BYTES,
      pinned: false,
      username: "",
    };
    this.images.set(name, image);
    this.emit({ type: "imagesChanged" });
    return image;
  }
  private imageById(id: string): RuntimeImage | undefined {
    return [...this.images.values()].find((image) => image.id === id || image.repoDigests.includes(id));
  }
  private containersOf(sandboxId: string): Container[] {
    return [...this.containers.values()].filter((container) => container.sandboxId === sandboxId);
  }
  private sandbox(id: string): Sandbox {
    const sandbox = this.sandboxes.get(id);
    if (sandbox === undefined) throw new RuntimeError("notFound", `no such sandbox ${id}`);
    return sandbox;
  }
  private container(id: string): Container {
    const container = this.containers.get(id);
    if (container === undefined) throw new RuntimeError("notFound", `no such container ${id}`);
    return container;
  }
  private newId(): string {
    return Array.from(this.env.random.bytes(32), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  /** Never inside a call of the runtime: as from a real runtime, events come later. */
  private emit(event: RuntimeEvent): void {
    for (const handler of this.handlers) queueMicrotask(() => handler(event));
  }
}

function scriptedExec(command: readonly string[]): SimulatedExecResult {
  const { exitCode = 0, output = [] } = scriptedBehaviour(command);
  return { exitCode, stdout: output.map((line) => `${line}\n`).join("") };
}

function sandboxStatus({ id, config, state, createdAtMs, ips }: Sandbox): PodSandboxStatus {
  return { id, metadata: config.metadata, state, createdAtMs, labels: config.labels, annotations: config.annotations, ips: state === "ready" ? ips : [] };
}

function containerStatus(container: Container): ContainerStatus {
  const { id, sandboxId, config, state, createdAtMs, startedAtMs, finishedAtMs, exitCode, reason, message, logPath } = container;
  const { metadata, labels, annotations, userImage } = config;
  const imageRef = `${userImage.split("@")[0]?.replace(/:[^/:]*$/, "") ?? userImage}@sha256:${digestOf(userImage)}`;
  return {
    ...{ id, sandboxId, metadata, state, createdAtMs, startedAtMs, finishedAtMs, exitCode, reason, message, labels, annotations, logPath },
    image: userImage,
    imageRef,
  };
}

/** Not a digest of anything real, but stable and of the right form. */
function digestOf(name: string): string {
  let hash = 0x811c9dc5;
  let digest = "";
  for (let round = 0; round < 8; round++) {
    for (let position = 0; position < name.length; position++) hash = Math.imul(hash ^ name.charCodeAt(position), 0x01000193);
    hash = Math.imul(hash ^ (round + 1), 0x01000193);
    digest += (hash >>> 0).toString(16).padStart(8, "0");
  }
  return digest;
}

/** Addresses of an IPv4 range, each free one in turn, from the second host on. */
class AddressPool {
  private first = 0;
  private last = 0;
  private next = 0;
  private readonly taken = new Set<number>();
  constructor(cidr: string) {
    this.use(cidr);
  }
  use(cidr: string): void {
    const [address = "", prefix = "24"] = cidr.split("/");
    const base = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    const size = 2 ** (32 - Number(prefix));
    if (this.first === base + 2) return;
    this.first = base + 2;
    this.last = base + size - 2;
    this.next = this.first;
  }
  take(): string {
    for (let tries = this.first; tries <= this.last; tries++) {
      const candidate = this.next;
      this.next = candidate === this.last ? this.first : candidate + 1;
      if (this.taken.has(candidate)) continue;
      this.taken.add(candidate);
      return [24, 16, 8, 0].map((shift) => Math.floor(candidate / 2 ** shift) % 256).join(".");
    }
    assert(this.taken.size > 0, "an empty pool has an address to give");
    throw new RuntimeError("other", "no free address in the pod network");
  }
  release(address: string): void {
    this.taken.delete(address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0));
  }
}
