// The pod conditions that the kubelet owns, with the reasons and messages that clients know
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions).
import type { Container, ContainerStatus, Pod, PodCondition } from "../../api/index.ts";
import { formatTime } from "../../base/index.ts";
import type { ResizeState } from "../resize/pod-allocations.ts";
import { initContainers, isSidecar } from "./pod-spec.ts";

/** Conditions of these types are the kubelet's; it keeps all others as they are. */
export const KUBELET_CONDITIONS: readonly string[] = [
  "PodScheduled",
  "Ready",
  "Initialized",
  "ContainersReady",
  "PodReadyToStartContainers",
  "PodResizePending",
  "PodResizeInProgress",
  "AllContainersRestarting",
];

export interface ConditionsInput {
  readonly pod: Pod;
  readonly phase: string;
  /** Of init and regular containers. */
  readonly statuses: readonly ContainerStatus[];
  /** A sandbox with a network is there. */
  readonly sandboxReady: boolean;
  /** As shown before, for transition times. */
  readonly previous: readonly PodCondition[];
  /** Not the kubelet's own: readiness gates, disruption. */
  readonly foreign: readonly PodCondition[];
  readonly resize: ResizeState;
  /** Undefined: no container of the pod asks for such a thing. */
  readonly restartingAll: boolean | undefined;
  readonly nowMs: number;
}

interface Verdict {
  readonly status: "True" | "False";
  readonly reason?: string;
  readonly message?: string;
  /** Of the spec that is spoken of; by default the newest. */
  readonly generation?: number;
}

const YES: Verdict = { status: "True" };

export function podConditions(input: ConditionsInput): PodCondition[] {
  const containersReady = containersReadyVerdict(input);
  return [
    ...input.foreign,
    ...resizeConditions(input),
    condition(input, "PodReadyToStartContainers", input.sandboxReady ? YES : { status: "False" }),
    condition(input, "Initialized", initializedVerdict(input)),
    condition(input, "Ready", readyVerdict(input, containersReady)),
    condition(input, "ContainersReady", containersReady),
    condition(input, "PodScheduled", YES),
    ...restartingCondition(input),
  ];
}

function restartingCondition(input: ConditionsInput): PodCondition[] {
  if (input.restartingAll === undefined) return [];
  const ended: Verdict | undefined =
    input.phase === "Succeeded" ? { status: "False", reason: "PodCompleted" } : input.phase === "Failed" ? { status: "False", reason: "PodFailed" } : undefined;
  const begun: Verdict = { status: "True", reason: "RestartAllContainersStarted", message: "container exited with restart policy rule" };
  return [condition(input, "AllContainersRestarting", ended ?? (input.restartingAll ? begun : { status: "False" }))];
}

/** The condition, dated: the transition time moves only with the status. */
export function condition(input: Pick<ConditionsInput, "pod" | "previous" | "nowMs">, type: string, verdict: Verdict): PodCondition {
  const old = input.previous.find((candidate) => candidate.type === type);
  const generation = verdict.generation ?? input.pod.metadata.generation;
  return {
    type,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    status: verdict.status,
    lastTransitionTime: old?.status === verdict.status && old.lastTransitionTime ? old.lastTransitionTime : formatTime(input.nowMs),
    ...(verdict.reason === undefined ? {} : { reason: verdict.reason }),
    ...(verdict.message === undefined ? {} : { message: verdict.message }),
  };
}

function resizeConditions(input: ConditionsInput): PodCondition[] {
  const { pending, inProgress } = input.resize;
  const failure = inProgress === undefined || inProgress.message === "" ? {} : { reason: "Error", message: inProgress.message };
  return [
    ...(pending === undefined ? [] : [condition(input, "PodResizePending", { status: "True", ...pending })]),
    ...(inProgress === undefined ? [] : [condition(input, "PodResizeInProgress", { status: "True", generation: inProgress.generation, ...failure })]),
  ];
}

function containersReadyVerdict({ pod, phase, statuses }: ConditionsInput): Verdict {
  if (statuses.length === 0) return { status: "False", reason: "UnknownContainerStatuses" };
  const judged = [...initContainers(pod).filter(isSidecar), ...pod.spec.containers];
  const { unknown, failing } = sortOut(judged, statuses, (status) => status.ready);
  if (phase === "Succeeded" && unknown.length === 0) return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  const message = describe(unknown, failing, "unready");
  return message === "" ? YES : { status: "False", reason: "ContainersNotReady", message };
}

function readyVerdict({ pod, foreign }: ConditionsInput, containersReady: Verdict): Verdict {
  if (containersReady.status !== "True") return containersReady;
  const messages = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = foreign.find(({ type }) => type === conditionType);
    if (gate === undefined) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    return gate.status === "True" ? [] : [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`];
  });
  return messages.length === 0 ? YES : { status: "False", reason: "ReadinessGatesNotReady", message: messages.join(", ") };
}

function initializedVerdict({ pod, phase, statuses, previous }: ConditionsInput): Verdict {
  const containers = initContainers(pod);
  if (statuses.length === 0 && containers.length > 0) return { status: "False", reason: "UnknownContainerStatuses" };
  const { unknown, failing } = sortOut(containers, statuses, (status, container) => (isSidecar(container) ? status.started === true : status.ready));
  if (phase === "Succeeded" && unknown.length === 0) return { status: "True", reason: "PodCompleted" };
  if (pod.spec.containers.some(({ name }) => hasRun(statuses.find((status) => status.name === name)))) return YES;
  const message = describe(unknown, failing, "incomplete");
  if (message === "" || previous.some(({ type, status }) => type === "Initialized" && status === "True")) return YES;
  return { status: "False", reason: "ContainersNotInitialized", message };
}

/** Running, ended, or waiting to run again. */
function hasRun(status: ContainerStatus | undefined): boolean {
  return status?.state?.running !== undefined || status?.state?.terminated !== undefined || status?.lastState?.terminated !== undefined;
}

function sortOut(
  containers: readonly Container[],
  statuses: readonly ContainerStatus[],
  fine: (status: ContainerStatus, container: Container) => boolean,
): { unknown: string[]; failing: string[] } {
  const unknown: string[] = [];
  const failing: string[] = [];
  for (const container of containers) {
    const status = statuses.find(({ name }) => name === container.name);
    if (status === undefined) unknown.push(container.name);
    else if (!fine(status, container)) failing.push(container.name);
  }
  return { unknown, failing };
}

function describe(unknown: readonly string[], failing: readonly string[], word: string): string {
  const parts: string[] = [];
  if (unknown.length > 0) parts.push(`containers with unknown status: [${unknown.join(" ")}]`);
  if (failing.length > 0) parts.push(`containers with ${word} status: [${failing.join(" ")}]`);
  return parts.join(", ");
}
