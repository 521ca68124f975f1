// From requests and limits to what the kernel understands: CPU weight, CPU quota, memory limit, and who dies first when the
// node runs out of memory (https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/).
import { type Container, isCriticalPod, type Pod, podLimits, podQosClass, podRequests } from "../../api/index.ts";
import { parseQuantity, type Quantity } from "../../base/index.ts";
import type { CgroupLimits } from "../host.ts";
import { initContainers, isSidecar, podUid } from "../pods/pod-spec.ts";
import type { ContainerResources } from "../runtime/runtime.ts";

export const CPU_PERIOD_MICROS = 100_000;
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const MIN_QUOTA_MICROS = 1000;
const GUARANTEED_OOM_SCORE = -997;
const BEST_EFFORT_OOM_SCORE = 1000;

export function milliCpuToShares(milliCpu: number): number {
  return Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor((milliCpu * 1024) / 1000)));
}

export function milliCpuToQuota(milliCpu: number): number {
  return milliCpu === 0 ? 0 : Math.max(MIN_QUOTA_MICROS, Math.floor((milliCpu * CPU_PERIOD_MICROS) / 1000));
}

export function containerResources(pod: Pod, container: Container, nodeMemoryBytes: number): ContainerResources {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const podLevel = pod.spec.resources?.limits ?? {};
  const cpuLimit = milli(limits["cpu"]) || milli(podLevel["cpu"]);
  const cpuRequest = requests["cpu"] === undefined ? cpuLimit : milli(requests["cpu"]);
  return {
    cpuPeriod: CPU_PERIOD_MICROS,
    cpuQuota: milliCpuToQuota(cpuLimit),
    cpuShares: milliCpuToShares(cpuRequest),
    memoryLimitBytes: bytes(limits["memory"]) || bytes(podLevel["memory"]),
    oomScoreAdj: oomScoreAdjust(pod, container, nodeMemoryBytes),
  };
}

/** The more memory a container asked for, the later it is killed. */
export function oomScoreAdjust(pod: Pod, container: Container, nodeMemoryBytes: number): number {
  if (isCriticalPod(pod) && pod.spec.priorityClassName === "system-node-critical") return GUARANTEED_OOM_SCORE;
  const qosClass = podQosClass(pod);
  if (qosClass === "Guaranteed") return GUARANTEED_OOM_SCORE;
  if (qosClass === "BestEffort") return BEST_EFFORT_OOM_SCORE;
  const scoreOf = (requestBytes: number): number => 1000 - Math.floor((1000 * requestBytes) / nodeMemoryBytes);
  let score = scoreOf(memoryRequest(container));
  if (isSidecar(container) && initContainers(pod).some(({ name }) => name === container.name)) {
    score = Math.min(score, scoreOf(Math.min(...pod.spec.containers.map(memoryRequest))));
  }
  // Between guaranteed containers and those that asked for nothing.
  if (score < 1000 + GUARANTEED_OOM_SCORE) return 1000 + GUARANTEED_OOM_SCORE;
  return score === BEST_EFFORT_OOM_SCORE ? BEST_EFFORT_OOM_SCORE - 1 : score;
}

function memoryRequest(container: Container): number {
  return bytes(container.resources?.requests?.["memory"]);
}
function milli(text: string | undefined): number {
  return text === undefined ? 0 : parseQuantity(text).milliValue();
}
function bytes(text: string | undefined): number {
  return text === undefined ? 0 : parseQuantity(text).value();
}

/** Below the group of `kubepods` that all pods of a node are in. */
export function podCgroup(kubepods: string, pod: Pod): string {
  const qosClass = podQosClass(pod);
  return `${kubepods}${qosClass === "Guaranteed" ? "" : `/${qosClass.toLowerCase()}`}/pod${podUid(pod)}`;
}

/** Whether the pod as a whole is held to a limit of the resource: it has one of its own, or every container has one. */
export function cgroupLimited(pod: Pod, resource: string): boolean {
  if (pod.spec.resources?.limits?.[resource] !== undefined) return true;
  return [...initContainers(pod), ...pod.spec.containers].every(({ resources }) => milli(resources?.limits?.[resource]) > 0);
}

export function podCgroupLimits(pod: Pod, pidsLimit: number | undefined): CgroupLimits {
  const requests = podRequests(pod);
  const limits = podLimits(pod);
  const cpuLimit = limits.get("cpu")?.milliValue() ?? 0;
  const memoryLimit = limits.get("memory")?.value() ?? 0;
  return {
    cpuShares: milliCpuToShares(milliOf(requests.get("cpu"))),
    cpuPeriodMicros: CPU_PERIOD_MICROS,
    ...(cgroupLimited(pod, "cpu") && cpuLimit > 0 ? { cpuQuotaMicros: milliCpuToQuota(cpuLimit) } : {}),
    ...(cgroupLimited(pod, "memory") && memoryLimit > 0 ? { memoryLimitBytes: memoryLimit } : {}),
    ...(pidsLimit === undefined ? {} : { pidsLimit }),
  };
}

function milliOf(quantity: Quantity | undefined): number {
  return quantity?.milliValue() ?? 0;
}

/** Of the group that holds all burstable pods: together they get what they asked for. */
export function burstableShares(pods: readonly Pod[]): number {
  const burstable = pods.filter((pod) => podQosClass(pod) === "Burstable");
  return milliCpuToShares(burstable.reduce((sum, pod) => sum + milliOf(podRequests(pod).get("cpu")), 0));
}
