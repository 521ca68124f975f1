// Carries out a granted resize on what runs: the pod's control group and its containers, in an order in which the pod's limit
// is never below what its containers have: it grows before them and shrinks after them, memory first, then CPU.
import type { Container, Pod, ResourceRequirements } from "../../api/index.ts";
import { containerResources, podCgroup, podCgroupLimits } from "../containers/resources.ts";
import type { CgroupLimits, HostCgroups } from "../host.ts";
import { initContainers, isSidecar, podUid } from "../pods/pod-spec.ts";
import { newestContainer, type RuntimePod } from "../pods/runtime-pod.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import { amountsOf, changedResources, RESIZABLE, type Resizable, withResource } from "./allocation.ts";
import type { PodAllocations } from "./pod-allocations.ts";

export interface ResizeParts {
  readonly runtime: ContainerRuntime;
  readonly host: { readonly cgroups: HostCgroups };
  readonly allocations: PodAllocations;
  readonly node: { readonly kubepods: string; readonly memoryBytes: number; readonly podPidsLimit?: number };
}

/** A running container whose resources change without a new one. */
export interface ContainerResize {
  readonly id: string;
  readonly container: Container;
  readonly from: ResourceRequirements;
}

/** Whether a running container, or the pod as a whole, does not have yet what is granted. */
export function isResizeInProgress(pod: Pod, actuated: Pod, observed: RuntimePod): boolean {
  if (changedResources(pod.spec.resources, actuated.spec.resources).length > 0) return true;
  const had = containersByName(actuated);
  return [...initContainers(pod).filter(isSidecar), ...pod.spec.containers].some(
    ({ name, resources }) => newestContainer(observed, name)?.state === "running" && changedResources(resources, had.get(name)?.resources).length > 0,
  );
}

export function containersByName(pod: Pod): ReadonlyMap<string, Container> {
  return new Map([...initContainers(pod), ...pod.spec.containers].map((container) => [container.name, container]));
}

/** The running containers that are held to the pod's own limit of the resource, which changes, for they have none of theirs. */
function inheriting(pod: Pod, actuated: Pod, observed: RuntimePod, name: Resizable): ContainerResize[] {
  if (pod.spec.resources?.limits?.[name] === actuated.spec.resources?.limits?.[name]) return [];
  return [...containersByName(pod).values()].flatMap((container) => {
    const seen = newestContainer(observed, container.name);
    if (seen?.state !== "running" || amountsOf(container.resources, name).limit > 0) return [];
    return [{ id: seen.id, container, from: container.resources ?? {} }];
  });
}

/** `pod` as granted. Gives what keeps the resize from being carried out now, or nothing. Errors of runtime and host reject. */
export async function resizePod(parts: ResizeParts, pod: Pod, resizes: readonly ContainerResize[], observed: RuntimePod): Promise<string | undefined> {
  const { allocations, node } = parts;
  const actuated = allocations.actuated(pod);
  const group = { path: podCgroup(node.kubepods, pod), limits: podCgroupLimits(actuated, node.podPidsLimit) };
  const wanted = podCgroupLimits(pod, node.podPidsLimit);
  const problem = await memoryProblem(parts.host.cgroups, group, wanted, resizes);
  if (problem !== undefined) return problem;
  const current = new Map(resizes.map(({ id, from }) => [id, from]));
  for (const name of ["memory", "cpu"] as const) {
    const concerned = [...shrinkingFirst(resizes, name), ...inheriting(pod, actuated, observed, name)];
    await resizeOne(parts, { pod, name, group, wanted, concerned, current });
  }
  if (pod.spec.resources !== undefined) allocations.actuate(podUid(pod), undefined, pod.spec.resources);
  return undefined;
}

interface Group {
  readonly path: string;
  limits: CgroupLimits;
}

interface Step {
  readonly pod: Pod;
  readonly name: Resizable;
  readonly group: Group;
  readonly wanted: CgroupLimits;
  readonly concerned: readonly ContainerResize[];
  readonly current: Map<string, ResourceRequirements>;
}

async function resizeOne(parts: ResizeParts, { pod, name, group, wanted, concerned, current }: Step): Promise<void> {
  const setGroup = async (limits: Partial<CgroupLimits>, when: boolean): Promise<void> => {
    if (!when) return;
    group.limits = { ...group.limits, ...limits };
    await parts.host.cgroups.apply(group.path, group.limits);
  };
  const limit = (limits: CgroupLimits): number => (name === "cpu" ? limits.cpuQuotaMicros : limits.memoryLimitBytes) ?? Infinity;
  const limitOf: Partial<CgroupLimits> = name === "cpu" ? quotaOf(wanted) : memoryOf(wanted);
  const [before, after] = [limit(group.limits), limit(wanted)];
  const [sharesBefore, sharesAfter] = name === "cpu" ? [group.limits.cpuShares, wanted.cpuShares] : [0, 0];
  await setGroup(limitOf, after > before);
  await setGroup({ cpuShares: sharesAfter }, sharesAfter > sharesBefore);
  for (const { id, container, from } of concerned) {
    const resources = withResource(current.get(id) ?? from, container.resources, name);
    await parts.runtime.updateContainerResources(id, containerResources(pod, { ...container, resources }, parts.node.memoryBytes));
    current.set(id, resources);
    parts.allocations.actuate(podUid(pod), container.name, resources);
  }
  await setGroup({ cpuShares: sharesAfter }, sharesAfter < sharesBefore);
  await setGroup(limitOf, after < before);
}

function quotaOf({ cpuQuotaMicros }: CgroupLimits): Partial<CgroupLimits> {
  return cpuQuotaMicros === undefined ? {} : { cpuQuotaMicros };
}
function memoryOf({ memoryLimitBytes }: CgroupLimits): Partial<CgroupLimits> {
  return memoryLimitBytes === undefined ? {} : { memoryLimitBytes };
}

/** Those that `name` concerns; what gets less makes room for what gets more. */
function shrinkingFirst(resizes: readonly ContainerResize[], name: Resizable): ContainerResize[] {
  const grows = ({ container, from }: ContainerResize): boolean => {
    const [wanted, held] = [amountsOf(container.resources, name), amountsOf(from, name)];
    return wanted.limit === held.limit ? wanted.request > held.request : wanted.limit > held.limit;
  };
  const concerned = resizes.filter(({ container, from }) => changedResources(container.resources, from).includes(name));
  return [...concerned.filter((resize) => !grows(resize)), ...concerned.filter(grows)];
}

/** The kernel would kill what uses more than its new limit. */
async function memoryProblem(cgroups: HostCgroups, group: Group, wanted: CgroupLimits, resizes: readonly ContainerResize[]): Promise<string | undefined> {
  const problems: string[] = [];
  const podLimit = wanted.memoryLimitBytes ?? Infinity;
  if (podLimit < (group.limits.memoryLimitBytes ?? Infinity)) {
    const usage = (await cgroups.usage(group.path))?.memoryBytes;
    if (usage !== undefined && usage >= podLimit) problems.push(`attempting to set pod memory limit (${podLimit}) below current usage (${usage})`);
  }
  for (const { id, container, from } of resizes) {
    const limit = amountsOf(container.resources, "memory").limit;
    if (limit === 0 || limit >= (amountsOf(from, "memory").limit || Infinity)) continue;
    const usage = (await cgroups.usage(`${group.path}/${id}`))?.memoryBytes;
    if (usage !== undefined && usage >= limit) {
      problems.push(`attempting to set container "${container.name}" memory limit (${limit}) below current usage (${usage})`);
    }
  }
  if (problems.length === 0) return undefined;
  return `cannot decrease memory limits: ${problems.length === 1 ? (problems[0] ?? "") : `[${problems.join(", ")}]`}`;
}

/** The container's resources as its status shows them: what it runs with, as far as that can change. */
export function shownResources(granted: ResourceRequirements | undefined, actuated: ResourceRequirements | undefined): ResourceRequirements {
  return RESIZABLE.reduce<ResourceRequirements>((shown, name) => withResource(shown, actuated, name), granted ?? {});
}
