// In which order resizes that wait are tried: those that ask for no more first, then by priority, by QoS class, and the one
// that has waited longest (https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/#deferred-resizes).
import { type Pod, podPriority, podQosClass, podRequests } from "../../api/index.ts";
import { Quantity } from "../../base/index.ts";

export interface PendingResize {
  /** As its spec asks. */
  readonly pod: Pod;
  /** As it runs. */
  readonly allocated: Pod;
  /** Undefined: not refused yet. */
  readonly sinceMs: number | undefined;
}

export function inOrder(pending: readonly PendingResize[]): PendingResize[] {
  return [...pending].sort(
    (a, b) =>
      Number(asksForMore(a)) - Number(asksForMore(b)) ||
      podPriority(b.pod) - podPriority(a.pod) ||
      Number(podQosClass(b.pod) === "Guaranteed") - Number(podQosClass(a.pod) === "Guaranteed") ||
      (a.sinceMs ?? Infinity) - (b.sinceMs ?? Infinity) ||
      0,
  );
}

function asksForMore({ pod, allocated }: PendingResize): boolean {
  const [wanted, held] = [podRequests(pod), podRequests(allocated)];
  return ["cpu", "memory"].some((name) => (wanted.get(name) ?? Quantity.zero).compare(held.get(name) ?? Quantity.zero) > 0);
}
