// What has to happen so that the runtime matches the pod: a pure function of the spec, what runs, and what the probes say.
// The order of containers and the meaning of sidecars follow
// https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#detailed-behavior.
import type { Container, Pod } from "../../api/index.ts";
import { containerHash } from "../containers/labels.ts";
import { changedResources, resizeRestarts } from "../resize/allocation.ts";
import { type ContainerResize, containersByName } from "../resize/resize-pod.ts";
import { ephemeralContainers, initContainers, isHostNetwork, isSidecar } from "./pod-spec.ts";
import { restartsAfter, restartsAll, restartsWhenKilled, shouldStart } from "./restart-policy.ts";
import { newestContainer, type RuntimeContainer, type RuntimePod } from "./runtime-pod.ts";

export type ProbeVerdict = "success" | "failure" | "unknown";

/** The newest verdicts about a container; undefined: that probe has not run or does not exist. */
export interface ProbeView {
  liveness(containerId: string): ProbeVerdict | undefined;
  startup(containerId: string): ProbeVerdict | undefined;
}

export type KillReason = "unknown" | "startupProbe" | "livenessProbe" | "failedPostStartHook";

export interface ContainerKill {
  readonly id: string;
  readonly container: Container;
  readonly message: string;
  readonly reason: KillReason;
}

export interface PodActions {
  /** Kill everything that runs, the sandbox too. */
  readonly killPod: boolean;
  readonly createSandbox: boolean;
  /** The sandbox to use, or the one that is replaced; undefined: there is none. */
  readonly sandboxId: string | undefined;
  readonly attempt: number;
  readonly ephemeralToStart: readonly Container[];
  /** In the order in which they start. */
  readonly initToStart: readonly Container[];
  readonly toStart: readonly Container[];
  readonly toKill: readonly ContainerKill[];
  readonly toResize: readonly ContainerResize[];
  /** Every container that there is, in the order in which they are removed for a new start of all. */
  readonly toReset: readonly ContainerReset[];
}

export interface ContainerReset {
  readonly id: string;
  readonly container: Container;
  readonly isRunning: boolean;
}

interface Draft {
  killPod: boolean;
  createSandbox: boolean;
  readonly sandboxId: string | undefined;
  readonly attempt: number;
  readonly ephemeralToStart: Container[];
  initToStart: Container[];
  toStart: Container[];
  readonly toKill: ContainerKill[];
  readonly toResize: ContainerResize[];
  toReset: readonly ContainerReset[];
  /** With the resources that they run with. */
  readonly actuated: ReadonlyMap<string, Container>;
}

export interface PlanOptions {
  /** The pod with the resources that it runs with; by default what is granted to it. */
  readonly actuated?: Pod;
  /** All containers are to start anew. */
  readonly restartAll?: boolean;
}

/** `pod` with the resources that are granted to it. */
export function planPodActions(pod: Pod, runtimePod: RuntimePod, probes: ProbeView, { actuated = pod, restartAll = false }: PlanOptions = {}): PodActions {
  const sandbox = sandboxChange(pod, runtimePod);
  const draft: Draft = {
    killPod: sandbox.changed,
    createSandbox: sandbox.changed,
    sandboxId: sandbox.id,
    attempt: sandbox.attempt,
    ephemeralToStart: [],
    initToStart: [],
    toStart: [],
    toKill: [],
    toResize: [],
    toReset: [],
    actuated: containersByName(actuated),
  };
  if (restartAll) {
    draft.killPod = false;
    draft.createSandbox = false;
    draft.toReset = planReset(pod, runtimePod);
  } else if (sandbox.changed) planNewSandbox(draft, pod, runtimePod);
  else {
    // Ephemeral containers start whatever the others do, and never again.
    draft.ephemeralToStart.push(...ephemeralContainers(pod).filter(({ name }) => newestContainer(runtimePod, name) === undefined));
    const initialized = planInitContainers(draft, pod, runtimePod, probes);
    if (initialized && !draft.killPod) planContainers(draft, pod, runtimePod, probes);
  }
  return draft;
}

/** Regular containers before init containers, and those whose end started it all last. */
function planReset(pod: Pod, runtimePod: RuntimePod): ContainerReset[] {
  const found = [...pod.spec.containers, ...initContainers(pod)].flatMap((container) =>
    runtimePod.containers
      .filter(({ name }) => name === container.name)
      .map(({ id, state, exitCode }) => ({ id, container, isRunning: state !== "exited", isSource: state === "exited" && restartsAll(container, exitCode) })),
  );
  return [...found.filter(({ isSource }) => !isSource), ...found.filter(({ isSource }) => isSource)];
}

/** Whether the pod needs a (new) sandbox, and which attempt that is. */
export function sandboxChange(pod: Pod, runtimePod: RuntimePod): { changed: boolean; attempt: number; id: string | undefined } {
  const [newest] = runtimePod.sandboxes;
  if (newest === undefined) return { changed: true, attempt: 0, id: undefined };
  const next = { changed: true, attempt: newest.metadata.attempt + 1, id: newest.id };
  const readyCount = runtimePod.sandboxes.filter(({ state }) => state === "ready").length;
  if (readyCount > 1 || newest.state !== "ready") return next;
  if (!isHostNetwork(pod) && runtimePod.ips.length === 0) return { ...next, attempt: newest.metadata.attempt + 1 };
  return { changed: false, attempt: newest.metadata.attempt, id: newest.id };
}

function planNewSandbox(draft: Draft, pod: Pod, runtimePod: RuntimePod): void {
  // A pod that ran to its end is not run a second time because its sandbox is gone.
  if (pod.spec.restartPolicy === "Never" && draft.attempt !== 0 && runtimePod.containers.length > 0) {
    draft.createSandbox = false;
    return;
  }
  const toStart = pod.spec.containers.filter((container) => {
    const policy = container.restartPolicy ?? pod.spec.restartPolicy;
    const newest = newestContainer(runtimePod, container.name);
    return !(policy === "OnFailure" && newest?.state === "exited" && newest.exitCode === 0);
  });
  if (toStart.length === 0 && anyContainerCreated(pod, runtimePod)) {
    draft.createSandbox = false;
    return;
  }
  const [firstInit] = initContainers(pod);
  if (firstInit !== undefined) draft.initToStart = [firstInit];
  else draft.toStart = toStart;
}

function anyContainerCreated(pod: Pod, runtimePod: RuntimePod): boolean {
  return pod.spec.containers.some(({ name }) => {
    const state = newestContainer(runtimePod, name)?.state;
    return state !== undefined && state !== "unknown";
  });
}

/**
 * Tells whether initialization is complete. From the last init container back: the last one that left a trace tells how far
 * the pod got (earlier ones may have been removed); before it only sidecars are kept running.
 */
function planInitContainers(draft: Draft, pod: Pod, runtimePod: RuntimePod, probes: ProbeView): boolean {
  const containers = initContainers(pod);
  if (containers.length === 0) return true;
  const started = pod.spec.containers.some(({ name }) => {
    const state = newestContainer(runtimePod, name)?.state;
    return state === "created" || state === "running";
  });
  let initialized = started;
  let laterOneSeen = started;
  const toStart: Container[] = [];
  for (let index = containers.length - 1; index >= 0; index--) {
    const container = containers[index];
    if (container === undefined) continue;
    const status = newestContainer(runtimePod, container.name);
    if (status === undefined) {
      if (laterOneSeen && isSidecar(container)) toStart.push(container);
      continue;
    }
    if (laterOneSeen && !isSidecar(container)) continue;
    const step = isSidecar(container) ? planSidecar(draft, pod, container, status, probes) : planInitContainer(draft, pod, container, status);
    if (step.failed) {
      draft.killPod = true;
      draft.initToStart = [];
      return false;
    }
    if (step.done && index === containers.length - 1) initialized = true;
    else if (step.done && !laterOneSeen) toStart.push(...containers.slice(index + 1, index + 2));
    if (step.restart) toStart.push(container);
    laterOneSeen = true;
  }
  if (!laterOneSeen) toStart.push(...containers.slice(0, 1));
  draft.initToStart = toStart.reverse();
  return initialized;
}

interface InitStep {
  /** It has done what the next one waits for. */
  readonly done?: boolean;
  readonly restart?: boolean;
  /** The pod can't be initialized any more. */
  readonly failed?: boolean;
}

function planInitContainer(draft: Draft, pod: Pod, container: Container, status: RuntimeContainer): InitStep {
  switch (status.state) {
    case "running":
      return {};
    // The runtime made but did not start it: again.
    case "created":
      return { restart: true };
    case "exited":
      if (status.exitCode === 0) return { done: true };
      return restartsAfter(container, pod, status.exitCode) ? { restart: true } : { failed: true };
    default:
      if (!restartsWhenKilled(container, pod)) return { failed: true };
      draft.toKill.push(kill(status, container, `Init container is in "${status.state}" state, try killing it before restart`));
      return { restart: true };
  }
}

function planSidecar(draft: Draft, _pod: Pod, container: Container, status: RuntimeContainer, probes: ProbeView): InitStep {
  if (status.state === "created" || status.state === "exited") return { restart: true };
  if (status.state !== "running") {
    draft.toKill.push(kill(status, container, `Init container is in "${status.state}" state, try killing it before restart`));
    return { restart: true };
  }
  if (container.startupProbe !== undefined) {
    const startup = probes.startup(status.id);
    if (startup === "failure") {
      draft.toKill.push(kill(status, container, `Init container ${container.name} failed startup probe`, "startupProbe"));
      return { restart: true };
    }
    if (startup !== "success") return {};
  }
  if (status.hash !== containerHash(container)) {
    draft.toKill.push(kill(status, container, `Init container ${container.name} definition changed`));
    return { done: true, restart: true };
  }
  if (container.livenessProbe !== undefined && probes.liveness(status.id) === "failure") {
    draft.toKill.push(kill(status, container, `Init container ${container.name} failed liveness probe`, "livenessProbe"));
    return { done: true, restart: true };
  }
  return resizes(draft, container, status) === "restart" ? { done: true, restart: true } : { done: true };
}

/** Whether the container has to be replaced to have what is granted to it; plans the change otherwise. */
function resizes(draft: Draft, container: Container, status: RuntimeContainer): "restart" | "keep" {
  const from = draft.actuated.get(container.name)?.resources ?? {};
  const changed = changedResources(container.resources, from);
  if (changed.length === 0) return "keep";
  if (resizeRestarts(container, changed)) {
    draft.toKill.push(kill(status, container, `Container ${container.name} resize requires restart`));
    return "restart";
  }
  draft.toResize.push({ id: status.id, container, from });
  return "keep";
}

function planContainers(draft: Draft, pod: Pod, runtimePod: RuntimePod, probes: ProbeView): void {
  let kept = 0;
  for (const container of pod.spec.containers) {
    const status = newestContainer(runtimePod, container.name);
    if (status?.state !== "running") {
      if (!shouldStart(container, pod, status)) continue;
      draft.toStart.push(container);
      if (status?.state === "unknown") draft.toKill.push(kill(status, container, `Container is in "unknown" state, try killing it before restart`));
      continue;
    }
    const unwanted = whyUnwanted(container, status, probes);
    if (unwanted === undefined) {
      if (resizes(draft, container, status) === "restart") draft.toStart.push(container);
      else kept++;
      continue;
    }
    const restart = unwanted.always || restartsWhenKilled(container, pod);
    if (restart) draft.toStart.push(container);
    draft.toKill.push(kill(status, container, restart ? `${unwanted.message}, will be restarted` : unwanted.message, unwanted.reason));
  }
  if (kept === 0 && draft.toStart.length === 0) {
    draft.killPod = true;
    // Sidecars must not keep a finished pod alive.
    draft.initToStart = [];
  }
}

function whyUnwanted(container: Container, status: RuntimeContainer, probes: ProbeView): { message: string; reason: KillReason; always: boolean } | undefined {
  if (status.hash !== containerHash(container)) return { message: `Container ${container.name} definition changed`, reason: "unknown", always: true };
  if (probes.liveness(status.id) === "failure") return { message: `Container ${container.name} failed liveness probe`, reason: "livenessProbe", always: false };
  if (probes.startup(status.id) === "failure") return { message: `Container ${container.name} failed startup probe`, reason: "startupProbe", always: false };
  return undefined;
}

function kill(status: RuntimeContainer, container: Container, message: string, reason: KillReason = "unknown"): ContainerKill {
  return { id: status.id, container, message, reason };
}
