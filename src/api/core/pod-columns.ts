// What `kubectl get pods` shows: STATUS sums up phase, reasons and container states the way Kubernetes does
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/): a pod that initializes shows `Init:…`, one container's
// trouble hides the phase, deletion hides all else.
import { parseTime } from "../../base/index.ts";
import { ageColumn, ageText, nameColumn } from "../columns.ts";
import type { ContainerStatus, Pod } from "../generated/types.ts";
import type { Column } from "../kind.ts";
import { nodeLostReason, podConditions } from "../well-known.ts";
import { isPodTerminal, isRestartableInit, podCondition } from "./pod-facts.ts";

export interface PodSummary {
  readonly ready: number;
  readonly total: number;
  readonly status: string;
  readonly restarts: number;
  /** Of the youngest container that ended and was started again. */
  readonly lastRestart: string | undefined;
}

/** Counts restarts, and remembers the last. */
class Restarts {
  count = 0;
  last: string | undefined;
  add(status: ContainerStatus): void {
    this.count += status.restartCount ?? 0;
    const ended = status.lastState?.terminated?.finishedAt;
    if ((parseTime(ended) ?? 0) > (parseTime(this.last) ?? 0)) this.last = ended;
  }
}

function exitText(terminated: { readonly reason?: string; readonly signal?: number; readonly exitCode: number }): string {
  if (terminated.reason !== undefined && terminated.reason !== "") return terminated.reason;
  return (terminated.signal ?? 0) !== 0 ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

interface Initialization {
  /** Why the pod is not initialized; undefined when it is. */
  readonly status: string | undefined;
  readonly restarts: Restarts;
  readonly sidecarRestarts: Restarts;
  readonly readySidecars: number;
}

function initialization(pod: Pod): Initialization {
  const sidecars = new Set((pod.spec.initContainers ?? []).filter(isRestartableInit).map(({ name }) => name));
  const restarts = new Restarts();
  const sidecarRestarts = new Restarts();
  let readySidecars = 0;
  for (const [position, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const isSidecar = sidecars.has(status.name);
    restarts.add(status);
    if (isSidecar) sidecarRestarts.add(status);
    const { terminated, waiting } = status.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (isSidecar && status.started === true) {
      if (status.ready) readySidecars++;
      continue;
    }
    const progress = `Init:${position}/${pod.spec.initContainers?.length ?? 0}`;
    const waits = waiting?.reason !== undefined && waiting.reason !== "" && waiting.reason !== "PodInitializing";
    const text = terminated !== undefined ? `Init:${exitText(terminated)}` : waits ? `Init:${waiting.reason}` : progress;
    return { status: text, restarts, sidecarRestarts, readySidecars };
  }
  return { status: undefined, restarts, sidecarRestarts, readySidecars };
}

interface MainContainers {
  /** The reason of the first container that has one. */
  readonly reason: string | undefined;
  readonly errorReason: string | undefined;
  readonly running: boolean;
  readonly ready: number;
}

function mainContainers(pod: Pod, restarts: Restarts): MainContainers {
  let reason: string | undefined;
  let errorReason: string | undefined;
  let ready = 0;
  for (const status of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    restarts.add(status);
    const { waiting, terminated, running } = status.state ?? {};
    if (waiting?.reason !== undefined && waiting.reason !== "") reason = waiting.reason;
    else if (terminated !== undefined) {
      reason = exitText(terminated);
      if (terminated.exitCode !== 0) errorReason = reason;
    } else if (status.ready && running !== undefined) ready++;
  }
  return { reason, errorReason, running: ready > 0, ready };
}

function completedStatus(pod: Pod, containers: MainContainers): string {
  if (containers.running && podCondition(pod, podConditions.ready)?.status === "True") return "Running";
  if (containers.errorReason !== undefined) return containers.errorReason;
  return containers.running ? "NotReady" : "Completed";
}

/** The pod in one line. */
export function podSummary(pod: Pod): PodSummary {
  const { status } = pod;
  const init = initialization(pod);
  let text = status?.reason !== undefined && status.reason !== "" ? status.reason : (status?.phase ?? "");
  if (podCondition(pod, podConditions.scheduled)?.reason === "SchedulingGated") text = "SchedulingGated";
  let { restarts } = init;
  let ready = init.readySidecars;
  if (init.status !== undefined) text = init.status;
  if (init.status === undefined || podCondition(pod, podConditions.initialized)?.status === "True") {
    restarts = init.sidecarRestarts;
    const containers = mainContainers(pod, restarts);
    ready += containers.ready;
    text = containers.reason ?? text;
    if (text === "Completed") text = completedStatus(pod, containers);
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status?.reason === nodeLostReason) text = "Unknown";
    else if (!isPodTerminal(pod)) text = "Terminating";
  }
  const total = pod.spec.containers.length + (pod.spec.initContainers ?? []).filter(isRestartableInit).length;
  return { ready, total, status: text, restarts: restarts.count, lastRestart: restarts.last };
}

function restartsCell(pod: Pod, now: number): string {
  const { restarts, lastRestart } = podSummary(pod);
  return restarts === 0 || lastRestart === undefined ? String(restarts) : `${restarts} (${ageText(lastRestart, now)} ago)`;
}

function readinessGatesCell(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const open = gates.filter(({ conditionType }) => podCondition(pod, conditionType)?.status === "True");
  return `${open.length}/${gates.length}`;
}

function orNone(text: string | undefined): string {
  return text === undefined || text === "" ? "<none>" : text;
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn(),
  {
    name: "Ready",
    type: "string",
    description: "How many containers are ready, of how many that should be.",
    value: (pod) => {
      const { ready, total } = podSummary(pod);
      return `${ready}/${total}`;
    },
  },
  { name: "Status", type: "string", description: "What the pod's containers do, in one word.", value: (pod) => podSummary(pod).status },
  { name: "Restarts", type: "string", description: "How often containers were started again, and when last.", value: restartsCell },
  ageColumn(),
  { name: "IP", type: "string", priority: 1, description: "The pod's address.", value: (pod) => orNone(pod.status?.podIPs?.[0]?.ip) },
  { name: "Node", type: "string", priority: 1, description: "The node the pod is bound to.", value: (pod) => orNone(pod.spec.nodeName) },
  {
    name: "Nominated Node",
    type: "string",
    priority: 1,
    description: "The node on which room is being made for the pod.",
    value: (pod) => orNone(pod.status?.nominatedNodeName),
  },
  { name: "Readiness Gates", type: "string", priority: 1, description: "How many readiness gates are open, of how many.", value: readinessGatesCell },
];
