// How much of the node a pod takes, measured when it matters: under pressure, and for pods that have a limit on local storage.
import type { Pod } from "../../api/index.ts";
import { CONTAINER_NAME_LABEL, POD_UID_LABEL } from "../containers/labels.ts";
import { podCgroup } from "../containers/resources.ts";
import type { DiskUsage, KubeletHost } from "../host.ts";
import { allContainers, podUid } from "../pods/pod-spec.ts";
import { podLogDirectory } from "../pods/sandbox-config.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import { emptyDirPath } from "../volumes/empty-dir.ts";
import type { PodUsage } from "./ranking.ts";

/** What of a pod's disk counts: containers' own layers lie with the images, logs and volumes with the kubelet. */
export interface CountedDisk {
  readonly layers: boolean;
  readonly logsAndVolumes: boolean;
}

export interface UsageParts {
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly kubepods: string;
}

/** A pod's disk in detail. */
export interface PodDisk {
  /** Layer and logs of each container. */
  readonly containers: ReadonlyMap<string, DiskUsage>;
  /** On disk, by name. */
  readonly emptyDirs: ReadonlyMap<string, DiskUsage>;
}

const NOTHING: DiskUsage = { bytes: 0, inodes: 0 };

/** Measures one pod after the other: this is not to be hurried while the node is in need. */
export async function measurePods(parts: UsageParts, pods: readonly Pod[], counted: CountedDisk): Promise<ReadonlyMap<string, PodUsage>> {
  const containers = await containerUsages(parts.runtime);
  const usages = new Map<string, PodUsage>();
  for (const pod of pods) {
    const uid = podUid(pod);
    const group = await parts.host.cgroups.usage(podCgroup(parts.kubepods, pod));
    const disk = await measureDisk(parts.host, pod, containers.get(uid), counted);
    const all = [...disk.containers.values(), ...disk.emptyDirs.values()];
    usages.set(uid, {
      memoryBytes: group?.memoryWorkingSetBytes ?? 0,
      processes: group?.processes ?? 0,
      diskBytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
      inodes: all.reduce((sum, { inodes }) => sum + inodes, 0),
      containers: new Map(
        [...disk.containers].map(([name, { bytes }]) => [name, { diskBytes: bytes, memoryBytes: containers.get(uid)?.get(name)?.memoryBytes ?? 0 }]),
      ),
    });
  }
  return usages;
}

export async function measureDisks(parts: UsageParts, pods: readonly Pod[], counted: CountedDisk): Promise<ReadonlyMap<string, PodDisk>> {
  const containers = counted.layers ? await containerUsages(parts.runtime) : new Map<string, ContainerUsages>();
  const disks = new Map<string, PodDisk>();
  for (const pod of pods) disks.set(podUid(pod), await measureDisk(parts.host, pod, containers.get(podUid(pod)), counted));
  return disks;
}

async function measureDisk(host: KubeletHost, pod: Pod, usages: ContainerUsages | undefined, { layers, logsAndVolumes }: CountedDisk): Promise<PodDisk> {
  const containers = new Map<string, DiskUsage>();
  for (const { name } of allContainers(pod)) {
    const logs = logsAndVolumes ? await host.diskUsage(`${podLogDirectory(host.podLogsDirectory, pod)}/${name}`) : NOTHING;
    const layer = layers ? (usages?.get(name)?.layerBytes ?? 0) : 0;
    containers.set(name, { bytes: logs.bytes + layer, inodes: logs.inodes });
  }
  const emptyDirs = new Map<string, DiskUsage>();
  for (const { name, emptyDir } of logsAndVolumes ? (pod.spec.volumes ?? []) : []) {
    if (emptyDir !== undefined && (emptyDir.medium ?? "") === "") emptyDirs.set(name, await host.diskUsage(emptyDirPath(host, podUid(pod), name)));
  }
  return { containers, emptyDirs };
}

type ContainerUsages = ReadonlyMap<string, { readonly memoryBytes: number; readonly layerBytes: number }>;

/** By pod and container name. */
async function containerUsages(runtime: ContainerRuntime): Promise<ReadonlyMap<string, ContainerUsages>> {
  const [usages, containers] = await Promise.all([runtime.usage(), runtime.listContainers()]);
  const statuses = new Map(containers.map((container) => [container.id, container]));
  const byPod = new Map<string, Map<string, { memoryBytes: number; layerBytes: number }>>();
  for (const { id, memoryWorkingSetBytes, filesystemBytes } of usages) {
    const labels = statuses.get(id)?.labels ?? {};
    const [uid, name] = [labels[POD_UID_LABEL] ?? "", labels[CONTAINER_NAME_LABEL] ?? ""];
    const own = byPod.get(uid) ?? new Map();
    byPod.set(uid, own.set(name, { memoryBytes: memoryWorkingSetBytes, layerBytes: filesystemBytes }));
  }
  return byPod;
}
