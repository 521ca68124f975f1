// What the kubelet offers to the API server and to metrics readers: the face behind its HTTPS server (server/), free of
// any transport. Paths and texts follow the kubelet's HTTP API (https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet-authentication-authorization/).
import type { Pod, PodLogOptions } from "../api/index.ts";
import type { KubeletConfiguration } from "./configuration/kubelet-configuration.ts";
import type { StatsSummary } from "./stats/summary.ts";
import type { VolumeDirectories } from "./volumes/volume-directories.ts";

/** A refusal. `message` is what the client reads, as plain text; `code` is the HTTP status. */
export class KubeletApiError extends Error {
  override readonly name = "KubeletApiError";
  constructor(
    readonly code: 400 | 404 | 500 | 503,
    message: string,
  ) {
    super(message);
  }
}

/** A container of a pod. With `podUid`, only the pod of that UID will do. */
export interface ContainerTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid?: string;
  readonly container: string;
}

export interface StreamOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Methods reject with a `KubeletApiError`. */
export interface KubeletApi {
  /** The pod of this node as the API server last told, with the kubelet's own newest status. */
  pod(namespace: string, name: string): Pod | undefined;
  /** All pods bound to this node: the answer of `/pods`. */
  pods(): readonly Pod[];
  /** What the runtime runs, as bare pods: the answer of `/runningpods/`. */
  runningPods(): Promise<readonly Pod[]>;
  /**
   * The log of a container, in chunks as they come; with `follow` it goes on until the container ends or `signal` aborts.
   * Rejects before the first chunk when there is no such pod, container or log.
   */
  containerLogs(target: ContainerTarget, options: PodLogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** The URL at the runtime's streaming server that runs the command. */
  exec(target: ContainerTarget, command: readonly string[], streams: StreamOptions): Promise<string>;
  attach(target: ContainerTarget, streams: StreamOptions): Promise<string>;
  portForward(target: Omit<ContainerTarget, "container">, ports: readonly number[]): Promise<string>;
  /** Runs to the end; stdout and stderr together. The answer of `/run`. */
  run(target: ContainerTarget, command: readonly string[]): Promise<Uint8Array>;
  /** What `/volumeDirectories/NAME` makes and removes. */
  readonly volumeDirectories: VolumeDirectories;
  /** The answer of `/stats/summary`. */
  statsSummary(): Promise<StatsSummary>;
  /** The answer of `/metrics`, in the Prometheus text format. */
  metrics(): Promise<string>;
  /** The answer of `/metrics/resource`, in the same format. */
  resourceMetrics(): Promise<string>;
  /** What the kubelet follows: the answer of `/configz`. */
  configuration(): KubeletConfiguration;
  /** The answer of `/metrics/cadvisor`, in the same format. */
  cadvisorMetrics(): Promise<string>;
  /** What is wrong, or nothing: the answer of `/healthz`. */
  healthProblem(): string | undefined;
}
