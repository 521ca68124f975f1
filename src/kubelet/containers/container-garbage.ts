// Removes what ended pods and containers left in the runtime and in the log folder
// (https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-garbage-collection).
//
// Invariants: of each container of a pod that may run again the newest dead one is kept, for its log and its end can still be asked
// for; nothing that runs is touched.
import type { Logger } from "../../base/index.ts";
import type { KubeletHost } from "../host.ts";
import type { ContainerRuntime, ContainerStatus, PodSandbox } from "../runtime/runtime.ts";
import { CONTAINER_NAME_LABEL, POD_UID_LABEL } from "./labels.ts";

/** `ended`: no container of it will run again. `unknown`: not a pod of this node any more. */
export type PodStanding = "active" | "ended" | "unknown";

export interface ContainerGarbageParts {
  readonly runtime: ContainerRuntime;
  readonly host: KubeletHost;
  readonly log: Logger;
  readonly standing: (podUid: string) => PodStanding;
}

export interface GarbagePlan {
  readonly containers: readonly string[];
  readonly sandboxes: readonly string[];
}

/** With `everything` the containers of ended pods go too. Pure. */
export function planGarbage(
  containers: readonly ContainerStatus[],
  sandboxes: readonly PodSandbox[],
  standing: (podUid: string) => PodStanding,
  everything: boolean,
): GarbagePlan {
  const gone = (uid: string): boolean => standing(uid) === "unknown" || (everything && standing(uid) === "ended");
  const newest = new Set<string>();
  const dead: string[] = [];
  for (const { id, state, labels } of [...containers].sort((a, b) => b.createdAtMs - a.createdAtMs)) {
    const uid = labels[POD_UID_LABEL] ?? "";
    const key = `${uid}/${labels[CONTAINER_NAME_LABEL] ?? ""}`;
    const isNewest = !newest.has(key);
    newest.add(key);
    if (state === "exited" && (gone(uid) || !isNewest)) dead.push(id);
  }
  const removed = new Set(dead);
  const inUse = new Set(containers.filter(({ id }) => !removed.has(id)).map(({ sandboxId }) => sandboxId));
  const newestSandbox = new Set<string>();
  const empty: string[] = [];
  for (const { id, state, labels } of [...sandboxes].sort((a, b) => b.createdAtMs - a.createdAtMs)) {
    const uid = labels[POD_UID_LABEL] ?? "";
    const isNewest = !newestSandbox.has(uid);
    newestSandbox.add(uid);
    if (state === "notReady" && !inUse.has(id) && (gone(uid) || !isNewest)) empty.push(id);
  }
  return { containers: dead, sandboxes: empty };
}

export async function collectGarbage({ runtime, host, log, standing }: ContainerGarbageParts, everything: boolean): Promise<void> {
  const [containers, sandboxes] = await Promise.all([runtime.listContainers(), runtime.listPodSandboxes()]);
  const plan = planGarbage(containers, sandboxes, standing, everything);
  const attempt = (what: string, id: string, work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) => log.warn(`cannot remove a dead ${what}`, { id, error }));
  for (const id of plan.containers) {
    await attempt("container", id, runtime.removeContainer(id));
    const { logPath = "" } = containers.find((container) => container.id === id) ?? {};
    if (logPath !== "") await attempt("container's log", id, host.files.remove(logPath));
  }
  for (const id of plan.sandboxes) await attempt("sandbox", id, runtime.removePodSandbox(id));
}

/** Log folders of pods that are not known any more. Their names are `namespace_name_uid`. */
export async function removeOrphanedLogs(host: KubeletHost, isKnown: (podUid: string) => boolean): Promise<void> {
  for (const name of await host.files.list(host.podLogsDirectory)) {
    const uid = /^[^_]+_[^_]+_([^_]+)$/.exec(name)?.[1];
    if (uid !== undefined && !isKnown(uid)) await host.files.remove(`${host.podLogsDirectory}/${name}`);
  }
}
