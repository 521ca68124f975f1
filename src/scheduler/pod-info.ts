// What the scheduler must know of a pod, computed once: the numbers it asks for and the ports it takes.
import { type HostPort, type Pod, podHostPorts, podPriority, podRequests } from "../api/index.ts";
import { Quantity } from "../base/index.ts";

/** Amounts as the scheduler counts them: cpu in thousandths, all else in whole units, both rounded up. */
export type Amounts = ReadonlyMap<string, number>;

export interface PodInfo {
  readonly pod: Pod;
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly priority: number;
  readonly requests: Amounts;
  /** The same with what containers without a request are assumed to use: for scoring only. */
  readonly scoredRequests: Amounts;
  readonly hostPorts: readonly HostPort[];
}

/** What a container is assumed to use that does not say: 0.1 CPU and 200 MB. */
const ASSUMED = new Map([
  ["cpu", Quantity.fromMilli(100)],
  ["memory", Quantity.fromValue(200 * 1024 * 1024, "BinarySI")],
]);

const known = new WeakMap<Pod, PodInfo>();

export function podInfo(pod: Pod): PodInfo {
  const found = known.get(pod);
  if (found !== undefined) return found;
  const { namespace, name, uid = "" } = pod.metadata;
  const info: PodInfo = {
    pod,
    key: `${namespace}/${name}`,
    uid,
    priority: podPriority(pod),
    requests: numbers(podRequests(pod, { useStatus: true })),
    scoredRequests: numbers(podRequests(pod, { useStatus: true, nonMissingRequests: ASSUMED })),
    hostPorts: podHostPorts(pod),
  };
  known.set(pod, info);
  return info;
}

/** Whether two states of a pod on a node are the same to a scheduling decision. */
export function countsTheSame(one: PodInfo, other: PodInfo): boolean {
  const facts = ({ pod, requests }: PodInfo): string => JSON.stringify([pod.metadata.labels ?? {}, [...requests]]);
  return facts(one) === facts(other);
}

export function numbers(amounts: ReadonlyMap<string, Quantity>): Map<string, number> {
  return new Map([...amounts].map(([name, quantity]) => [name, name === "cpu" ? quantity.milliValue() : quantity.value()]));
}
