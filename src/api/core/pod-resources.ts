// What a pod asks for and may use in sum: containers run together, init containers one after the other beside the sidecars
// started before them, pod-level numbers win over the sum, overhead comes on top
// (https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers).
import { Quantity } from "../../base/index.ts";
import type { Container, ContainerStatus, Pod } from "../generated/types.ts";
import { podConditions, resourceNames } from "../well-known.ts";
import { addAmounts, maxAmounts, type ResourceAmounts, type ResourceList, resourceAmounts } from "./resource-amounts.ts";

type Field = "requests" | "limits";
export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

export interface PodResourcesOptions {
  /** Also count what the kubelet has allocated and actuated: what a pod holds while it is being resized. */
  readonly useStatus?: boolean;
  readonly excludeOverhead?: boolean;
  /** For containers that request none of a resource (the scheduler's scoring). */
  readonly nonMissingRequests?: ResourceAmounts;
}

/** A sidecar: an init container that keeps running. */
export function isRestartableInit(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/** Resources that may be set for the pod as a whole. */
export function isPodLevelResource(name: string): boolean {
  return name === resourceNames.cpu || name === resourceNames.memory || name.startsWith(resourceNames.hugePagesPrefix);
}

function containerAmounts(pod: Pod, container: Container, field: Field, options: PodResourcesOptions): ResourceAmounts {
  let amounts: ResourceAmounts = resourceAmounts(container.resources?.[field]);
  if (options.useStatus === true) {
    const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    const status = statuses.find(({ name }) => name === container.name);
    if (status?.resources !== undefined) amounts = effectiveAmounts(pod, amounts, status, field);
  }
  if (field === "limits" || options.nonMissingRequests === undefined) return amounts;
  return new Map([...options.nonMissingRequests, ...amounts]);
}

/** What is set for the pod as a whole; while that is being resized, what it holds. */
function podLevelAmounts(pod: Pod, field: Field, { useStatus }: PodResourcesOptions): [string, Quantity][] {
  const asked = new Map([...resourceAmounts(pod.spec.resources?.[field])].filter(([name]) => isPodLevelResource(name)));
  if (useStatus !== true || pod.status?.resources === undefined) return [...asked];
  const effective = effectiveAmounts(pod, asked, pod.status, field);
  return [...asked.keys()].map((name) => [name, effective.get(name) ?? Quantity.zero]);
}

function effectiveAmounts(pod: Pod, asked: ResourceAmounts, status: Pick<ContainerStatus, "resources" | "allocatedResources">, field: Field): ResourceAmounts {
  const held = maxAmounts(resourceAmounts(status.resources?.[field]), field === "requests" ? resourceAmounts(status.allocatedResources) : new Map());
  const infeasible = pod.status?.conditions?.some(({ type, reason }) => type === podConditions.resizePending && reason === "Infeasible") ?? false;
  return infeasible ? held : maxAmounts(held, asked);
}

/** Of all containers together, without pod-level numbers and overhead. */
export function containersAmounts(pod: Pod, field: Field, options: PodResourcesOptions = {}): Map<string, Quantity> {
  let sum = new Map<string, Quantity>();
  let sidecars = new Map<string, Quantity>();
  let initializing = new Map<string, Quantity>();
  for (const container of pod.spec.containers) sum = addAmounts(sum, containerAmounts(pod, container, field, options));
  for (const container of pod.spec.initContainers ?? []) {
    const isSidecar = isRestartableInit(container);
    const own = containerAmounts(pod, container, field, isSidecar ? options : { ...options, useStatus: false });
    const withSidecars = addAmounts(sidecars, own);
    if (isSidecar) {
      sum = addAmounts(sum, own);
      sidecars = withSidecars;
    }
    initializing = maxAmounts(initializing, withSidecars);
  }
  return maxAmounts(sum, initializing);
}

/** What the scheduler must find room for. */
export function podRequests(pod: Pod, options: PodResourcesOptions = {}): ResourceAmounts {
  const amounts = containersAmounts(pod, "requests", options);
  for (const [name, quantity] of podLevelAmounts(pod, "requests", options)) amounts.set(name, quantity);
  return options.excludeOverhead === true ? amounts : addAmounts(amounts, resourceAmounts(pod.spec.overhead));
}

/** The most that the pod may use; a resource that some container may use without limit is the sum of the limits there are. */
export function podLimits(pod: Pod, options: PodResourcesOptions = {}): ResourceAmounts {
  const amounts = containersAmounts(pod, "limits", options);
  for (const [name, quantity] of podLevelAmounts(pod, "limits", options)) amounts.set(name, quantity);
  if (options.excludeOverhead === true) return amounts;
  for (const [name, overhead] of resourceAmounts(pod.spec.overhead)) {
    const limit = amounts.get(name);
    if (limit !== undefined && !limit.isZero()) amounts.set(name, limit.add(overhead));
  }
  return amounts;
}

/** cpu and memory of a list, as far as there is any. */
function qosAmounts(list: ResourceList | undefined): Map<string, Quantity> {
  const amounts = [...resourceAmounts(list)];
  return new Map(amounts.filter(([name, quantity]) => (name === resourceNames.cpu || name === resourceNames.memory) && quantity.compare(Quantity.zero) > 0));
}

/** The class that decides who is evicted first (https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/). */
export function computeQosClass(pod: Pod): QosClass {
  const podLevel = pod.spec.resources;
  const owners = podLevel === undefined ? [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map((container) => container.resources) : [podLevel];
  let requests = new Map<string, Quantity>();
  let limits = new Map<string, Quantity>();
  let guaranteed = true;
  for (const resources of owners) {
    const limit = qosAmounts(resources?.limits);
    requests = addAmounts(requests, qosAmounts(resources?.requests));
    limits = addAmounts(limits, limit);
    if (limit.size < 2) guaranteed = false;
  }
  if (requests.size === 0 && limits.size === 0) return "BestEffort";
  const covered = requests.size === limits.size && [...requests].every(([name, quantity]) => limits.get(name)?.compare(quantity) === 0);
  return guaranteed && covered ? "Guaranteed" : "Burstable";
}

/** The class fixed at creation; computed for pods that were never admitted. */
export function podQosClass(pod: Pod): QosClass {
  const recorded = pod.status?.qosClass;
  return recorded === "Guaranteed" || recorded === "Burstable" || recorded === "BestEffort" ? recorded : computeQosClass(pod);
}
