// The scheduling queue: pods ready to be tried, by priority and age; pods that wait out their back-off; pods that only an event
// can help; pods that are gated (https://kubernetes.io/docs/concepts/scheduling-eviction/scheduler-perf-tuning/).
//
// Invariants: a pod is in exactly one place. Nothing here polls: the one timer is the next back-off's end, or the moment
// after which even unhelped pods get another try.
import type { Env, Timer } from "../base/index.ts";
import type { ClusterEvent, Plugin } from "./plugin.ts";
import type { PodInfo } from "./pod-info.ts";

const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 10_000;
/** Against events that were misjudged. */
const TRY_ANYWAY_AFTER_MS = 5 * 60_000;

type Place = "active" | "backoff" | "unschedulable" | "gated" | "inFlight";

interface Entry {
  info: PodInfo;
  place: Place;
  readonly sequence: number;
  readonly queuedAtMs: number;
  attempts: number;
  /** When the last attempt ended. */
  triedAtMs: number;
  /** The plugins whose rejection keeps the pod unschedulable; empty: unknown. */
  rejectedBy: ReadonlySet<string>;
}

export interface SchedulingQueueOptions {
  readonly plugins: readonly Plugin[];
  /** Called when a pod becomes ready to be tried while nothing was. */
  readonly wake: () => void;
}

export class SchedulingQueue {
  private readonly entries = new Map<string, Entry>();
  private readonly active: Entry[] = [];
  private readonly byName: ReadonlyMap<string, Plugin>;
  private timer: Timer | undefined;
  private timerAtMs = Number.POSITIVE_INFINITY;
  private sequence = 0;
  private closed = false;

  constructor(
    private readonly env: Env,
    private readonly options: SchedulingQueueOptions,
  ) {
    this.byName = new Map(options.plugins.map((plugin) => [plugin.name, plugin]));
  }

  /** A pod that is to be scheduled, new or changed. */
  put(info: PodInfo, changed: boolean): void {
    const known = this.entries.get(info.uid);
    if (known === undefined) {
      const entry: Entry = {
        info,
        place: "gated",
        sequence: this.sequence++,
        queuedAtMs: this.env.clock.monotonic(),
        attempts: 0,
        triedAtMs: 0,
        rejectedBy: new Set(),
      };
      this.entries.set(info.uid, entry);
      this.admit(entry);
      return;
    }
    known.info = info;
    if (!changed) return;
    if (known.place === "gated") this.admit(known);
    else if (known.place === "unschedulable") this.release(known);
  }

  has(uid: string): boolean {
    return this.entries.has(uid);
  }

  /** The pod is gone, or on a node. */
  remove(uid: string): void {
    const entry = this.entries.get(uid);
    if (entry === undefined) return;
    this.entries.delete(uid);
    if (entry.place === "active") this.active.splice(this.active.indexOf(entry), 1);
  }

  /** The pod to try next; it is in flight until `done` or `failed`. */
  pop(): PodInfo | undefined {
    const entry = this.active.shift();
    if (entry === undefined) return undefined;
    entry.place = "inFlight";
    entry.attempts++;
    return entry.info;
  }

  /** The pod has got its node. */
  done(uid: string): void {
    this.remove(uid);
  }

  /** No node would do, by the judgement of these plugins. */
  unschedulable(uid: string, rejectedBy: ReadonlySet<string>): void {
    this.rest(uid, "unschedulable", rejectedBy);
  }

  /** The attempt failed for a reason that will pass. */
  failed(uid: string): void {
    this.rest(uid, "backoff", new Set());
  }

  /** What the pod was put aside to wait for will not come: it is tried again after its back-off. */
  retry(uid: string): void {
    const entry = this.entries.get(uid);
    if (entry?.place === "unschedulable") this.release(entry);
  }

  /** Wakes the pods that the event may help. */
  happened(event: ClusterEvent): void {
    for (const entry of this.entries.values()) {
      if (entry.place === "unschedulable" && this.mayHelp(entry, event)) this.release(entry);
    }
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  private mayHelp(entry: Entry, event: ClusterEvent): boolean {
    if (entry.rejectedBy.size === 0) return true;
    for (const name of entry.rejectedBy) if (this.byName.get(name)?.helps?.(entry.info, event) !== false) return true;
    return false;
  }

  private rest(uid: string, place: "unschedulable" | "backoff", rejectedBy: ReadonlySet<string>): void {
    const entry = this.entries.get(uid);
    if (entry === undefined) return;
    entry.place = place;
    entry.triedAtMs = this.env.clock.monotonic();
    entry.rejectedBy = rejectedBy;
    this.setTimer(this.dueMs(entry));
  }

  /** Into the queue, unless a plugin keeps it out. */
  private admit(entry: Entry): void {
    const kept = this.options.plugins.some(({ preEnqueue }) => preEnqueue?.(entry.info) !== undefined);
    if (kept) entry.place = "gated";
    else this.activate(entry);
  }

  /** Out of the unschedulable pods: to the active ones, or first through the rest of its back-off. */
  private release(entry: Entry): void {
    entry.place = "backoff";
    const dueMs = this.dueMs(entry);
    if (dueMs <= this.env.clock.monotonic()) this.activate(entry);
    else this.setTimer(dueMs);
  }

  private activate(entry: Entry): void {
    entry.place = "active";
    insertSorted(this.active, entry);
    this.options.wake();
  }

  private dueMs(entry: Entry): number {
    if (entry.place === "unschedulable") return entry.triedAtMs + TRY_ANYWAY_AFTER_MS;
    return entry.triedAtMs + (entry.attempts === 0 ? 0 : Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (entry.attempts - 1)));
  }

  private setTimer(atMs: number): void {
    if (this.closed || atMs >= this.timerAtMs) return;
    this.timer?.cancel();
    this.timerAtMs = atMs;
    this.timer = this.env.clock.setTimeout(() => this.timerFired(), Math.max(0, atMs - this.env.clock.monotonic()));
  }

  private timerFired(): void {
    this.timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.env.clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.entries.values()) {
      if (entry.place !== "backoff" && entry.place !== "unschedulable") continue;
      const dueMs = this.dueMs(entry);
      if (dueMs <= nowMs) this.activate(entry);
      else next = Math.min(next, dueMs);
    }
    if (next < Number.POSITIVE_INFINITY) this.setTimer(next);
  }
}

/** Higher priority first, then the older. */
function comesBefore(one: Entry, other: Entry): boolean {
  if (one.info.priority !== other.info.priority) return one.info.priority > other.info.priority;
  return one.queuedAtMs !== other.queuedAtMs ? one.queuedAtMs < other.queuedAtMs : one.sequence < other.sequence;
}

function insertSorted(entries: Entry[], entry: Entry): void {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = entries[middle];
    if (other !== undefined && comesBefore(entry, other)) high = middle;
    else low = middle + 1;
  }
  entries.splice(low, 0, entry);
}
