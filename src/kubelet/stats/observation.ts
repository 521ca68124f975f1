// What the node, its pods and their containers use at one moment: the runtime's word on containers, and what the control groups
// say beyond it, where there are any.
import type { Pod } from "../../api/index.ts";
import { CONTAINER_NAME_LABEL, POD_UID_LABEL } from "../containers/labels.ts";
import { podCgroup } from "../containers/resources.ts";
import type { CgroupUsage, FilesystemUsage, InterfaceUsage, KubeletHost, NodeFacts, NodeHeadroom, NodeUsage } from "../host.ts";
import { podUid } from "../pods/pod-spec.ts";
import type { ContainerRuntime, ContainerStatus, ContainerUsage } from "../runtime/runtime.ts";

export interface StatsParts {
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly nodeName: string;
  /** The control group that holds those of all pods. */
  readonly kubepods: string;
  readonly pods: () => readonly Pod[];
}

export interface ContainerObservation {
  readonly name: string;
  readonly status: ContainerStatus;
  readonly usage: ContainerUsage;
  /** Path of its control group. */
  readonly path: string;
  readonly group: CgroupUsage | undefined;
}

export interface PodObservation {
  readonly pod: Pod;
  /** Those that run, by name. */
  readonly containers: readonly ContainerObservation[];
  readonly path: string;
  readonly cpuNanoseconds: number;
  readonly memoryWorkingSetBytes: number;
  readonly group: CgroupUsage | undefined;
  /** None for pods in the network of the node. */
  readonly interfaces: readonly InterfaceUsage[];
}

export interface Observation {
  /** By the node's clock. */
  readonly atMs: number;
  readonly node: NodeUsage;
  readonly pods: readonly PodObservation[];
  readonly allPods: CgroupUsage | undefined;
}

export interface NodeSurroundings {
  readonly facts: NodeFacts;
  readonly filesystem: FilesystemUsage;
  readonly headroom: NodeHeadroom;
}

/** `detailed`: also what the control groups and interfaces say; without, only cpu and memory. */
export async function observe(parts: StatsParts, nowMs: number, detailed: boolean): Promise<Observation> {
  const { host, kubepods } = parts;
  const [node, byPod, allPods] = await Promise.all([host.usage(), runningContainers(parts), detailed ? host.cgroups.usage(kubepods) : undefined]);
  const found = parts.pods().flatMap((pod) => {
    const containers = byPod.get(podUid(pod)) ?? [];
    return containers.length === 0 ? [] : [observePod(parts, pod, containers, detailed)];
  });
  return { atMs: Math.floor(nowMs), node, pods: await Promise.all(found), allPods };
}

type Running = Pick<ContainerObservation, "name" | "status" | "usage">;

async function runningContainers({ runtime }: StatsParts): Promise<ReadonlyMap<string, readonly Running[]>> {
  const [usages, statuses] = await Promise.all([runtime.usage(), runtime.listContainers()]);
  const byId = new Map(statuses.map((status) => [status.id, status]));
  const byPod = new Map<string, Running[]>();
  for (const usage of usages) {
    const status = byId.get(usage.id);
    if (status?.state !== "running") continue;
    const uid = status.labels[POD_UID_LABEL] ?? "";
    const own = byPod.get(uid) ?? [];
    own.push({ name: status.labels[CONTAINER_NAME_LABEL] ?? "", status, usage });
    byPod.set(uid, own);
  }
  return byPod;
}

async function observePod({ host, kubepods }: StatsParts, pod: Pod, running: readonly Running[], detailed: boolean): Promise<PodObservation> {
  const path = podCgroup(kubepods, pod);
  const hasOwnNetwork = pod.spec.hostNetwork !== true;
  const [group, interfaces, containers] = await Promise.all([
    host.cgroups.usage(path),
    detailed && hasOwnNetwork ? host.cgroups.interfaces(path) : [],
    Promise.all(
      running.map(async (container): Promise<ContainerObservation> => {
        const own = `${path}/${container.usage.id}`;
        return { ...container, path: own, group: detailed ? await host.cgroups.usage(own) : undefined };
      }),
    ),
  ]);
  const sum = (field: "cpuNanoseconds" | "memoryWorkingSetBytes"): number => containers.reduce((total, { usage }) => total + usage[field], 0);
  return {
    pod,
    path,
    containers: containers.sort((a, b) => (a.name < b.name ? -1 : 1)),
    // The pod's own group also counts what was used by containers that are gone.
    cpuNanoseconds: group?.cpuNanoseconds ?? sum("cpuNanoseconds"),
    memoryWorkingSetBytes: group?.memoryWorkingSetBytes ?? sum("memoryWorkingSetBytes"),
    group,
    interfaces,
  };
}
