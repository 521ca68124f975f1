// A node with the sums of what its pods ask for, kept up to date pod by pod: the state that filters and scores look at.
import { type HostPort, hostPortsConflict, type Node, resourceAmounts } from "../api/index.ts";
import { type Amounts, numbers, type PodInfo } from "./pod-info.ts";

export class NodeInfo {
  readonly pods = new Map<string, PodInfo>();
  /** Those of them that have wishes about other pods: the only ones that every scheduling decision must ask. */
  readonly podsWithAffinity = new Map<string, PodInfo>();
  readonly requested = new Map<string, number>();
  readonly scoredRequested = new Map<string, number>();
  private readonly ports = new Map<number, HostPort[]>();
  private object: Node | undefined;
  private allocatableAmounts: Amounts = new Map();

  constructor(readonly name: string) {}

  /** Undefined while pods name a node that is not there (yet). */
  get node(): Node | undefined {
    return this.object;
  }

  get allocatable(): Amounts {
    return this.allocatableAmounts;
  }

  setNode(node: Node | undefined): void {
    this.object = node;
    this.allocatableAmounts = numbers(resourceAmounts(node?.status?.allocatable));
  }

  addPod(pod: PodInfo): void {
    this.removePod(pod.uid);
    this.pods.set(pod.uid, pod);
    const { podAffinity, podAntiAffinity } = pod.pod.spec.affinity ?? {};
    if (podAffinity !== undefined || podAntiAffinity !== undefined) this.podsWithAffinity.set(pod.uid, pod);
    this.count(pod, 1);
    for (const port of pod.hostPorts) this.ports.set(port.port, [...(this.ports.get(port.port) ?? []), port]);
  }

  removePod(uid: string): void {
    const pod = this.pods.get(uid);
    if (pod === undefined) return;
    this.pods.delete(uid);
    this.podsWithAffinity.delete(uid);
    this.count(pod, -1);
    for (const port of pod.hostPorts) {
      const rest = (this.ports.get(port.port) ?? []).filter((other) => other !== port);
      if (rest.length === 0) this.ports.delete(port.port);
      else this.ports.set(port.port, rest);
    }
  }

  hasPortFree(wanted: HostPort): boolean {
    return !(this.ports.get(wanted.port) ?? []).some((taken) => hostPortsConflict(wanted, taken));
  }

  /** A copy to try changes on. */
  clone(): NodeInfo {
    const copy = new NodeInfo(this.name);
    copy.setNode(this.object);
    for (const pod of this.pods.values()) copy.addPod(pod);
    return copy;
  }

  private count(pod: PodInfo, sign: 1 | -1): void {
    addTo(this.requested, pod.requests, sign);
    addTo(this.scoredRequested, pod.scoredRequests, sign);
  }
}

function addTo(sum: Map<string, number>, amounts: Amounts, sign: 1 | -1): void {
  for (const [name, amount] of amounts) sum.set(name, (sum.get(name) ?? 0) + sign * amount);
}
