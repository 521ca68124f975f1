// The store's watchers. A published change finds the watchers whose range holds its key through an interval tree: what a
// write costs depends on the watchers that match, not on how many there are.
//
// Invariants: a watcher gets every change of its range from its start revision on, once, in order; sinks are called one at a
// time, never from within a sink; nothing follows `closed`.
import type { Logger } from "../base/index.ts";
import { IntervalTree } from "./interval-tree.ts";
import { type KeyRange, keyRange } from "./key-range.ts";
import type { Mvcc, Version } from "./mvcc.ts";
import type { StoreWatch, WatchEvent, WatchRequest, WatchSink } from "./store.ts";

/** History is handed over in pieces of this many events, and the rest of the revision that the last one is of. */
const EVENTS_PER_CALL = 1000;

interface Watcher {
  readonly id: number;
  readonly range: KeyRange;
  readonly prevKv: boolean;
  readonly without: readonly WatchEvent["type"][];
  readonly sink: WatchSink;
  /** Changes before it are not delivered. */
  startRevision: number;
  /** `behind`: history is still to be read. */
  state: "behind" | "current" | "closed";
  progressRequested: boolean;
  /** Collected while one publication is sorted out. */
  events: WatchEvent[];
}

export class WatchHub {
  readonly #mvcc: Mvcc;
  readonly #log: Logger;
  readonly #current = new IntervalTree<Watcher>();
  readonly #watchers = new Set<Watcher>();
  readonly #calls: (() => void)[] = [];
  #calling = false;
  #lastId = 0;
  #published: number;

  constructor(mvcc: Mvcc, log: Logger) {
    this.#mvcc = mvcc;
    this.#log = log;
    this.#published = mvcc.revision;
  }

  get size(): number {
    return this.#watchers.size;
  }

  watch(request: WatchRequest, sink: WatchSink): StoreWatch {
    const start = request.startRevision ?? 0;
    const watcher: Watcher = {
      id: ++this.#lastId,
      range: keyRange(request.key, request.end),
      prevKv: request.prevKv === true,
      without: request.without ?? [],
      sink,
      startRevision: start > 0 ? start : this.#published + 1,
      state: "behind",
      progressRequested: false,
      events: [],
    };
    this.#watchers.add(watcher);
    if (watcher.startRevision > this.#published) this.#makeCurrent(watcher);
    // Not from within `watch`: the caller must first hold what it returns.
    else void Promise.resolve().then(() => this.#catchUp(watcher));
    return {
      cancel: () => this.#close(watcher, (closing) => closing.closed("cancelled")),
      requestProgress: () => this.#requestProgress(watcher),
    };
  }

  /** Delivers changes that became durable; the store's revision is now `revision`. */
  publish(changes: readonly Version[], revision: number): void {
    this.#published = revision;
    const touched: Watcher[] = [];
    for (const change of changes) this.#collect(change, touched);
    touched.sort((left, right) => left.id - right.id);
    for (const watcher of touched) {
      const { events } = watcher;
      watcher.events = [];
      this.#deliver(watcher, events, revision);
    }
    this.#run();
  }

  closeAll(): void {
    for (const watcher of this.#watchers) this.#close(watcher, (sink) => sink.closed("storeClosed"));
  }

  #collect(change: Version, touched: Watcher[]): void {
    let plain: WatchEvent | undefined;
    let withPrevious: WatchEvent | undefined;
    this.#current.visitAt(change.record.key, (watcher) => {
      if (change.modRevision < watcher.startRevision || !wants(watcher, change)) return;
      if (watcher.events.length === 0) touched.push(watcher);
      if (watcher.prevKv) {
        withPrevious ??= this.#event(change, true);
        watcher.events.push(withPrevious);
      } else {
        plain ??= this.#event(change, false);
        watcher.events.push(plain);
      }
    });
  }

  #event(change: Version, prevKv: boolean): WatchEvent {
    const type = eventType(change);
    const kv = this.#mvcc.keyValue(change);
    const previous = prevKv ? this.#mvcc.previous(change) : undefined;
    return previous === undefined ? { type, kv } : { type, kv, prevKv: this.#mvcc.keyValue(previous) };
  }

  #catchUp(watcher: Watcher): void {
    if (watcher.state !== "behind") return;
    const { compactRevision } = this.#mvcc;
    if (watcher.startRevision < compactRevision) {
      this.#close(watcher, (sink) => sink.closed("compacted", compactRevision));
      return;
    }
    const { start, end } = watcher.range;
    const changes = this.#mvcc.history(watcher.startRevision, this.#published).filter((change) => {
      const { key } = change.record;
      return key >= start && key < end && wants(watcher, change);
    });
    for (let from = 0; from < changes.length; ) {
      let to = Math.min(from + EVENTS_PER_CALL, changes.length);
      while (to < changes.length && changes[to]?.modRevision === changes[to - 1]?.modRevision) to++;
      const events = changes.slice(from, to).map((change) => this.#event(change, watcher.prevKv));
      this.#deliver(watcher, events, this.#published);
      from = to;
    }
    this.#makeCurrent(watcher);
    if (watcher.progressRequested) this.#requestProgress(watcher);
    this.#run();
  }

  #makeCurrent(watcher: Watcher): void {
    watcher.state = "current";
    watcher.startRevision = Math.max(watcher.startRevision, this.#published + 1);
    this.#current.insert(watcher.range, watcher);
  }

  #requestProgress(watcher: Watcher): void {
    watcher.progressRequested = watcher.state === "behind";
    if (watcher.state !== "current") return;
    this.#deliver(watcher, [], this.#published);
    this.#run();
  }

  #deliver(watcher: Watcher, events: readonly WatchEvent[], revision: number): void {
    this.#calls.push(() => {
      if (watcher.state !== "closed") watcher.sink.events(events, revision);
    });
  }

  #close(watcher: Watcher, farewell: (sink: WatchSink) => void): void {
    if (watcher.state === "closed") return;
    if (watcher.state === "current") this.#current.delete(watcher.range, watcher);
    watcher.state = "closed";
    this.#watchers.delete(watcher);
    this.#calls.push(() => farewell(watcher.sink));
    this.#run();
  }

  #run(): void {
    if (this.#calling) return;
    this.#calling = true;
    for (let call = this.#calls.shift(); call !== undefined; call = this.#calls.shift()) {
      try {
        call();
      } catch (error) {
        // One broken sink must not starve the others; the failure surfaces as an unhandled rejection, which ends the component.
        this.#log.error("a watch sink threw", { error });
        void Promise.reject(error);
      }
    }
    this.#calling = false;
  }
}

function eventType(change: Version): WatchEvent["type"] {
  return change.version === 0 ? "delete" : "put";
}

function wants(watcher: Watcher, change: Version): boolean {
  return watcher.without.length === 0 || !watcher.without.includes(eventType(change));
}
