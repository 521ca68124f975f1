// Changing cpu and memory of a running pod (https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/).
import { type FieldError, FieldPath, forbidden, invalid } from "../field-errors.ts";
import type { Container, Pod, PodSpec, ResourceRequirements } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import { annotations } from "../well-known.ts";
import { computeQosClass, isRestartableInit, podQosClass } from "./pod-resources.ts";
import { checkPod } from "./pod-validation.ts";

const SPEC = FieldPath.root("spec");
const RESIZABLE: readonly string[] = ["cpu", "memory"];

type Amounts = Readonly<Record<string, string>>;

function withoutResizable(list: Amounts | undefined): Amounts {
  return Object.fromEntries(Object.entries(list ?? {}).filter(([name]) => !RESIZABLE.includes(name)));
}

/** What must not change of requirements. */
function fixed(resources: ResourceRequirements | undefined): ResourceRequirements {
  return { ...resources, requests: withoutResizable(resources?.requests), limits: withoutResizable(resources?.limits) };
}

function fixedContainer(container: Container): Container {
  return { ...container, resources: fixed(container.resources) };
}

function removes(amounts: Amounts = {}, old: Amounts = {}): boolean {
  return Object.keys(old).some((name) => !Object.hasOwn(amounts, name));
}

/** `whose` stands before the text: of the pod as a whole, or nothing. */
function checkRemovals(path: FieldPath, resources: ResourceRequirements | undefined, old: ResourceRequirements | undefined, whose = ""): FieldError[] {
  return [
    ...(removes(resources?.requests, old?.requests) ? [forbidden(path.child("requests"), `${whose}resource requests cannot be removed`)] : []),
    ...(removes(resources?.limits, old?.limits) ? [forbidden(path.child("limits"), `${whose}resource limits cannot be removed`)] : []),
  ];
}

function checkPodLevel({ resources }: PodSpec, { resources: old }: PodSpec): FieldError[] {
  const path = SPEC.child("resources");
  if (old !== undefined && resources === undefined) return [forbidden(path, "pod-level resources cannot be removed")];
  const errors = checkRemovals(path, resources, old, "pod-level ");
  if (!sameValue(fixed(resources), fixed(old))) errors.push(forbidden(SPEC, "only cpu and memory resources are mutable at pod-level"));
  return errors;
}

function checkList(list: "containers" | "initContainers", spec: PodSpec, old: PodSpec): FieldError[] {
  return (old[list] ?? []).flatMap((before, position) => {
    const path = SPEC.child(list).index(position);
    const after = spec[list]?.[position];
    if (after === undefined) return [];
    const errors = checkRemovals(path.child("resources"), after.resources, before.resources);
    if (!sameValue(fixedContainer(after), fixedContainer(before))) {
      errors.push(
        list === "containers"
          ? forbidden(SPEC, "only cpu and memory resources are mutable")
          : forbidden(path, "only cpu and memory resources for init or sidecar containers are mutable"),
      );
    }
    const restarts = (after.resizePolicy ?? []).some(({ restartPolicy }) => restartPolicy === "RestartContainer");
    if (list === "initContainers" && !isRestartableInit(after) && restarts && !sameValue(after, before)) {
      errors.push(forbidden(path, "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"));
    }
    return errors;
  });
}

function sameOrder(spec: PodSpec, old: PodSpec): FieldError[] {
  return (["containers", "initContainers"] as const).flatMap((list) => {
    const after = spec[list] ?? [];
    const before = old[list] ?? [];
    if (after.length !== before.length) return [forbidden(SPEC.child(list), `${list} may not be added or removed on resize`)];
    return after.flatMap(({ name }, position) =>
      name === before[position]?.name ? [] : [forbidden(SPEC.child(list).index(position).child("name"), `${list} may not be renamed or reordered on resize`)],
    );
  });
}

export function validatePodResize(pod: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[annotations.mirrorPod] !== undefined) return [forbidden(FieldPath.empty, "static pods cannot be resized")];
  if (old.spec.os?.name === "windows") return [forbidden(FieldPath.empty, "windows pods cannot be resized")];
  const errors = checkPod(pod);
  if (podQosClass(old) !== computeQosClass(pod)) {
    errors.push(invalid(SPEC, pod.status?.qosClass ?? "", "Pod QOS Class may not change as a result of resizing"));
  }
  const running = (old.status?.containerStatuses ?? []).find(({ state }) => state?.running !== undefined);
  if (running !== undefined && running.resources === undefined) errors.push(forbidden(SPEC, "Pod running on node without support for resize"));
  const order = sameOrder(pod.spec, old.spec);
  if (order.length > 0) return [...errors, ...order];
  errors.push(...checkList("initContainers", pod.spec, old.spec), ...checkList("containers", pod.spec, old.spec));
  return [...errors, ...checkPodLevel(pod.spec, old.spec)];
}
