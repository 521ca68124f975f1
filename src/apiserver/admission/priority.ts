// Priority (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/): gives pods the number that their
// PriorityClass stands for, and lets only one class be the default.
import { type PriorityClass, pods, priorityClasses } from "../../api/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { denied, objectOf, oldObjectOf } from "./denial.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./plugin.ts";

const NO_CLASS = { priorityClassName: undefined, value: 0, preemptionPolicy: "PreemptLowerPriority" };

export function priority({ objects }: { readonly objects: ObjectReader }): AdmissionPlugin {
  /** Should there be several, the lowest. */
  function defaultClass(): PriorityClass | undefined {
    const defaults = objects.list(priorityClasses).filter(({ globalDefault }) => globalDefault === true);
    return defaults.reduce<PriorityClass | undefined>(
      (least, next) => (least === undefined || (next.value ?? 0) < (least.value ?? 0) ? next : least),
      undefined,
    );
  }

  function resolve(request: AdmissionRequest, name: string): { priorityClassName: string | undefined; value: number; preemptionPolicy: string | undefined } {
    const found = name === "" ? defaultClass() : objects.get(priorityClasses, "", name);
    if (found !== undefined) return { priorityClassName: found.metadata.name, value: found.value ?? 0, preemptionPolicy: found.preemptionPolicy };
    if (name === "") return NO_CLASS;
    throw denied(request, `no PriorityClass with name ${name} was found`);
  }

  function admitNewPod(request: AdmissionRequest): void {
    const pod = objectOf(request, pods);
    if (pod === undefined) return;
    const { priorityClassName, value, preemptionPolicy } = resolve(request, pod.spec.priorityClassName ?? "");
    if (priorityClassName !== undefined) pod.spec.priorityClassName = priorityClassName;
    const computed = "priority admission controller computed";
    if (pod.spec.priority !== undefined && pod.spec.priority !== value) {
      const why = `the integer value of priority (${pod.spec.priority}) must not be provided in pod spec; ${computed} ${value} from the given PriorityClass name`;
      throw denied(request, why);
    }
    pod.spec.priority = value;
    if (preemptionPolicy === undefined) return;
    if (pod.spec.preemptionPolicy !== undefined && pod.spec.preemptionPolicy !== preemptionPolicy) {
      const given = pod.spec.preemptionPolicy;
      throw denied(
        request,
        `the string value of PreemptionPolicy (${given}) must not be provided in pod spec; ${computed} ${preemptionPolicy} from the given PriorityClass name`,
      );
    }
    pod.spec.preemptionPolicy = preemptionPolicy;
  }

  return {
    name: "Priority",
    mutate(request) {
      if (request.operation === "CREATE") return admitNewPod(request);
      const pod = objectOf(request, pods);
      const old = oldObjectOf(request, pods);
      if (request.operation !== "UPDATE" || pod === undefined || old === undefined) return;
      if (old.spec.priority !== undefined) pod.spec.priority ??= old.spec.priority;
      if (old.spec.preemptionPolicy !== undefined) pod.spec.preemptionPolicy ??= old.spec.preemptionPolicy;
    },
    validate(request) {
      const priorityClass = objectOf(request, priorityClasses);
      if (priorityClass?.globalDefault !== true || (request.operation !== "CREATE" && request.operation !== "UPDATE")) return;
      const current = defaultClass();
      if (current === undefined || (request.operation === "UPDATE" && current.metadata.name === priorityClass.metadata.name)) return;
      throw denied(request, `PriorityClass ${current.metadata.name} is already marked as default. Only one default can exist`);
    },
  };
}
