// The container statuses that the API shows, from what the runtime tells, what was shown before, and why containers could
// not start (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states).
import type { Container, ContainerState, ContainerStateTerminated, ContainerStatus, Pod } from "../../api/index.ts";
import { formatTime, type Mutable, mutableCopy } from "../../base/index.ts";
import { shownMessage } from "../containers/termination-message.ts";
import { containersByName, shownResources } from "../resize/resize-pod.ts";
import { allContainers, initContainers, isSidecar } from "./pod-spec.ts";
import { shouldStart } from "./restart-policy.ts";
import { newestContainer, type RuntimeContainer, type RuntimePod } from "./runtime-pod.ts";

/** Why a container could not be started: the waiting state that users see. */
export interface StartFailure {
  readonly reason: string;
  readonly message: string;
}

export interface ContainerStatusesInput {
  readonly pod: Pod;
  /** The pod with the resources that it runs with. */
  readonly actuated: Pod;
  readonly runtimePod: RuntimePod;
  /** What was shown last. */
  readonly previous: readonly ContainerStatus[];
  readonly containers: readonly Container[];
  readonly isInit: boolean;
  /** All containers are being removed, to start anew. */
  readonly restartingAll: boolean;
  readonly startFailures: ReadonlyMap<string, StartFailure>;
}

type Draft = Mutable<ContainerStatus>;

/** 128 + SIGKILL: for containers whose real exit code nobody saw. */
const LOST_EXIT_CODE = 137;
const LOST_REASON = "ContainerStatusUnknown";
/** Why a container is gone that is started anew with all others. */
export const RESTARTING_ALL = "RestartingAllContainers";

/** In the order of the spec for init containers, by name for the others. `ready` and `started` are left to the probes. */
export function containerStatuses(input: ContainerStatusesInput): Draft[] {
  const drafts = input.containers.map((container) => containerStatus(input, container));
  const count = allContainers(input.pod).length;
  for (const { state, lastState } of drafts) {
    for (const ended of [state?.terminated, lastState?.terminated]) {
      if (ended?.message !== undefined) ended.message = shownMessage(ended.message, count);
    }
  }
  return input.isInit ? drafts : drafts.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function containerStatus(input: ContainerStatusesInput, container: Container): Draft {
  const { pod, runtimePod, startFailures } = input;
  const old = input.previous.find(({ name }) => name === container.name);
  const [newest, before] = runtimePod.containers.filter(({ name }) => name === container.name);
  const draft = newest === undefined ? statusWithoutContainer(input, container, old) : statusOf(input, container, newest, old);
  if (before !== undefined) {
    const state = stateOf(before, undefined);
    if (state.terminated !== undefined) draft.lastState = state;
  }
  if (input.isInit && initFinished(input, container, newest, draft)) return draft;
  const failure = startFailures.get(container.name);
  if (failure !== undefined && shouldStart(container, pod, newest)) {
    if (draft.state?.terminated !== undefined) draft.lastState = draft.state;
    draft.state = { waiting: { reason: failure.reason, ...(failure.message === "" ? {} : { message: failure.message }) } };
  }
  return draft;
}

/** The init container is through, whatever the last attempt to start something said. */
function initFinished(input: ContainerStatusesInput, container: Container, newest: RuntimeContainer | undefined, draft: Draft): boolean {
  if (newest?.state === "exited" && newest.exitCode === 0) return true;
  const created = input.pod.spec.containers.some(({ name }) => {
    const state = newestContainer(input.runtimePod, name)?.state;
    return state !== undefined && state !== "unknown";
  });
  if (newest !== undefined || !created || isSidecar(container) || draft.state?.waiting === undefined) return false;
  draft.state = {
    terminated: {
      exitCode: 0,
      reason: "Completed",
      message: "Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally",
    },
  };
  return true;
}

function statusWithoutContainer(input: ContainerStatusesInput, container: Container, old: ContainerStatus | undefined): Draft {
  if (input.restartingAll && old !== undefined && old.state?.waiting === undefined) return removedStatus(container, old);
  if (old?.state?.terminated !== undefined) return mutableCopy(old);
  const draft: Draft = {
    name: container.name,
    image: container.image ?? "",
    imageID: "",
    ready: false,
    restartCount: old?.restartCount ?? 0,
    state: { waiting: { reason: initContainers(input.pod).length > 0 ? "PodInitializing" : "ContainerCreating" } },
    ...(old?.lastState === undefined ? {} : { lastState: mutableCopy(old.lastState) }),
    ...volumeMountStatuses(container),
  };
  // It ran when last seen, and is gone: it ended, though nobody saw how.
  if (old?.state?.running !== undefined && draft.lastState?.terminated === undefined) {
    draft.lastState = {
      terminated: {
        exitCode: LOST_EXIT_CODE,
        reason: LOST_REASON,
        message: "The container could not be located when the pod was deleted.  The container used to be Running",
      },
    };
    if (input.pod.metadata.deletionTimestamp === undefined) draft.restartCount++;
  }
  return draft;
}

/** Removed by us, to be started anew. */
function removedStatus(container: Container, old: ContainerStatus): Draft {
  const why = { reason: RESTARTING_ALL, message: "The container is removed because RestartAllContainers in place" };
  return {
    ...{ name: container.name, image: container.image ?? "", imageID: "", ready: false, restartCount: old.restartCount + 1 },
    state: { waiting: why },
    lastState: { terminated: { ...why, exitCode: LOST_EXIT_CODE } },
    ...volumeMountStatuses(container),
  };
}

function volumeMountStatuses(container: Container): Pick<Draft, "volumeMounts"> {
  const mounts = container.volumeMounts ?? [];
  if (mounts.length === 0) return {};
  return {
    volumeMounts: mounts.map(({ name, mountPath, readOnly }) => ({
      name,
      mountPath,
      ...(readOnly === true ? { readOnly, recursiveReadOnly: "Disabled" } : {}),
    })),
  };
}

function statusOf({ pod, actuated }: ContainerStatusesInput, container: Container, seen: RuntimeContainer, old: ContainerStatus | undefined): Draft {
  const { resources } = container;
  const isResizable = containersByName(pod).has(container.name);
  const runsWith = seen.state === "running" ? containersByName(actuated).get(container.name)?.resources : resources;
  return {
    name: seen.name,
    image: seen.image,
    imageID: seen.imageRef,
    containerID: containerUrl(seen.id),
    ready: false,
    restartCount: Math.max(seen.restartCount, old?.restartCount ?? 0),
    state: stateOf(seen, old),
    ...lastStateOf(seen, old),
    ...(resources?.requests === undefined ? {} : { allocatedResources: mutableCopy(resources.requests) }),
    ...(isResizable ? { resources: mutableCopy(shownResources(resources, runsWith)) } : {}),
    ...volumeMountStatuses(container),
  };
}

/** Remembers the end of a container that was removed since. */
function lastStateOf(seen: RuntimeContainer, old: ContainerStatus | undefined): Pick<Draft, "lastState"> {
  if (old?.state?.terminated !== undefined && old.containerID !== containerUrl(seen.id))
    return { lastState: { terminated: mutableCopy(old.state.terminated) } };
  return old?.lastState?.terminated === undefined ? {} : { lastState: { terminated: mutableCopy(old.lastState.terminated) } };
}

function stateOf(seen: RuntimeContainer, old: ContainerStatus | undefined): Mutable<ContainerState> {
  if (seen.state === "running") return { running: { startedAt: formatTime(seen.startedAtMs) } };
  if (seen.state === "exited") return { terminated: terminatedState(seen) };
  if (seen.state === "unknown" && old?.state?.running !== undefined) {
    return {
      terminated: { exitCode: LOST_EXIT_CODE, reason: LOST_REASON, message: "The container could not be located when the pod was terminated" },
    };
  }
  return { waiting: {} };
}

function terminatedState(seen: RuntimeContainer): Mutable<ContainerStateTerminated> {
  const message = [seen.message, seen.terminationMessage].filter((text) => text !== "").join(": ");
  return {
    exitCode: seen.exitCode,
    ...(seen.reason === "" ? {} : { reason: seen.reason }),
    ...(message === "" ? {} : { message }),
    startedAt: formatTime(seen.startedAtMs),
    finishedAt: formatTime(seen.finishedAtMs),
    containerID: containerUrl(seen.id),
  };
}

/** Containers of every runtime are named so: clients split at `://`. */
export function containerUrl(id: string): string {
  return `containerd://${id}`;
}
export function containerIdOf(url: string): string {
  return url.slice(url.indexOf("://") + 3);
}
