// What every pod of the node has been granted, and what of it the runtime was told last. A resize is granted when the node has
// room for it, otherwise it waits and is tried again when room is made (KEP-1287).
//
// Invariants: a grant is on disk before the runtime hears of it, so that a kubelet that starts anew goes on with it; the sum of
// all grants never exceeds what the node has to give; while a resize waits the pod runs on with what it had.
import type { Pod, ResourceRequirements } from "../../api/index.ts";
import type { Env, Timer } from "../../base/index.ts";
import type { KubeletHost } from "../host.ts";
import type { PodEvents } from "../pod-events.ts";
import type { AdmissionResult } from "../pods/pod-admission.ts";
import { podUid } from "../pods/pod-spec.ts";
import { podDirectory, podsDirectory } from "../volumes/paths.ts";
import { type Allocation, allocationOf, holdsAllocation, sameRequirements, withAllocation } from "./allocation.ts";
import { inOrder } from "./pending-order.ts";
import { resizeEventText } from "./resize-events.ts";

/** What the pod's conditions say about a resize; dates are left to the conditions. */
export interface ResizeState {
  /** The resize that the node has no room for. */
  readonly pending?: { readonly reason: "Deferred"; readonly message: string; readonly generation: number };
  /** The resize that is granted and not carried out yet; `message` tells what keeps it. */
  readonly inProgress?: { readonly message: string; readonly generation: number };
}

export interface PodAllocations {
  /** Reads what a former kubelet granted. */
  load(): Promise<void>;
  /** Grants what the pod asks for, unless something was granted to it before. Gives the pod as it may run. */
  admit(pod: Pod): Pod;
  /** With the resources that are granted. */
  allocated(pod: Pod): Pod;
  /** With the resources that the runtime was told last. */
  actuated(pod: Pod): Pod;
  state(uid: string): ResizeState;
  /** A newer spec: grants what it asks for if there is room. */
  updated(pod: Pod): void;
  /** Room may have been made. */
  retry(): void;
  /** The runtime runs the container (undefined: the pod's group) with these resources now. */
  actuate(uid: string, container: string | undefined, resources: ResourceRequirements): void;
  /** The granted resize is carried out, or is not for this reason. */
  progress(pod: Pod, isDone: boolean, error?: string): void;
  /** Writes down what changed since the last time. */
  save(uid: string): Promise<void>;
  forget(uid: string): void;
  stop(): void;
}

export interface PodAllocationsParts {
  readonly host: KubeletHost;
  readonly events: PodEvents;
  /** Whether the node has room for the pod beside all others; undefined: the node is not known yet. */
  readonly admits: (pod: Pod) => AdmissionResult | undefined;
  readonly pod: (uid: string) => Pod | undefined;
  /** Something was granted, or refused in other words. */
  readonly changed: (uid: string) => void;
}

interface Entry {
  allocated: Allocation;
  actuated: Allocation;
  state: ResizeState;
  pendingSinceMs: number | undefined;
  isSaved: boolean;
}

/** Nothing tells that the node itself has more to give. */
const RETRY_MS = 3 * 60_000;
const FILE = "resources.json";

export function createPodAllocations(env: Env, parts: PodAllocationsParts): PodAllocations {
  return new GrantedResources(env, parts);
}

class GrantedResources implements PodAllocations {
  private readonly entries = new Map<string, Entry>();
  private readonly waiting = new Set<string>();
  private timer: Timer | undefined;
  private retrying = false;

  constructor(
    private readonly env: Env,
    private readonly parts: PodAllocationsParts,
  ) {}

  async load(): Promise<void> {
    const { host } = this.parts;
    for (const uid of await host.files.list(podsDirectory(host))) {
      const data = await host.files.read(`${podDirectory(host, uid)}/${FILE}`);
      const known = data === undefined ? undefined : readEntry(new TextDecoder().decode(data));
      if (known === undefined) continue;
      this.entries.set(uid, { ...known, state: {}, pendingSinceMs: undefined, isSaved: true });
    }
  }

  admit(pod: Pod): Pod {
    const uid = podUid(pod);
    const known = this.entries.get(uid);
    if (known !== undefined) {
      this.restoreState(pod, known);
      return withAllocation(pod, known.allocated);
    }
    const asked = allocationOf(pod);
    this.entries.set(uid, { allocated: asked, actuated: asked, state: {}, pendingSinceMs: undefined, isSaved: false });
    return pod;
  }
  allocated(pod: Pod): Pod {
    const entry = this.entries.get(podUid(pod));
    return entry === undefined ? pod : withAllocation(pod, entry.allocated);
  }
  actuated(pod: Pod): Pod {
    const entry = this.entries.get(podUid(pod));
    return entry === undefined ? pod : withAllocation(pod, entry.actuated);
  }
  state(uid: string): ResizeState {
    return this.entries.get(uid)?.state ?? {};
  }

  updated(pod: Pod): void {
    const uid = podUid(pod);
    const entry = this.entries.get(uid);
    if (entry === undefined) return;
    if (holdsAllocation(pod, entry.allocated)) {
      // Asked back to what it has.
      this.waiting.delete(uid);
      entry.pendingSinceMs = undefined;
      entry.state = { ...(entry.state.inProgress === undefined ? {} : { inProgress: entry.state.inProgress }) };
      return;
    }
    this.waiting.add(uid);
    this.retry();
  }

  retry(): void {
    // A grant makes room nowhere, but its followers ask again.
    if (this.retrying || this.waiting.size === 0) return;
    this.retrying = true;
    const pending = [...this.waiting].flatMap((uid) => {
      const pod = this.parts.pod(uid);
      const entry = this.entries.get(uid);
      if (pod === undefined || entry === undefined) this.waiting.delete(uid);
      return pod === undefined || entry === undefined ? [] : [{ pod, allocated: withAllocation(pod, entry.allocated), sinceMs: entry.pendingSinceMs, entry }];
    });
    const entryOf = new Map(pending.map(({ pod, entry }) => [podUid(pod), entry]));
    for (const { pod } of inOrder(pending)) {
      const entry = entryOf.get(podUid(pod));
      if (entry !== undefined) this.tryOne(pod, entry);
    }
    this.retrying = false;
    this.timer?.cancel();
    this.timer = this.waiting.size === 0 ? undefined : this.env.clock.setTimeout(() => this.retry(), RETRY_MS);
  }

  actuate(uid: string, container: string | undefined, resources: ResourceRequirements): void {
    const entry = this.entries.get(uid);
    if (entry === undefined) return;
    const before = container === undefined ? entry.actuated.pod : entry.actuated.containers[container];
    if (before !== undefined && sameRequirements(before, resources)) return;
    entry.actuated =
      container === undefined
        ? { ...entry.actuated, pod: resources }
        : { ...entry.actuated, containers: { ...entry.actuated.containers, [container]: resources } };
    entry.isSaved = false;
  }

  progress(pod: Pod, isDone: boolean, error = ""): void {
    const entry = this.entries.get(podUid(pod));
    if (entry === undefined) return;
    const { pending, inProgress } = entry.state;
    const rest = pending === undefined ? {} : { pending };
    const generation = inProgress?.generation ?? pod.metadata.generation ?? 0;
    if (isDone) {
      if (inProgress === undefined) return;
      entry.state = rest;
      this.parts.events.pod(pod, "Normal", "ResizeCompleted", resizeEventText("Pod resize completed", pod, generation));
      this.retry();
      return;
    }
    const message = error === "" ? (inProgress?.message ?? "") : error;
    if (inProgress !== undefined && inProgress.message === message) return;
    entry.state = { ...rest, inProgress: { message, generation } };
    if (error !== "") this.parts.events.pod(pod, "Warning", "ResizeError", resizeEventText("Pod resize error", pod, generation, error));
  }

  async save(uid: string): Promise<void> {
    const entry = this.entries.get(uid);
    if (entry === undefined || entry.isSaved) return;
    entry.isSaved = true;
    const { host } = this.parts;
    const { allocated, actuated } = entry;
    const path = `${podDirectory(host, uid)}/${FILE}`;
    try {
      await host.files.makeDirectory(podDirectory(host, uid), 0o750);
      await host.files.write(`${path}.new`, new TextEncoder().encode(JSON.stringify({ allocated, actuated })), 0o600);
      await host.files.rename(`${path}.new`, path);
    } catch (error) {
      entry.isSaved = false;
      throw error;
    }
  }

  forget(uid: string): void {
    this.entries.delete(uid);
    this.waiting.delete(uid);
  }
  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private tryOne(pod: Pod, entry: Entry): void {
    const uid = podUid(pod);
    const generation = pod.metadata.generation ?? 0;
    const result = this.parts.admits(pod);
    if (result === undefined) return;
    if (result.admitted) {
      this.waiting.delete(uid);
      entry.allocated = allocationOf(pod);
      entry.isSaved = false;
      entry.pendingSinceMs = undefined;
      entry.state = { inProgress: { message: "", generation } };
      this.parts.events.pod(pod, "Normal", "ResizeStarted", resizeEventText("Pod resize started", pod, generation));
      this.parts.changed(uid);
      return;
    }
    const { message } = result;
    const { pending: before } = entry.state;
    entry.pendingSinceMs ??= this.env.clock.now();
    entry.state = { ...entry.state, pending: { reason: "Deferred", message, generation } };
    if (before?.generation !== generation) {
      this.parts.events.pod(pod, "Warning", "ResizeDeferred", resizeEventText(`Pod resize ${result.reason}`, pod, generation, message));
    }
    if (before?.generation !== generation || before.message !== message) this.parts.changed(uid);
  }

  /** After a restart the conditions tell what had been said. */
  private restoreState(pod: Pod, entry: Entry): void {
    const condition = pod.status?.conditions?.find(({ type, status }) => type === "PodResizeInProgress" && status === "True");
    if (condition !== undefined) entry.state = { inProgress: { message: condition.message ?? "", generation: condition.observedGeneration ?? 0 } };
    if (!holdsAllocation(pod, entry.allocated)) this.waiting.add(podUid(pod));
  }
}

/** Undefined: not what `save` writes, as after a power cut; the spec is granted anew then. */
function readEntry(text: string): { allocated: Allocation; actuated: Allocation } | undefined {
  try {
    const { allocated, actuated } = JSON.parse(text) as { allocated?: Allocation; actuated?: Allocation };
    return allocated === undefined || actuated === undefined ? undefined : { allocated, actuated };
  } catch {
    return undefined;
  }
}
