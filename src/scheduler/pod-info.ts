// What the scheduler must know of a pod, computed once: the numbers it asks for, the ports it takes, its wishes about other pods.
import { type HostPort, type Pod, podHostPorts, podPriority, podRequests } from "../api/index.ts";
import { Quantity } from "../base/index.ts";
import { type AffinityTerms, affinityTermsOf } from "./affinity-terms.ts";

/** Amounts as the scheduler counts them: cpu in thousandths, all else in whole units, both rounded up. */
export type Amounts = ReadonlyMap<string, number>;

export type PodTest = (pod: PodInfo) => boolean;

export interface PodInfo {
  readonly pod: Pod;
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly requests: Amounts;
  /** The same with what containers without a request are assumed to use: for scoring only. */
  readonly scoredRequests: Amounts;
  readonly hostPorts: readonly HostPort[];
  readonly affinity: AffinityTerms;
}

/** What a container is assumed to use that does not say: 0.1 CPU and 200 MB. */
const ASSUMED = new Map([
  ["cpu", Quantity.fromMilli(100)],
  ["memory", Quantity.fromValue(200 * 1024 * 1024, "BinarySI")],
]);
const NO_LABELS: Readonly<Record<string, string>> = {};

const known = new WeakMap<Pod, PodInfo>();

export function podInfo(pod: Pod): PodInfo {
  const found = known.get(pod);
  if (found !== undefined) return found;
  const { namespace = "", name, uid = "", labels = NO_LABELS } = pod.metadata;
  const info: PodInfo = {
    pod,
    key: `${namespace}/${name}`,
    uid,
    namespace,
    labels,
    priority: podPriority(pod),
    requests: numbers(podRequests(pod, { useStatus: true })),
    scoredRequests: numbers(podRequests(pod, { useStatus: true, nonMissingRequests: ASSUMED })),
    hostPorts: podHostPorts(pod),
    affinity: affinityTermsOf(pod),
  };
  known.set(pod, info);
  return info;
}

/** Whether two states of a pod on a node are the same to a scheduling decision. */
export function countsTheSame(one: PodInfo, other: PodInfo): boolean {
  const isLeaving = ({ pod }: PodInfo): boolean => pod.metadata.deletionTimestamp !== undefined;
  return isLeaving(one) === isLeaving(other) && sameLabels(one, other) && sameAmounts(one.requests, other.requests);
}

export function sameLabels({ labels: one }: PodInfo, { labels: other }: PodInfo): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && one[key] === other[key]);
}

function sameAmounts(one: Amounts, other: Amounts): boolean {
  return one.size === other.size && [...one].every(([name, amount]) => other.get(name) === amount);
}

export function numbers(amounts: ReadonlyMap<string, Quantity>): Map<string, number> {
  return new Map([...amounts].map(([name, quantity]) => [name, name === "cpu" ? quantity.milliValue() : quantity.value()]));
}
