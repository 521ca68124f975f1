// The container runtime port over CRI v1 and a Unix socket, made for containerd 1.6 and later.
//
// Invariants: every method rejects with a `RuntimeError` whose message is the runtime's own; a container's end is reported
// only once the runtime's own listing shows it, so that a look after the event never finds it still running.
import { createCodec, type Env, present } from "../../base/index.ts";
import type { ContainerRuntime, ContainerStatus, RuntimeEvent } from "../runtime/runtime.ts";
import { RuntimeError } from "../runtime/runtime.ts";
import {
  exitedState,
  fromWireContainerStatus,
  fromWireImage,
  fromWireRuntimeStatus,
  fromWireSandbox,
  fromWireSandboxStatus,
  fromWireStats,
  runningState,
  toWireContainerConfig,
  toWireResources,
  toWireSandboxConfig,
  type WireContainer,
  type WireContainerStatus,
  type WireImage,
  type WireRuntimeStatus,
  type WireSandbox,
  type WireStats,
} from "./convert.ts";
import { watchContainerdEvents } from "./event-stream.host.ts";
import { PodIndex } from "./events.ts";
import { GrpcConnection } from "./grpc-connection.host.ts";
import { imageViewMethods } from "./image-views.host.ts";
import { messages, methods } from "./messages.ts";
import { createRuntimeOperations, type RuntimeOperations } from "./runtime-operations.ts";

const requestTimeoutMs = 120_000;
/** Pulling has no deadline of its own in Kubernetes; a connection that is this long without an answer is dead. */
const pullTimeoutMs = 3_600_000;
const podUidLabel = "io.kubernetes.pod.uid";

export interface CriRuntimeOptions {
  /** Path of the runtime's Unix socket. */
  readonly socket: string;
}

export interface CriRuntime extends ContainerRuntime {
  /** Closes the connection; calls under way are cancelled. */
  close(): void;
}

export function createCriRuntime(env: Env, options: CriRuntimeOptions): CriRuntime {
  const connection = new CriConnection(env, options.socket);
  const pods = new PodIndex();
  return {
    ...runtimeMethods(connection),
    ...sandboxMethods(connection, pods),
    ...containerMethods(connection, pods),
    ...streamingMethods(connection),
    ...imageMethods(connection),
    ...imageViewMethods(connection),
    watchEvents: (handler: (event: RuntimeEvent) => void) => watchContainerdEvents(env, { connection, pods, handler }),
    close: () => connection.close(),
  };
}

/** One multiplexed connection, opened by the first call and reopened when it breaks. */
export class CriConnection {
  readonly codec = createCodec(messages);
  readonly grpc: GrpcConnection;
  private readonly operations: RuntimeOperations;

  constructor(env: Env, socket: string) {
    this.grpc = new GrpcConnection(socket);
    this.operations = createRuntimeOperations(env);
  }

  async call(
    method: { readonly path: string; readonly request: string; readonly response: string },
    request: object,
    timeoutMs = requestTimeoutMs,
    headers: Readonly<Record<string, string>> = {},
  ) {
    const answer = await this.operations.measured(method.path, () =>
      this.grpc.call(method.path, this.codec.encode(method.request, request), timeoutMs, headers),
    );
    return this.codec.decode(method.response, answer);
  }

  close(): void {
    this.grpc.close();
  }
}

function runtimeMethods(connection: CriConnection) {
  return {
    async version() {
      const answer = await connection.call(methods.version, {});
      return { name: answer["runtimeName"] as string, version: answer["runtimeVersion"] as string, apiVersion: answer["runtimeApiVersion"] as string };
    },
    async status() {
      return fromWireRuntimeStatus((await connection.call(methods.status, {})) as unknown as WireRuntimeStatus);
    },
    async updatePodCidr(podCidr: string) {
      await connection.call(methods.updateRuntimeConfig, { runtimeConfig: { networkConfig: { podCidr } } });
    },
    async usage() {
      const answer = await connection.call(methods.listContainerStats, {});
      return (answer["stats"] as readonly WireStats[]).map(fromWireStats);
    },
  };
}

function labelFilter(podUid: string | undefined): object {
  return podUid === undefined ? {} : { filter: { labelSelector: { [podUidLabel]: podUid } } };
}

type SandboxMethods = Pick<ContainerRuntime, "runPodSandbox" | "stopPodSandbox" | "removePodSandbox" | "podSandboxStatus" | "listPodSandboxes">;

function sandboxMethods(connection: CriConnection, pods: PodIndex): SandboxMethods {
  return {
    async runPodSandbox(config, runtimeHandler) {
      const answer = await connection.call(methods.runPodSandbox, { config: toWireSandboxConfig(config), runtimeHandler }, 2 * requestTimeoutMs);
      const id = answer["podSandboxId"] as string;
      pods.learn(id, config.metadata.uid, true);
      return id;
    },
    async stopPodSandbox(id) {
      await connection.call(methods.stopPodSandbox, { podSandboxId: id });
    },
    async removePodSandbox(id) {
      await connection.call(methods.removePodSandbox, { podSandboxId: id });
      pods.forget(id);
    },
    async podSandboxStatus(id) {
      const answer = await connection.call(methods.podSandboxStatus, { podSandboxId: id });
      return fromWireSandboxStatus(present(answer["status"] as WireSandbox | undefined, "sandbox status"));
    },
    async listPodSandboxes(filter) {
      const answer = await connection.call(methods.listPodSandbox, labelFilter(filter?.podUid));
      const items = answer["items"] as readonly WireSandbox[];
      if (filter?.podUid === undefined) pods.retain(new Set(items.map((item) => item.id)), true);
      for (const item of items) pods.learn(item.id, item.metadata?.uid ?? "", true);
      return items.map(fromWireSandbox);
    },
  };
}

type ContainerMethods = Pick<
  ContainerRuntime,
  | "createContainer"
  | "startContainer"
  | "stopContainer"
  | "removeContainer"
  | "listContainers"
  | "containerStatus"
  | "updateContainerResources"
  | "reopenContainerLog"
  | "execSync"
>;

function containerMethods(connection: CriConnection, pods: PodIndex): ContainerMethods {
  const statuses = new ContainerStatuses(connection);
  return {
    async createContainer(sandboxId, config, sandbox) {
      const answer = await connection.call(methods.createContainer, {
        podSandboxId: sandboxId,
        config: toWireContainerConfig(config),
        sandboxConfig: toWireSandboxConfig(sandbox),
      });
      const id = answer["containerId"] as string;
      pods.learn(id, sandbox.metadata.uid, false);
      return id;
    },
    async startContainer(id) {
      await connection.call(methods.startContainer, { containerId: id });
    },
    async stopContainer(id, timeoutSeconds) {
      await connection.call(methods.stopContainer, { containerId: id, timeout: timeoutSeconds }, timeoutSeconds * 1000 + requestTimeoutMs);
    },
    async removeContainer(id) {
      await connection.call(methods.removeContainer, { containerId: id });
      pods.forget(id);
    },
    async listContainers(filter) {
      const answer = await connection.call(methods.listContainers, labelFilter(filter?.podUid));
      const containers = answer["containers"] as readonly WireContainer[];
      if (filter?.podUid === undefined) {
        const ids = new Set(containers.map((container) => container.id));
        pods.retain(ids, false);
        statuses.retain(ids);
      }
      for (const container of containers) pods.learn(container.id, container.labels[podUidLabel] ?? "", false);
      const found = await Promise.all(containers.map((container) => statuses.of(container)));
      return found.filter((status) => status !== undefined);
    },
    async containerStatus(id) {
      const answer = await connection.call(methods.containerStatus, { containerId: id });
      return fromWireContainerStatus(present(answer["status"] as WireContainerStatus | undefined, "container status"), await statuses.sandboxOf(id));
    },
    async updateContainerResources(id, resources) {
      await connection.call(methods.updateContainerResources, { containerId: id, linux: toWireResources(resources) });
    },
    async reopenContainerLog(id) {
      await connection.call(methods.reopenContainerLog, { containerId: id });
    },
    async execSync(id, command, timeoutSeconds) {
      const deadlineMs = timeoutSeconds === 0 ? pullTimeoutMs : timeoutSeconds * 1000 + requestTimeoutMs;
      const answer = await connection.call(methods.execSync, { containerId: id, cmd: command, timeout: timeoutSeconds }, deadlineMs);
      return { stdout: answer["stdout"] as Uint8Array, stderr: answer["stderr"] as Uint8Array, exitCode: answer["exitCode"] as number };
    },
  };
}

/**
 * Full statuses for CRI's short listing. An ended container's status does not change, nor does a running one's as long as
 * the listing says "running": both are asked for once. Bounded by the containers that exist.
 */
class ContainerStatuses {
  private readonly known = new Map<string, ContainerStatus>();
  private readonly sandboxes = new Map<string, string>();

  constructor(private readonly connection: CriConnection) {}

  /** undefined when the container was removed since it was listed. */
  async of(container: WireContainer): Promise<ContainerStatus | undefined> {
    this.sandboxes.set(container.id, container.podSandboxId);
    const stable = container.state === exitedState || container.state === runningState;
    const known = this.known.get(container.id);
    if (stable && known !== undefined && known.state === (container.state === exitedState ? "exited" : "running")) return known;
    try {
      const answer = await this.connection.call(methods.containerStatus, { containerId: container.id });
      const status = fromWireContainerStatus(present(answer["status"] as WireContainerStatus | undefined, "container status"), container.podSandboxId);
      this.known.set(container.id, status);
      return status;
    } catch (error) {
      if (error instanceof RuntimeError && error.reason === "notFound") return undefined;
      throw error;
    }
  }

  /** CRI's container status does not name the sandbox, its listing does. */
  async sandboxOf(id: string): Promise<string> {
    const known = this.sandboxes.get(id);
    if (known !== undefined) return known;
    const answer = await this.connection.call(methods.listContainers, {});
    for (const container of answer["containers"] as readonly WireContainer[]) this.sandboxes.set(container.id, container.podSandboxId);
    return this.sandboxes.get(id) ?? "";
  }

  retain(ids: ReadonlySet<string>): void {
    for (const id of this.known.keys()) if (!ids.has(id)) this.known.delete(id);
    for (const id of this.sandboxes.keys()) if (!ids.has(id)) this.sandboxes.delete(id);
  }
}

function streamingMethods(connection: CriConnection): Pick<ContainerRuntime, "exec" | "attach" | "portForward"> {
  return {
    async exec({ containerId, command, tty, stdin, stdout, stderr }) {
      const answer = await connection.call(methods.exec, { containerId, cmd: command, tty, stdin, stdout, stderr });
      return answer["url"] as string;
    },
    async attach(request) {
      const answer = await connection.call(methods.attach, request);
      return answer["url"] as string;
    },
    async portForward(sandboxId, ports) {
      const answer = await connection.call(methods.portForward, { podSandboxId: sandboxId, port: ports });
      return answer["url"] as string;
    },
  };
}

function imageMethods(connection: CriConnection): Pick<ContainerRuntime, "imageStatus" | "listImages" | "pullImage" | "removeImage" | "imageDirectory"> {
  return {
    async imageStatus(image) {
      const answer = await connection.call(methods.imageStatus, { image: { image } });
      const found = answer["image"] as WireImage | undefined;
      return found === undefined ? undefined : fromWireImage(found);
    },
    async listImages() {
      const answer = await connection.call(methods.listImages, {});
      return (answer["images"] as readonly WireImage[]).map(fromWireImage);
    },
    async pullImage(image, auth) {
      try {
        const answer = await connection.call(methods.pullImage, { image: { image }, auth }, pullTimeoutMs);
        return answer["imageRef"] as string;
      } catch (error) {
        if (error instanceof RuntimeError && error.reason === "notFound") throw new RuntimeError("imageNotFound", error.message);
        throw error;
      }
    },
    async removeImage(image) {
      await connection.call(methods.removeImage, { image: { image } });
    },
    async imageDirectory() {
      const answer = await connection.call(methods.imageFsInfo, {});
      return (answer["imageFilesystems"] as readonly { readonly fsId?: { readonly mountpoint: string } }[])[0]?.fsId?.mountpoint;
    },
  };
}
