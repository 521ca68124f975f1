// The scheduling queue: pods ready to be tried, by priority and age; pods that wait out their back-off; pods that only an event
// can help; pods that are gated (https://kubernetes.io/docs/concepts/scheduling-eviction/scheduler-perf-tuning/).
//
// Invariants: a pod is in exactly one place. Gated pods are not looked at before they change. An event costs the pods that some
// plugin may let it help. Nothing here polls: the one timer is the next back-off's end, or the moment after which even unhelped pods
// get another try. While no other pod is ready, those that back off after an honest refusal are tried early.
import type { Env, Timer } from "../base/index.ts";
import type { ClusterState } from "./cluster-state.ts";
import { Heap } from "./heap.ts";
import type { ClusterEvent, Plugin } from "./plugin.ts";
import type { PodInfo } from "./pod-info.ts";
import type { Profile } from "./profile.ts";

const DEFAULT_BACKOFF: BackoffOptions = { firstMs: 1000, longestMs: 10_000 };
/** Against events that were misjudged. */
const TRY_ANYWAY_AFTER_MS = 5 * 60_000;
/** Back-offs that end within one such window are as good as equal: then priority counts. */
const WINDOW_MS = 1000;

type Place = "active" | "backoff" | "errorBackoff" | "unschedulable" | "gated" | "inFlight";

interface Entry {
  info: PodInfo;
  place: Place;
  readonly sequence: number;
  /** When it came, or the last attempt ended. */
  sinceMs: number;
  /** Attempts that found no node. */
  refusals: number;
  /** Attempts in a row that failed by themselves. */
  errors: number;
  /** When the back-off ends; of unschedulable pods: when they are tried anyway. */
  dueMs: number;
  /** The plugins whose rejection keeps the pod unschedulable; empty: unknown. */
  rejectedBy: readonly Plugin[];
  /** Set while room is being made: events wait until that is done. */
  held: { woken: boolean } | undefined;
}

export interface BackoffOptions {
  readonly firstMs: number;
  /** 0: no back-off. */
  readonly longestMs: number;
}

export interface SchedulingQueueOptions {
  /** By scheduler name. */
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly cluster: ClusterState;
  readonly backoff?: BackoffOptions;
  /** Called when a pod becomes ready to be tried while nothing was. */
  readonly wake: () => void;
}

export class SchedulingQueue {
  private readonly entries = new Map<string, Entry>();
  private readonly active = new Heap<Entry>(comesBefore);
  private readonly backoff = new Heap<Entry>(endsBefore);
  private readonly errorBackoff = new Heap<Entry>(endsBefore);
  private readonly unschedulable = new Set<Entry>();
  private timer: Timer | undefined;
  private timerAtMs = Number.POSITIVE_INFINITY;
  private sequence = 0;
  private closed = false;

  constructor(
    private readonly env: Env,
    private readonly options: SchedulingQueueOptions,
  ) {}

  /** A pod that is to be scheduled, new or changed. */
  put(info: PodInfo, old: PodInfo | undefined): void {
    const known = this.entries.get(info.uid);
    if (known === undefined) {
      const sinceMs = this.env.clock.monotonic();
      const entry: Entry = {
        info,
        place: "gated",
        sequence: this.sequence++,
        sinceMs,
        refusals: 0,
        errors: 0,
        dueMs: sinceMs,
        rejectedBy: [],
        held: undefined,
      };
      this.entries.set(info.uid, entry);
      this.admit(entry);
      return;
    }
    const reordered = known.info.priority !== info.priority;
    known.info = info;
    if (known.place === "gated") this.admit(known);
    else if (known.place === "active" && reordered) this.active.update(known);
    else if (known.place === "unschedulable" && old !== undefined) this.offer(known, { type: "podChanged", pod: info, old });
  }

  /** How many pods wait, by the places that metrics name. */
  counts(): Readonly<Record<string, number>> {
    const counts = { active: 0, backoff: 0, unschedulable: 0, gated: 0 };
    for (const { place } of this.entries.values()) {
      if (place === "errorBackoff") counts.backoff++;
      else if (place !== "inFlight") counts[place]++;
    }
    return counts;
  }

  has(uid: string): boolean {
    return this.entries.has(uid);
  }

  /** The pod is gone, or on a node. */
  remove(uid: string): void {
    const entry = this.entries.get(uid);
    if (entry === undefined) return;
    this.leave(entry);
    this.entries.delete(uid);
  }

  /** The pod to try next; it is in flight until `done`, `refused` or `failed`. */
  pop(): PodInfo | undefined {
    const entry = this.active.pop() ?? this.backoff.pop();
    if (entry === undefined) return undefined;
    entry.place = "inFlight";
    return entry.info;
  }

  /** The pod has got its node. */
  done(uid: string): void {
    this.remove(uid);
  }

  /** No node would do, by the judgement of these plugins. `held`: no event wakes the pod before `release`. */
  refused(uid: string, rejectedBy: ReadonlySet<string>, held = false): void {
    const entry = this.entries.get(uid);
    if (entry?.place !== "inFlight") return;
    entry.refusals++;
    entry.errors = 0;
    entry.sinceMs = this.env.clock.monotonic();
    entry.dueMs = entry.sinceMs + TRY_ANYWAY_AFTER_MS;
    entry.rejectedBy = (this.profileOf(entry)?.plugins ?? []).filter(({ name }) => rejectedBy.has(name));
    entry.held = held ? { woken: false } : undefined;
    entry.place = "unschedulable";
    this.unschedulable.add(entry);
    this.setTimer(entry.dueMs);
  }

  /** The attempt failed for a reason that will pass. */
  failed(uid: string): void {
    const entry = this.entries.get(uid);
    if (entry?.place !== "inFlight") return;
    entry.errors++;
    entry.sinceMs = this.env.clock.monotonic();
    entry.rejectedBy = [];
    this.backOff(entry, this.errorBackoff, "errorBackoff");
  }

  /** Room was made as far as it goes: events may wake the pod again. `retry`: it did not go well, and the pod must look elsewhere. */
  release(uid: string, retry = false): void {
    const entry = this.entries.get(uid);
    if (entry === undefined || entry.place !== "unschedulable") return;
    const isWoken = entry.held?.woken === true;
    entry.held = undefined;
    if (isWoken || retry) this.requeue(entry);
  }

  /** Wakes the pods that the event may help. `among`: only these. */
  happened(event: ClusterEvent, among: (pod: PodInfo) => boolean = () => true): void {
    for (const entry of this.unschedulable) if (among(entry.info)) this.offer(entry, event);
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  private profileOf({ info }: Entry): Profile | undefined {
    return this.options.profiles.get(info.pod.spec.schedulerName ?? "");
  }

  private offer(entry: Entry, event: ClusterEvent): void {
    if (!this.mayHelp(entry, event)) return;
    if (entry.held === undefined) this.requeue(entry);
    else entry.held.woken = true;
  }

  private mayHelp({ rejectedBy, info }: Entry, event: ClusterEvent): boolean {
    if (rejectedBy.length === 0) return true;
    for (const { helpedBy, helps } of rejectedBy) {
      if (helpedBy !== undefined && !helpedBy.includes(event.type)) continue;
      if (helps?.(info, event, this.options.cluster) !== false) return true;
    }
    return false;
  }

  /** Into the queue, unless a plugin keeps it out. */
  private admit(entry: Entry): void {
    const gates = this.profileOf(entry)?.at.preEnqueue ?? [];
    if (!gates.some(({ plugin }) => plugin.preEnqueue?.(entry.info) !== undefined)) this.activate(entry);
  }

  /** Out of the unschedulable pods: to the active ones, or first through the rest of its back-off. */
  private requeue(entry: Entry): void {
    this.leave(entry);
    this.backOff(entry, this.backoff, "backoff");
  }

  private backOff(entry: Entry, queue: Heap<Entry>, place: Place): void {
    entry.dueMs = entry.sinceMs + this.backoffOf(entry);
    if (entry.dueMs <= this.env.clock.monotonic()) {
      this.activate(entry);
      return;
    }
    entry.place = place;
    queue.push(entry);
    this.setTimer(entry.dueMs);
    if (queue === this.backoff) this.options.wake();
  }

  private backoffOf({ refusals, errors }: Entry): number {
    const { firstMs, longestMs } = this.options.backoff ?? DEFAULT_BACKOFF;
    const count = errors > 0 ? errors : refusals;
    return count === 0 ? 0 : Math.min(longestMs, firstMs * 2 ** (count - 1));
  }

  private activate(entry: Entry): void {
    entry.place = "active";
    this.active.push(entry);
    this.options.wake();
  }

  /** Out of where it waits. */
  private leave(entry: Entry): void {
    this.unschedulable.delete(entry);
    entry.held = undefined;
    if (entry.place === "active") this.active.remove(entry);
    else if (entry.place === "backoff") this.backoff.remove(entry);
    else if (entry.place === "errorBackoff") this.errorBackoff.remove(entry);
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
    let nextMs = Number.POSITIVE_INFINITY;
    for (const queue of [this.backoff, this.errorBackoff]) {
      for (let entry = queue.peek(); entry !== undefined; entry = queue.peek()) {
        if (entry.dueMs > nowMs) {
          nextMs = Math.min(nextMs, entry.dueMs);
          break;
        }
        queue.remove(entry);
        this.activate(entry);
      }
    }
    // In the order in which they came: the first that is not due yet is the next.
    for (const entry of this.unschedulable) {
      if (entry.dueMs > nowMs) {
        nextMs = Math.min(nextMs, entry.dueMs);
        break;
      }
      this.leave(entry);
      this.activate(entry);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.setTimer(nextMs);
  }
}

/** Higher priority first, then the older. */
function comesBefore(one: Entry, other: Entry): boolean {
  if (one.info.priority !== other.info.priority) return one.info.priority > other.info.priority;
  return one.sinceMs !== other.sinceMs ? one.sinceMs < other.sinceMs : one.sequence < other.sequence;
}

function endsBefore(one: Entry, other: Entry): boolean {
  const windows = Math.trunc(one.dueMs / WINDOW_MS) - Math.trunc(other.dueMs / WINDOW_MS);
  return windows === 0 ? comesBefore(one, other) : windows < 0;
}
