// What a former kubelet left of pods that are no longer bound to this node: ended as gently as the marks on the containers say,
// then removed.
import type { Logger } from "../../base/index.ts";
import { removeOrphanedLogs } from "../containers/container-garbage.ts";
import { POD_UID_LABEL, readContainerAnnotations } from "../containers/labels.ts";
import type { KubeletHost } from "../host.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import type { VolumeManager } from "../volumes/volume-manager.ts";

const DEFAULT_GRACE_SECONDS = 30;
const QOS_GROUPS = ["", "/burstable", "/besteffort"] as const;

export interface OrphanParts {
  readonly runtime: ContainerRuntime;
  readonly host: KubeletHost;
  readonly volumes: VolumeManager;
  readonly kubepods: string;
  readonly log: Logger;
}

/** `isKnown` tells which pods are looked after by a worker. */
export async function removeOrphans({ runtime, host, volumes, kubepods, log }: OrphanParts, isKnown: (uid: string) => boolean): Promise<void> {
  const [sandboxes, containers] = await Promise.all([runtime.listPodSandboxes(), runtime.listContainers()]);
  const uids = new Set<string>();
  for (const { labels } of [...sandboxes, ...containers]) {
    const uid = labels[POD_UID_LABEL];
    if (uid !== undefined && !isKnown(uid)) uids.add(uid);
  }
  await Promise.all(
    [...uids].map(async (uid) => {
      log.info("removing a pod that is not this node's any more", { uid });
      const own = containers.filter(({ labels }) => labels[POD_UID_LABEL] === uid);
      await Promise.all(
        own.map(({ id, annotations }) =>
          runtime.stopContainer(id, readContainerAnnotations(annotations).terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS),
        ),
      );
      for (const { id } of own) await runtime.removeContainer(id);
      for (const { id, labels } of sandboxes) {
        if (labels[POD_UID_LABEL] !== uid) continue;
        await runtime.stopPodSandbox(id);
        await runtime.removePodSandbox(id);
      }
    }),
  );
  for (const uid of await volumes.podsOnDisk()) {
    if (isKnown(uid)) continue;
    await volumes.tearDown(uid);
    await volumes.removePod(uid);
  }
  await removeOrphanedLogs(host, isKnown);
  for (const group of QOS_GROUPS) {
    for (const name of await host.cgroups.list(`${kubepods}${group}`)) {
      if (name.startsWith("pod") && !isKnown(name.slice(3))) await host.cgroups.remove(`${kubepods}${group}/${name}`);
    }
  }
}
