// The resources that the node has granted to a pod, which may differ from those that its spec asks for while a resize waits
// (https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/). All pure.
import { type Container, type Pod, type ResourceRequirements, sameAmounts } from "../../api/index.ts";
import { parseQuantity } from "../../base/index.ts";

/** Of the pod as a whole, and of each init and regular container by name. */
export interface Allocation {
  readonly pod?: ResourceRequirements;
  readonly containers: Readonly<Record<string, ResourceRequirements>>;
}

/** Resources that change without a new container. */
export const RESIZABLE = ["cpu", "memory"] as const;
export type Resizable = (typeof RESIZABLE)[number];

/** What the spec asks for. */
export function allocationOf({ spec }: Pod): Allocation {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  return {
    ...(spec.resources === undefined ? {} : { pod: spec.resources }),
    containers: Object.fromEntries(containers.map(({ name, resources }) => [name, resources ?? {}])),
  };
}

/** The pod as it may run now: with the granted resources in its spec. The same object when they are the ones asked for. */
export function withAllocation(pod: Pod, allocation: Allocation): Pod {
  if (holdsAllocation(pod, allocation)) return pod;
  const { resources: _asked, ...rest } = pod.spec;
  const granted = (container: Container): Container => {
    const resources = allocation.containers[container.name];
    return resources === undefined || sameRequirements(resources, container.resources) ? container : { ...container, resources };
  };
  const spec = {
    ...rest,
    ...(allocation.pod === undefined ? {} : { resources: allocation.pod }),
    ...(pod.spec.initContainers === undefined ? {} : { initContainers: pod.spec.initContainers.map(granted) }),
    containers: pod.spec.containers.map(granted),
  };
  return { ...pod, spec };
}

/** Whether the pod asks for exactly what is granted. */
export function holdsAllocation(pod: Pod, { pod: podLevel, containers }: Allocation): boolean {
  if (!sameRequirements(pod.spec.resources, podLevel)) return false;
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].every(({ name, resources }) => {
    const granted = containers[name];
    return granted === undefined || sameRequirements(resources, granted);
  });
}

export function sameRequirements(one: ResourceRequirements | undefined, other: ResourceRequirements | undefined): boolean {
  return sameAmounts(one?.requests, other?.requests) && sameAmounts(one?.limits, other?.limits);
}

/** Request and limit of one resource; 0 stands for none. */
export function amountsOf(resources: ResourceRequirements | undefined, name: Resizable): { readonly request: number; readonly limit: number } {
  const read = (text: string | undefined): number => (text === undefined ? 0 : name === "cpu" ? parseQuantity(text).milliValue() : parseQuantity(text).value());
  return { request: read(resources?.requests?.[name]), limit: read(resources?.limits?.[name]) };
}

/** Which of the resizable resources differ. */
export function changedResources(one: ResourceRequirements | undefined, other: ResourceRequirements | undefined): readonly Resizable[] {
  return RESIZABLE.filter((name) => {
    const [left, right] = [amountsOf(one, name), amountsOf(other, name)];
    return left.request !== right.request || left.limit !== right.limit;
  });
}

/** The requirements with `name` as `from` has it. */
export function withResource(resources: ResourceRequirements | undefined, from: ResourceRequirements | undefined, name: Resizable): ResourceRequirements {
  const merged = (field: "requests" | "limits"): Record<string, string> => {
    const { [name]: _replaced, ...others } = resources?.[field] ?? {};
    const value = from?.[field]?.[name];
    return value === undefined ? others : { ...others, [name]: value };
  };
  return { ...resources, requests: merged("requests"), limits: merged("limits") };
}

/** Whether a change of these resources asks for a new container. */
export function resizeRestarts(container: Container, changed: readonly Resizable[]): boolean {
  return (container.resizePolicy ?? []).some(
    ({ resourceName, restartPolicy }) => restartPolicy === "RestartContainer" && changed.some((name) => name === resourceName),
  );
}
