// What every pod's worker works with: shared by all pods of the node.
import type { Pod, Service } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import type { FailureBackOff } from "../back-off.ts";
import type { ContainerKiller } from "../containers/container-killer.ts";
import type { ContainerStarter } from "../containers/container-starter.ts";
import type { ObjectCache } from "../environment/object-cache.ts";
import type { TokenSource } from "../environment/service-account-tokens.ts";
import type { KubeletHost } from "../host.ts";
import type { ImagePuller } from "../images/image-puller.ts";
import type { PodEvents } from "../pod-events.ts";
import type { ProbeManager } from "../probes/probe-manager.ts";
import type { PodAllocations } from "../resize/pod-allocations.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import type { VolumeManager } from "../volumes/volume-manager.ts";
import type { StatusWriter } from "./status-writer.ts";

export interface NodeView {
  readonly ips: readonly string[];
  readonly memoryBytes: number;
  /** The control group of all pods. */
  readonly kubepods: string;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** Absent: pods may have as many processes as the node. */
  readonly podPidsLimit?: number;
  /** Of the Node object; empty before it is registered. */
  allocatable(): Readonly<Record<string, string>>;
  /** All services, once they are known. */
  services(): Promise<readonly Service[]>;
  /** Those that are known now: what a pod that must run without an API server has to be content with. */
  servicesSoFar(): readonly Service[];
}

export interface PodWorkerParts {
  readonly env: Env;
  readonly client: Client;
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly node: NodeView;
  readonly events: PodEvents;
  readonly statuses: StatusWriter;
  readonly probes: ProbeManager;
  readonly allocations: PodAllocations;
  readonly volumes: VolumeManager;
  readonly objects: ObjectCache;
  readonly tokens: TokenSource;
  readonly images: ImagePuller;
  readonly starter: ContainerStarter;
  readonly killer: ContainerKiller;
  /** Of container restarts. */
  readonly backOff: FailureBackOff;
  /** The pod's work is over and it is gone from the API server. */
  readonly finished: (pod: Pod) => void;
  /** The pods whose resources count changed. */
  readonly activeChanged: () => void;
}
