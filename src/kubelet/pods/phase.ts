// The phase of a pod: a summary of its containers' states
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase).
import type { Container, ContainerStateTerminated, ContainerStatus, Pod } from "../../api/index.ts";
import { RESTARTING_ALL } from "./container-statuses.ts";
import { initContainers, isSidecar } from "./pod-spec.ts";
import { restartsAfter } from "./restart-policy.ts";

export interface PhaseInput {
  readonly pod: Pod;
  /** Of init and regular containers. */
  readonly statuses: readonly ContainerStatus[];
  /** Nothing is restarted any more: the pod is being ended. */
  readonly terminal: boolean;
  /** A regular container runs or ran in the present sandbox. */
  readonly initialized: boolean;
}

interface Tally {
  waiting: number;
  running: number;
  unknown: number;
  stopped: number;
  stoppedForGood: number;
  succeeded: number;
  pendingInit: number;
  pendingSidecars: number;
  failedInit: number;
}

export function podPhase({ pod, statuses, terminal, initialized }: PhaseInput): "Pending" | "Running" | "Succeeded" | "Failed" {
  const tally: Tally = { waiting: 0, running: 0, unknown: 0, stopped: 0, stoppedForGood: 0, succeeded: 0, pendingInit: 0, pendingSidecars: 0, failedInit: 0 };
  const statusOf = new Map(statuses.map((status) => [status.name, status]));
  for (const container of initContainers(pod)) {
    const status = statusOf.get(container.name);
    if (isSidecar(container)) countSidecar(tally, status);
    else countInit(tally, pod, container, status);
  }
  for (const container of pod.spec.containers) countRegular(tally, pod, container, statusOf.get(container.name));

  if (tally.failedInit > 0) return "Failed";
  if (tally.pendingInit > 0 || (tally.pendingSidecars > 0 && !initialized) || tally.waiting > 0) return "Pending";
  if (tally.unknown > 0) return "Pending";
  if (tally.running > 0) return "Running";
  if (tally.stopped === 0) return "Pending";
  if (!terminal && tally.stopped !== tally.stoppedForGood) return "Running";
  return tally.stopped === tally.succeeded ? "Succeeded" : "Failed";
}

function countInit(tally: Tally, pod: Pod, container: Container, status: ContainerStatus | undefined): void {
  const ended = status?.state?.terminated ?? (status?.state?.waiting === undefined ? undefined : status.lastState?.terminated);
  if (ended === undefined) tally.pendingInit++;
  else if (ended.exitCode !== 0 && !comesBack(container, pod, ended)) tally.failedInit++;
  // A failed one that is tried again shows as waiting or terminated; the containers after it wait, so the pod is pending.
}

function countSidecar(tally: Tally, status: ContainerStatus | undefined): void {
  if (status === undefined) tally.unknown++;
  else if (status.state?.running !== undefined) {
    if (status.started !== true) tally.pendingSidecars++;
    tally.running++;
  } else if (status.state?.waiting !== undefined && status.lastState?.terminated === undefined) {
    tally.pendingSidecars++;
    tally.waiting++;
  } else if (status.state?.waiting === undefined && status.state?.terminated === undefined) {
    tally.pendingSidecars++;
    tally.unknown++;
  }
}

function countRegular(tally: Tally, pod: Pod, container: Container, status: ContainerStatus | undefined): void {
  const { running, terminated, waiting } = status?.state ?? {};
  if (running !== undefined) tally.running++;
  else if (terminated !== undefined) {
    countStopped(tally, pod, container, terminated);
    if (terminated.exitCode === 0) tally.succeeded++;
  } else if (waiting === undefined) tally.unknown++;
  else if (status?.lastState?.terminated === undefined) tally.waiting++;
  else countStopped(tally, pod, container, status.lastState.terminated);
}

function countStopped(tally: Tally, pod: Pod, container: Container, ended: ContainerStateTerminated): void {
  tally.stopped++;
  if (!comesBack(container, pod, ended)) tally.stoppedForGood++;
}

function comesBack(container: Container, pod: Pod, { exitCode, reason }: ContainerStateTerminated): boolean {
  return reason === RESTARTING_ALL || restartsAfter(container, pod, exitCode);
}
