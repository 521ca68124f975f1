// The kubelet's face towards its HTTPS server, answered from its own pods, the runtime and the log files. Texts are what
// clients of the kubelet know.
import type { ContainerState, ContainerStatus, Pod, PodLogOptions } from "../api/index.ts";
import type { Env } from "../base/index.ts";
import type { KubeletConfiguration } from "./configuration/kubelet-configuration.ts";
import { CONTAINER_NAME_LABEL, POD_NAME_LABEL, POD_NAMESPACE_LABEL, POD_UID_LABEL } from "./containers/labels.ts";
import { type ContainerTarget, type KubeletApi, KubeletApiError, type StreamOptions } from "./kubelet-api.ts";
import { concat } from "./logs/cri-log.ts";
import { readLogs } from "./logs/read-logs.ts";
import { containerIdOf } from "./pods/container-statuses.ts";
import { findContainer, podName, podUid } from "./pods/pod-spec.ts";
import { type ContainerStatus as RuntimeContainerStatus, RuntimeError } from "./runtime/runtime.ts";
import { createStatsCollector } from "./stats/collector.ts";
import type { StatsParts } from "./stats/observation.ts";
import type { VolumeDirectories } from "./volumes/volume-directories.ts";

export interface LocalApiParts extends StatsParts {
  readonly findPod: (namespace: string, name: string) => Pod | undefined;
  readonly problem: () => string | undefined;
  readonly configuration: KubeletConfiguration;
  readonly volumeDirectories: VolumeDirectories;
}

export function createKubeletApi(env: Env, parts: LocalApiParts): KubeletApi {
  return new LocalKubeletApi(env, parts);
}

class LocalKubeletApi implements KubeletApi {
  readonly volumeDirectories: VolumeDirectories;
  private readonly stats: ReturnType<typeof createStatsCollector>;

  constructor(
    private readonly env: Env,
    private readonly parts: LocalApiParts,
  ) {
    this.stats = createStatsCollector(env, parts);
    this.volumeDirectories = parts.volumeDirectories;
  }

  pod(namespace: string, name: string): Pod | undefined {
    return this.parts.findPod(namespace, name);
  }
  pods(): readonly Pod[] {
    return this.parts.pods();
  }

  async runningPods(): Promise<readonly Pod[]> {
    const containers = (await this.runtimeCall(() => this.parts.runtime.listContainers())).filter(({ state }) => state === "running");
    const byPod = new Map<string, RuntimeContainerStatus[]>();
    for (const container of containers) {
      const uid = container.labels[POD_UID_LABEL] ?? "";
      byPod.set(uid, [...(byPod.get(uid) ?? []), container]);
    }
    return [...byPod].map(([uid, own]) => barePod(uid, own));
  }

  async containerLogs(target: ContainerTarget, options: PodLogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const pod = this.parts.findPod(target.namespace, target.pod);
    if (pod === undefined) throw new KubeletApiError(404, `pod ${JSON.stringify(target.pod)} does not exist`);
    if (findContainer(pod, target.container) === undefined) {
      throw new KubeletApiError(404, `container ${JSON.stringify(target.container)} not found in pod ${JSON.stringify(target.pod)}`);
    }
    const id = containerWithLogs(pod, target.container, options.previous === true);
    const { runtime, host } = this.parts;
    const status = await this.runtimeCall(() => runtime.containerStatus(id));
    return readLogs(
      this.env,
      {
        files: host.files,
        path: status.logPath,
        isRunning: async () => {
          try {
            return (await runtime.containerStatus(id)).state === "running";
          } catch (error) {
            if (error instanceof RuntimeError && error.reason === "notFound") return false;
            throw error;
          }
        },
        onChange: (changed) =>
          runtime.watchEvents((event) => (event.type === "resync" || ("podUid" in event && event.podUid === podUid(pod)) ? changed() : undefined)),
      },
      options,
      signal,
    );
  }

  async exec(target: ContainerTarget, command: readonly string[], streams: StreamOptions): Promise<string> {
    const container = await this.runningContainer(target, `container not found (${JSON.stringify(target.container)})`);
    return this.runtimeCall(() => this.parts.runtime.exec({ containerId: container.id, command, ...streams }));
  }
  async attach(target: ContainerTarget, streams: StreamOptions): Promise<string> {
    const fullName = `${target.pod}_${target.namespace}`;
    const container = await this.runningContainer(target, `container ${target.container} not found in pod ${fullName}`);
    const pod = this.parts.findPod(target.namespace, target.pod);
    const spec = pod === undefined ? undefined : findContainer(pod, target.container);
    if (spec === undefined) throw new KubeletApiError(500, `container ${target.container} not found in pod ${fullName}`);
    // A terminal is chosen when the container is made, not when one attaches.
    return this.runtimeCall(() => this.parts.runtime.attach({ containerId: container.id, ...streams, tty: spec.tty ?? false }));
  }
  async portForward(target: Omit<ContainerTarget, "container">, ports: readonly number[]): Promise<string> {
    const pod = this.requirePod(target);
    const sandboxes = await this.runtimeCall(() => this.parts.runtime.listPodSandboxes({ podUid: podUid(pod) }));
    const ready = sandboxes.filter(({ state }) => state === "ready").sort((a, b) => b.createdAtMs - a.createdAtMs)[0];
    if (ready === undefined) throw new KubeletApiError(500, `pod not found (${JSON.stringify(`${target.pod}_${target.namespace}`)})`);
    return this.runtimeCall(() => this.parts.runtime.portForward(ready.id, ports));
  }
  async run(target: ContainerTarget, command: readonly string[]): Promise<Uint8Array> {
    const container = await this.runningContainer(target, `container not found (${JSON.stringify(target.container)})`);
    const { stdout, stderr } = await this.runtimeCall(() => this.parts.runtime.execSync(container.id, command, 0));
    return concat(stdout, stderr);
  }

  statsSummary(): ReturnType<KubeletApi["statsSummary"]> {
    return this.stats.summary();
  }
  async metrics(): Promise<string> {
    const { metrics } = this.env;
    const containers = await this.runtimeCall(() => this.parts.runtime.listContainers());
    const running = containers.filter(({ state }) => state === "running");
    const pods = new Set(running.map(({ labels }) => labels[POD_UID_LABEL]));
    const states = metrics.gauge("kubelet_running_containers", "Number of containers, by their state.");
    for (const state of ["created", "running", "exited", "unknown"] as const) {
      states.set(containers.filter((container) => container.state === state).length, { container_state: state });
    }
    metrics.gauge("kubelet_running_pods", "Number of pods that have a running container.").set(pods.size);
    metrics.gauge("kubelet_node_name", "The node's name; always 1.").set(1, { node: this.parts.nodeName });
    return metrics.render();
  }
  resourceMetrics(): Promise<string> {
    return this.stats.resourceMetrics();
  }
  configuration(): KubeletConfiguration {
    return this.parts.configuration;
  }
  cadvisorMetrics(): Promise<string> {
    return this.stats.cadvisorMetrics();
  }
  healthProblem(): string | undefined {
    return this.parts.problem();
  }

  private requirePod({ namespace, pod: name, podUid: uid }: Omit<ContainerTarget, "container">): Pod {
    const pod = this.parts.findPod(namespace, name);
    if (pod === undefined || (uid !== undefined && uid !== "" && podUid(pod) !== uid)) throw new KubeletApiError(404, "pod does not exist");
    return pod;
  }
  private async runningContainer(target: ContainerTarget, missing: string): Promise<RuntimeContainerStatus> {
    const pod = this.requirePod(target);
    const containers = await this.runtimeCall(() => this.parts.runtime.listContainers({ podUid: podUid(pod) }));
    const found = containers.find(({ state, labels }) => state === "running" && labels[CONTAINER_NAME_LABEL] === target.container);
    if (found === undefined) throw new KubeletApiError(500, missing);
    return found;
  }
  private async runtimeCall<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof RuntimeError)
        throw new KubeletApiError(error.reason === "notFound" ? 404 : error.reason === "unavailable" ? 503 : 500, error.message);
      throw error;
    }
  }
}

/** The container whose log is meant: the running one, or the one that ended last, or the one before. */
function containerWithLogs(pod: Pod, name: string, previous: boolean): string {
  const what = `container ${JSON.stringify(name)} in pod ${JSON.stringify(podName(pod))}`;
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  const status = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find((candidate) => candidate.name === name);
  if (status === undefined) throw new KubeletApiError(400, `${what} is not available`);
  if (previous) {
    const id = status.lastState?.terminated?.containerID;
    if (id === undefined || id === "") throw new KubeletApiError(400, `previous terminated ${what} not found`);
    return containerIdOf(id);
  }
  const id = newestId(status);
  if (id !== undefined && id !== "") return containerIdOf(id);
  const { terminated, waiting } = status.state ?? {};
  if (terminated !== undefined || status.lastState?.terminated !== undefined) throw new KubeletApiError(400, `${what} is terminated`);
  throw new KubeletApiError(400, `${what} is ${waitingText(waiting)}`);
}

function newestId({ state, lastState, containerID }: ContainerStatus): string | undefined {
  if (state?.running !== undefined) return containerID;
  return state?.terminated?.containerID ?? lastState?.terminated?.containerID;
}

function waitingText(waiting: ContainerState["waiting"]): string {
  if (waiting === undefined) return "waiting to start - no logs yet";
  if (waiting.reason === "ErrImagePull") return "waiting to start: image can't be pulled";
  if (waiting.reason === "ImagePullBackOff") return "waiting to start: trying and failing to pull image";
  return `waiting to start: ${waiting.reason ?? ""}`;
}

function barePod(uid: string, containers: readonly RuntimeContainerStatus[]): Pod {
  const labels = containers[0]?.labels ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: labels[POD_NAME_LABEL] ?? "", namespace: labels[POD_NAMESPACE_LABEL] ?? "", uid },
    spec: { containers: containers.map(({ labels: own, image }) => ({ name: own[CONTAINER_NAME_LABEL] ?? "", image, resources: {} })) },
    status: {},
  };
}
