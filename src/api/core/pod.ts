// Pod (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/): what the cluster runs.
import type { Mutable } from "../../base/index.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { Pod } from "../generated/types.ts";
import type { WriteContext } from "../kind.ts";
import { nameIsDnsSubdomain } from "../names.ts";
import { podColumns } from "./pod-columns.ts";
import { defaultPod } from "./pod-defaults.ts";
import { computeQosClass, isPodBound, isPodTerminal } from "./pod-facts.ts";
import { validatePodResize } from "./pod-resize-validation.ts";
import { keepAllButEphemeralContainers, keepAllButResources, prepareNewPod, preparePodStatus } from "./pod-strategy.ts";
import { validateEphemeralContainersUpdate, validatePodStatusUpdate, validatePodUpdate } from "./pod-update-validation.ts";
import { validatePod } from "./pod-validation.ts";
import { nameWarnings, podWarnings } from "./pod-warnings.ts";
import { adoptAppArmorAnnotations } from "./profile-annotations.ts";

/** Pods that no node holds, and pods that have ended, go at once. */
function gracePeriodSeconds(pod: Pod, asked: number | undefined): number {
  if (!isPodBound(pod) || isPodTerminal(pod)) return 0;
  const seconds = asked ?? pod.spec.terminationGracePeriodSeconds ?? 0;
  return seconds < 0 ? 1 : seconds;
}

export const pods = kind<Pod>("v1", "Pod", {
  columns: podColumns,
  defaults: defaultPod,
  validateName: nameIsDnsSubdomain,
  prepareForCreate(pod: Mutable<Pod>, context: WriteContext): void {
    pod.status = { phase: "Pending", qosClass: computeQosClass(pod) };
    prepareNewPod(pod);
    context.warn(adoptAppArmorAnnotations(pod));
  },
  prepareForStatusUpdate: preparePodStatus,
  warnings: (object, old) =>
    old === undefined ? [...nameWarnings(object, "this is used in the Pod's hostname"), ...podWarnings(FieldPath.empty, object)] : [],
  validateCreate: validatePod,
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  subresourceUpdates: {
    ephemeralcontainers: { prepare: keepAllButEphemeralContainers, validate: validateEphemeralContainersUpdate },
    resize: { prepare: keepAllButResources, validate: validatePodResize },
  },
  gracePeriodSeconds,
  selectableFields: {
    "spec.nodeName": ({ spec }) => spec.nodeName ?? "",
    "spec.restartPolicy": ({ spec }) => spec.restartPolicy ?? "",
    "spec.schedulerName": ({ spec }) => spec.schedulerName ?? "",
    "spec.serviceAccountName": ({ spec }) => spec.serviceAccountName ?? "",
    "spec.hostNetwork": ({ spec }) => String(spec.hostNetwork ?? false),
    "status.phase": ({ status }) => status?.phase ?? "",
    "status.podIP": ({ status }) => status?.podIPs?.[0]?.ip ?? "",
    "status.nominatedNodeName": ({ status }) => status?.nominatedNodeName ?? "",
  },
});
