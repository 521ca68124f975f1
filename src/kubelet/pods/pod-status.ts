// The status of a pod as the kubelet reports it: a pure function of the pod, what the runtime tells, what the probes say and
// what was reported before. Invariant: a pod never leaves a terminal phase.
import {
  type ContainerStatus,
  type Pod,
  type PodCondition,
  type PodStatus,
  podLimits,
  podQosClass,
  podRequests,
  type ResourceAmounts,
  type ResourceRequirements,
  resourceList,
} from "../../api/index.ts";
import { formatTime, type Mutable } from "../../base/index.ts";
import { cgroupLimited } from "../containers/resources.ts";
import type { ResizeState } from "../resize/pod-allocations.ts";
import { condition, KUBELET_CONDITIONS, podConditions } from "./conditions.ts";
import { containerIdOf, containerStatuses, type StartFailure } from "./container-statuses.ts";
import { podPhase } from "./phase.ts";
import { sandboxChange } from "./pod-actions.ts";
import { ephemeralContainers, findContainer, initContainers, isHostNetwork, isSidecar, isTerminalPhase } from "./pod-spec.ts";
import { hasNoContainers, mayRestartAll, mustRestartAll } from "./restart-policy.ts";
import type { RuntimePod } from "./runtime-pod.ts";

/** What the probes make of a running container. */
export interface ReadinessView {
  /** The startup probe, if there is one, has succeeded. */
  isStarted(pod: Pod, status: ContainerStatus, containerId: string): boolean;
  /** The readiness probe, if there is one, says so. */
  isReady(pod: Pod, status: ContainerStatus, containerId: string): boolean;
}

export interface PodStatusInput {
  /** With the resources that are granted to it. */
  readonly pod: Pod;
  /** With the resources that it runs with. */
  readonly actuated: Pod;
  readonly resize: ResizeState;
  readonly runtimePod: RuntimePod;
  /** What this kubelet reported last, or what the API server holds after a restart. */
  readonly previous: PodStatus | undefined;
  readonly startFailures: ReadonlyMap<string, StartFailure>;
  readonly readiness: ReadinessView;
  /** No container is restarted any more. */
  readonly terminal: boolean;
  /** The pod is ended by the kubelet for this reason (deadline, admission). */
  readonly eviction?: { readonly reason: string; readonly message: string; readonly disruption?: string };
  readonly nodeIps: readonly string[];
  readonly nowMs: number;
}

export function computePodStatus(input: PodStatusInput): PodStatus {
  const { pod, runtimePod, previous, nowMs } = input;
  const statuses = allStatuses(input);
  const inSpec = [...statuses.init, ...statuses.regular];
  const phase = keptPhase(input, inSpec);
  const foreign = withDisruption(input, foreignConditions(pod, previous));
  const resize = input.terminal ? {} : input.resize;
  const restartingAll = mayRestartAll(pod) ? mustRestartAll(pod, runtimePod, previous) && !hasNoContainers(pod, runtimePod) : undefined;
  const shared = { pod, phase, statuses: inSpec, previous: previous?.conditions ?? [], foreign, resize, restartingAll, nowMs };
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: podConditions({ ...shared, sandboxReady: !sandboxChange(pod, runtimePod).changed }),
    ...explanation(input, phase),
    ...addresses(input),
    startTime: previous?.startTime ?? pod.status?.startTime ?? formatTime(nowMs),
    ...(statuses.init.length === 0 ? {} : { initContainerStatuses: statuses.init }),
    containerStatuses: statuses.regular,
    ...(statuses.ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: statuses.ephemeral }),
    qosClass: podQosClass(pod),
    allocatedResources: resourceList(podRequests(pod)),
    resources: podResources(input, phase),
  };
}

/** Of the pod as a whole: before it runs what it is to have, then what its control group has. */
function podResources({ pod, actuated }: PodStatusInput, phase: string): ResourceRequirements {
  if (phase !== "Running") return requirements(podRequests(pod), podLimits(pod));
  const own = actuated.spec.resources;
  const extra = (list: Readonly<Record<string, string>> = {}): [string, string][] => Object.entries(list).filter(([name]) => !IN_GROUP.includes(name));
  const inGroup = (amounts: ResourceAmounts): ResourceAmounts => new Map([...amounts].filter(([name]) => IN_GROUP.includes(name)));
  const limits = new Map([...inGroup(podLimits(actuated))].filter(([name]) => cgroupLimited(actuated, name)));
  const shown = requirements(inGroup(podRequests(actuated)), limits);
  return {
    requests: { ...Object.fromEntries(extra(own?.requests)), ...shown.requests },
    limits: { ...Object.fromEntries(extra(own?.limits)), ...shown.limits },
  };
}

const IN_GROUP: readonly string[] = ["cpu", "memory"];

function requirements(requests: ResourceAmounts, limits: ResourceAmounts): ResourceRequirements {
  return { requests: resourceList(requests), limits: resourceList(limits) };
}

interface Statuses {
  readonly init: readonly ContainerStatus[];
  readonly regular: readonly ContainerStatus[];
  readonly ephemeral: readonly ContainerStatus[];
}

function allStatuses({ pod, actuated, runtimePod, previous, startFailures, readiness, terminal }: PodStatusInput): Statuses {
  const restartingAll = mustRestartAll(pod, runtimePod, previous);
  const shared = { pod, actuated, runtimePod, restartingAll, startFailures: terminal ? new Map<string, StartFailure>() : startFailures };
  const init = containerStatuses({ ...shared, containers: initContainers(pod), previous: previous?.initContainerStatuses ?? [], isInit: true });
  const regular = containerStatuses({ ...shared, containers: pod.spec.containers, previous: previous?.containerStatuses ?? [], isInit: false });
  const ephemeral = containerStatuses({
    ...shared,
    containers: ephemeralContainers(pod),
    previous: previous?.ephemeralContainerStatuses ?? [],
    isInit: false,
  });
  for (const status of [...init, ...regular]) setReadiness(pod, status, readiness);
  return { init, regular, ephemeral };
}

function setReadiness(pod: Pod, status: Mutable<ContainerStatus>, readiness: ReadinessView): void {
  const container = findContainer(pod, status.name);
  const isInit = initContainers(pod).some(({ name }) => name === status.name);
  const id = containerIdOf(status.containerID ?? "");
  const running = status.state?.running !== undefined;
  status.started = running && readiness.isStarted(pod, status, id);
  if (isInit && container !== undefined && !isSidecar(container)) status.ready = status.state?.terminated?.exitCode === 0;
  else status.ready = status.started && readiness.isReady(pod, status, id);
}

function keptPhase(input: PodStatusInput, statuses: readonly ContainerStatus[]): string {
  const { pod, runtimePod, previous, terminal, eviction } = input;
  for (const known of [pod.status?.phase, previous?.phase]) if (known !== undefined && isTerminalPhase(known)) return known;
  // Others may take what the pod has only when nothing of it runs any more.
  if (eviction !== undefined) return terminal ? "Failed" : (previous?.phase ?? pod.status?.phase ?? "Running");
  const sandboxId = runtimePod.sandboxes[0]?.id;
  const initialized = runtimePod.containers.some(
    ({ name, sandboxId: inside }) => inside === sandboxId && pod.spec.containers.some((container) => container.name === name),
  );
  return podPhase({ pod, statuses, terminal, initialized });
}

/** Reason and message belong to the phase and stay with it. */
function explanation({ pod, previous, eviction }: PodStatusInput, phase: string): Pick<PodStatus, "reason" | "message"> {
  if (eviction !== undefined && phase === "Failed") return { reason: eviction.reason, message: eviction.message };
  const source = [previous, pod.status].find((status) => status?.phase === phase && (status.reason ?? "") !== "");
  return {
    ...(source?.reason === undefined ? {} : { reason: source.reason }),
    ...(source?.message === undefined ? {} : { message: source.message }),
  };
}

function withDisruption({ pod, eviction, nowMs }: PodStatusInput, foreign: readonly PodCondition[]): readonly PodCondition[] {
  if (eviction?.disruption === undefined) return foreign;
  const type = "DisruptionTarget";
  const verdict = { status: "True", reason: "TerminationByKubelet", message: eviction.disruption } as const;
  return [...foreign.filter((other) => other.type !== type), condition({ pod, previous: foreign, nowMs }, type, verdict)];
}

function foreignConditions(pod: Pod, previous: PodStatus | undefined): PodCondition[] {
  const foreign = (pod.status?.conditions ?? []).filter(({ type }) => !KUBELET_CONDITIONS.includes(type));
  const disruption = previous?.conditions?.find(({ type }) => type === "DisruptionTarget");
  if (disruption !== undefined && !foreign.some(({ type }) => type === "DisruptionTarget")) foreign.push(disruption);
  return foreign;
}

function addresses({ pod, runtimePod, previous, nodeIps }: PodStatusInput): Pick<PodStatus, "hostIP" | "hostIPs" | "podIP" | "podIPs"> {
  const known = previous?.podIPs?.map(({ ip }) => ip) ?? [];
  const fromRuntime = sortPodIps(runtimePod.ips, nodeIps);
  // While a pod is being ended its sandbox is gone, but the address stays on record.
  const podIps = isHostNetwork(pod) ? (known.length > 0 ? known : nodeIps) : fromRuntime.length > 0 ? fromRuntime : known;
  const [hostIP] = nodeIps;
  const [podIP] = podIps;
  return {
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: nodeIps.map((ip) => ({ ip })) }),
    ...(podIP === undefined ? {} : { podIP, podIPs: podIps.map((ip) => ({ ip })) }),
  };
}

/** One address of the node's own family first, then one of the other. */
export function sortPodIps(ips: readonly string[], nodeIps: readonly string[]): readonly string[] {
  const isV6 = (ip: string): boolean => ip.includes(":");
  const primaryIsV6 = nodeIps[0] !== undefined && isV6(nodeIps[0]);
  const primary = ips.find((ip) => isV6(ip) === primaryIsV6);
  const secondary = ips.find((ip) => isV6(ip) !== primaryIsV6);
  return [primary, secondary].filter((ip) => ip !== undefined);
}

/** A pod that the kubelet does not take in. */
export function rejectedPodStatus(pod: Pod, reason: string, message: string, nowMs: number): PodStatus {
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase: "Failed",
    reason,
    message: `Pod was rejected: ${message}`,
    startTime: pod.status?.startTime ?? formatTime(nowMs),
    conditions: [...(pod.status?.conditions ?? [])],
    qosClass: podQosClass(pod),
  };
}

/** After the end: containers that never got an end of their own are shown as ended, so that nothing seems to run on. */
export function endedPodStatus(pod: Pod, status: PodStatus): PodStatus {
  const regular = status.containerStatuses ?? [];
  const init = status.initContainerStatuses ?? [];
  const hasRun = ({ state, lastState }: ContainerStatus): boolean =>
    state?.running !== undefined || state?.terminated !== undefined || lastState?.terminated !== undefined;
  const initialized = initContainers(pod).length === 0 || regular.some(hasRun) || init.at(-1)?.state?.terminated?.exitCode === 0;
  const lastInit = init.findLastIndex(hasRun);
  const phase = isTerminalPhase(status.phase) ? status.phase : "Failed";
  const end = (container: ContainerStatus, applies: boolean): ContainerStatus =>
    container.state?.terminated !== undefined || !applies ? container : endedContainerStatus(container);
  return {
    ...status,
    phase,
    ...(init.length === 0 ? {} : { initContainerStatuses: init.map((container, index) => end(container, index <= lastInit)) }),
    containerStatuses: regular.map((container) => end(container, initialized)),
  };
}

function endedContainerStatus(container: ContainerStatus): ContainerStatus {
  const terminated = {
    exitCode: 137,
    reason: "ContainerStatusUnknown",
    message: "The container could not be located when the pod was terminated",
  };
  return { ...container, ready: false, started: false, state: { terminated } };
}
