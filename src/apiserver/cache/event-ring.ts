// The recent changes of one resource, so that a watch can begin a little in the past without asking the store.
//
// Bound: never more than `capacity` events; beyond the minimum, events older than the window are dropped first come first
// gone. A watch that begins before the ring does is told so.
import type { ObjectRevision } from "../storage/object-revision.ts";

/** One change of one object, as all watchers of the resource see it. */
export interface CacheEvent {
  readonly revision: number;
  /** The new state; undefined after a deletion. */
  readonly current: ObjectRevision | undefined;
  /** The state before, under its own revision; undefined for a creation. */
  readonly previous: ObjectRevision | undefined;
}

export interface EventRingOptions {
  readonly capacity: number;
  /** Kept whatever their age. */
  readonly minimum: number;
  readonly windowMs: number;
}

export class EventRing {
  readonly #options: EventRingOptions;
  /** In order of revision; the first `#start` are gone. */
  #events: CacheEvent[] = [];
  #times: number[] = [];
  #start = 0;
  /** All events after this revision are here. */
  #since: number;

  constructor(options: EventRingOptions, since: number) {
    this.#options = options;
    this.#since = since;
  }

  /** All events after this revision are in the ring. */
  get since(): number {
    return this.#since;
  }

  add(event: CacheEvent, nowMs: number): void {
    this.#events.push(event);
    this.#times.push(nowMs);
    const { capacity, minimum, windowMs } = this.#options;
    while (this.#size > capacity || (this.#size > minimum && (this.#times[this.#start] ?? nowMs) < nowMs - windowMs)) this.#dropOldest();
  }

  /** The events after `revision`, in order; undefined when some of them are gone. */
  after(revision: number): CacheEvent[] | undefined {
    if (revision < this.#since) return undefined;
    let low = this.#start;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle]?.revision ?? 0) > revision) high = middle;
      else low = middle + 1;
    }
    return this.#events.slice(low);
  }

  get #size(): number {
    return this.#events.length - this.#start;
  }

  #dropOldest(): void {
    this.#since = this.#events[this.#start]?.revision ?? this.#since;
    this.#start++;
    if (this.#start < 256 || this.#start * 2 < this.#events.length) return;
    this.#events = this.#events.slice(this.#start);
    this.#times = this.#times.slice(this.#start);
    this.#start = 0;
  }
}
