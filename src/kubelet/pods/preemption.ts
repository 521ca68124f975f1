// Which pods have to go so that a critical one fits on its node: as few as will do, those of the lowest class of quality first
// (https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/). Pure.
import { isCriticalPod, type Pod, podPriority, podQosClass, podRequests } from "../../api/index.ts";

/** So much of a resource is missing, in its own unit: thousandths of CPU, bytes, pods. */
export interface Shortage {
  readonly name: string;
  readonly amount: number;
}

export type PreemptionPlan = { readonly ok: true; readonly victims: readonly Pod[] } | { readonly ok: false; readonly message: string };

export function planPreemption(pod: Pod, others: readonly Pod[], shortages: readonly Shortage[]): PreemptionPlan {
  const victims = others.filter((other) => mayPreempt(pod, other));
  const missing = without(shortages, victims);
  if (missing.length > 0) {
    const list = missing.map(({ name, amount }) => `(res: ${name}, q: ${amount}), `).join("");
    return { ok: false, message: `preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [${list}]` };
  }
  const ofClass = (qosClass: string): Pod[] => victims.filter((victim) => podQosClass(victim) === qosClass);
  const [bestEffort, burstable, guaranteed] = [ofClass("BestEffort"), ofClass("Burstable"), ofClass("Guaranteed")];
  // Of each class only what all lower ones together could not give.
  const best = fewest(guaranteed, without(shortages, [...bestEffort, ...burstable]));
  const middle = fewest(burstable, without(shortages, [...bestEffort, ...best]));
  const least = fewest(bestEffort, without(shortages, [...middle, ...best]));
  return { ok: true, victims: [...least, ...middle, ...best] };
}

function mayPreempt(pod: Pod, other: Pod): boolean {
  return !isCriticalPod(other) || podPriority(pod) > podPriority(other);
}

/** What still is missing without these pods. */
function without(shortages: readonly Shortage[], pods: readonly Pod[]): Shortage[] {
  return shortages.flatMap(({ name, amount }) => {
    const left = pods.reduce((sum, pod) => sum - held(pod, name), amount);
    return left > 0 ? [{ name, amount: left }] : [];
  });
}

/** Again and again the pod that covers most of what is missing; of equals the one that holds least. */
function fewest(pods: readonly Pod[], shortages: readonly Shortage[]): Pod[] {
  const chosen: Pod[] = [];
  let left = [...pods];
  for (let missing = [...shortages]; missing.length > 0 && left.length > 0; missing = without(missing, chosen.slice(-1))) {
    const [next] = [...left].sort(
      (a, b) => distance(a, missing) - distance(b, missing) || held(a, "memory") - held(b, "memory") || held(a, "cpu") - held(b, "cpu"),
    );
    if (next === undefined) break;
    chosen.push(next);
    left = left.filter((pod) => pod !== next);
  }
  return chosen;
}

/** How far the pod is from covering all that is missing; each resource weighs the same. */
function distance(pod: Pod, shortages: readonly Shortage[]): number {
  return shortages.reduce((sum, { name, amount }) => sum + Math.max(0, (amount - held(pod, name)) / amount) ** 2, 0);
}

function held(pod: Pod, name: string): number {
  if (name === "pods") return 1;
  const quantity = podRequests(pod).get(name);
  return (name === "cpu" ? quantity?.milliValue() : quantity?.value()) ?? 0;
}
