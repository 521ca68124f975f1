// SchedulingGates: a pod with gates does not enter the queue
// (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/).
import { plugin } from "../plugin.ts";

export const schedulingGates = plugin("SchedulingGates", {
  preEnqueue: ({ pod }) => {
    const gates = pod.spec.schedulingGates ?? [];
    return gates.length === 0 ? undefined : `waiting for scheduling gates: [${gates.map(({ name }) => name).join(" ")}]`;
  },
  // Only a change of the pod itself opens a gate.
  helpedBy: ["podChanged"],
});
