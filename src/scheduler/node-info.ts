// A node with the sums of what its pods ask for, kept up to date pod by pod: the state that filters and scores look at.
import { type HostPort, hostPortsConflict, type Node, resourceAmounts } from "../api/index.ts";
import { type Amounts, numbers, type PodInfo, type PodTest } from "./pod-info.ts";

/** How a trial copy differs from the node itself. */
interface Changes {
  readonly added: Set<PodInfo>;
  readonly removed: Set<PodInfo>;
}

const NO_LABELS: Readonly<Record<string, string>> = {};

export class NodeInfo {
  readonly pods = new Map<string, PodInfo>();
  readonly requested = new Map<string, number>();
  /** The same with what containers without a request are assumed to use: for scoring only. */
  readonly scoredRequested = new Map<string, number>();
  private readonly ports = new Map<number, HostPort[]>();
  private object: Node | undefined;
  private allocatableAmounts: Amounts = new Map();
  private imageSizes: ReadonlyMap<string, number> = new Map();
  private features: ReadonlySet<string> = new Set();
  /** Set on trial copies only. */
  private changes: Changes | undefined;

  constructor(readonly name: string) {}

  /** Undefined while pods name a node that is not there (yet). */
  get node(): Node | undefined {
    return this.object;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.object?.metadata.labels ?? NO_LABELS;
  }

  label(key: string): string | undefined {
    return Object.hasOwn(this.labels, key) ? this.labels[key] : undefined;
  }

  get allocatable(): Amounts {
    return this.allocatableAmounts;
  }

  /** Bytes of the images that it has, by each of their names. */
  get images(): ReadonlyMap<string, number> {
    return this.imageSizes;
  }

  get declaredFeatures(): ReadonlySet<string> {
    return this.features;
  }

  setNode(node: Node | undefined): void {
    this.object = node;
    this.allocatableAmounts = numbers(resourceAmounts(node?.status?.allocatable));
    this.imageSizes = new Map((node?.status?.images ?? []).flatMap(({ names = [], sizeBytes = 0 }) => names.map((name) => [name, sizeBytes] as const)));
    this.features = new Set(node?.status?.declaredFeatures ?? []);
  }

  addPod(pod: PodInfo): void {
    this.removePod(pod.uid);
    this.pods.set(pod.uid, pod);
    this.count(pod, 1);
    for (const port of pod.hostPorts) this.ports.set(port.port, [...(this.ports.get(port.port) ?? []), port]);
    if (this.changes?.removed.delete(pod) === false) this.changes.added.add(pod);
  }

  removePod(uid: string): void {
    const pod = this.pods.get(uid);
    if (pod === undefined) return;
    this.pods.delete(uid);
    this.count(pod, -1);
    for (const port of pod.hostPorts) {
      const rest = (this.ports.get(port.port) ?? []).filter((other) => other !== port);
      if (rest.length === 0) this.ports.delete(port.port);
      else this.ports.set(port.port, rest);
    }
    if (this.changes?.added.delete(pod) === false) this.changes.removed.add(pod);
  }

  hasPortFree(wanted: HostPort): boolean {
    return !(this.ports.get(wanted.port) ?? []).some((taken) => hostPortsConflict(wanted, taken));
  }

  /** A copy to try changes on. */
  clone(): NodeInfo {
    const copy = new NodeInfo(this.name);
    copy.object = this.object;
    copy.allocatableAmounts = this.allocatableAmounts;
    copy.imageSizes = this.imageSizes;
    copy.features = this.features;
    for (const [uid, pod] of this.pods) copy.pods.set(uid, pod);
    for (const [name, amount] of this.requested) copy.requested.set(name, amount);
    for (const [name, amount] of this.scoredRequested) copy.scoredRequested.set(name, amount);
    for (const [port, taken] of this.ports) copy.ports.set(port, taken);
    copy.changes = { added: new Set(this.changes?.added), removed: new Set(this.changes?.removed) };
    return copy;
  }

  /** The pods that a trial copy has more than the node itself, and those that it has less. */
  get trialChanges(): { readonly added: Iterable<PodInfo>; readonly removed: Iterable<PodInfo> } | undefined {
    return this.changes;
  }

  /** How many more pods pass on a trial copy than on the node itself. */
  trialDifference(test: PodTest): number {
    if (this.changes === undefined) return 0;
    let difference = 0;
    for (const pod of this.changes.added) if (test(pod)) difference++;
    for (const pod of this.changes.removed) if (test(pod)) difference--;
    return difference;
  }

  private count(pod: PodInfo, sign: 1 | -1): void {
    addTo(this.requested, pod.requests, sign);
    addTo(this.scoredRequested, pod.scoredRequests, sign);
  }
}

function addTo(sum: Map<string, number>, amounts: Amounts, sign: 1 | -1): void {
  for (const [name, amount] of amounts) sum.set(name, (sum.get(name) ?? 0) + sign * amount);
}
