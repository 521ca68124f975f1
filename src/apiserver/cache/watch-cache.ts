// The watch cache of one resource: one watch of the store feeds an ordered index of the newest states, a ring of recent
// changes, and the subscribers.
//
// Invariants: the index is the state of the store at `revision`; subscribers see every change after the revision they
// begin at exactly once, in order; a subscriber's `event` is called from the store's delivery and must not block. The cache
// does nothing until it is first used.

import { internalServerError, type Kind, type KubeObject, type Pod, type StatusError, serviceUnavailableError } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import { type Key, type KeyValue, prefixEnd, type Store, type StoreWatch, type WatchEvent } from "../../store/index.ts";
import { ObjectRevision } from "../storage/object-revision.ts";
import { tooLargeResourceVersionError } from "../storage/object-store.ts";
import { type CacheEvent, EventRing } from "./event-ring.ts";
import { ObjectIndex } from "./object-index.ts";
import { type Scope, SubscriberIndex } from "./subscriber-index.ts";

/** Changes are replayed from here for at least this long; older ones come from the store's history. */
const RING = { capacity: 20_000, minimum: 256, windowMs: 75_000 };
/** How long a read waits for the cache to reach a revision. */
const FRESHNESS_TIMEOUT_MS = 3_000;
const BOOKMARK_INTERVAL_MS = 60_000;

export interface Subscriber {
  event(event: CacheEvent): void;
  /** The cache has shown everything up to `revision`. */
  progress(revision: number): void;
  /** Nothing follows; the client must list anew. Without an error it just watches again. */
  closed(error: StatusError | undefined): void;
}

export interface Subscription {
  cancel(): void;
}

export class WatchCache {
  readonly #env: Env;
  readonly #store: Store;
  readonly #prefix: Key;
  readonly #namespaced: boolean;
  readonly #boundToNodes: boolean;
  readonly #index = new ObjectIndex();
  readonly #subscribers = new SubscriberIndex<Subscriber>();
  readonly #waiters = new Set<{ readonly revision: number; readonly resolve: () => void }>();
  #ring = new EventRing(RING, 0);
  #revision = 0;
  #starting: Promise<void> | undefined;
  #started = false;
  #watch: StoreWatch | undefined;
  #bookmarks: { cancel(): void } | undefined;
  #stopped = false;

  constructor(env: Env, store: Store, kind: Kind, prefix: Key) {
    this.#env = env;
    this.#store = store;
    this.#prefix = prefix;
    this.#namespaced = kind.namespaced;
    this.#boundToNodes = kind.group === "" && kind.resource === "pods";
  }

  /** The revision that the index is the state of. */
  get revision(): number {
    return this.#revision;
  }
  get isStarted(): boolean {
    return this.#started;
  }
  /** How many objects there are. */
  get size(): number {
    return this.#index.size;
  }

  /** Resolves when the index holds the store's state. */
  start(): Promise<void> {
    this.#starting ??= this.#begin().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  /** Without an error the resource is no more, and its watchers find that out when they come again. */
  stop(error: StatusError | undefined = serviceUnavailableError("the server is shutting down")): void {
    this.#stopped = true;
    this.#watch?.cancel();
    this.#bookmarks?.cancel();
    this.#closeSubscribers(error);
  }

  /** Ends all watches, for what they show has another form from now on. */
  endWatches(): void {
    this.#closeSubscribers(undefined);
  }

  /** Resolves when the cache has seen `revision`; rejects with a Timeout when that takes too long. */
  async waitFor(revision: number): Promise<void> {
    await this.start();
    if (this.#revision >= revision) return;
    this.#watch?.requestProgress();
    await new Promise<void>((resolve, reject) => {
      const timer = this.#env.clock.setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(tooLargeResourceVersionError(revision, this.#revision));
      }, FRESHNESS_TIMEOUT_MS);
      const waiter = {
        revision,
        resolve: () => {
          timer.cancel();
          resolve();
        },
      };
      this.#waiters.add(waiter);
      this.#wakeWaiters();
    });
  }

  get(key: Key): ObjectRevision | undefined {
    return this.#index.get(key);
  }
  withPrefix(prefix: Key): ObjectRevision[] {
    return this.#index.withPrefix(prefix);
  }

  /** The changes after `revision`; undefined when the ring does not reach so far back. The cache must be started. */
  changesAfter(revision: number): CacheEvent[] | undefined {
    return this.#ring.after(revision);
  }

  /** Calls `subscriber` for every change from now on. The cache must be started. */
  subscribe(scope: Scope, subscriber: Subscriber): Subscription {
    const remove = this.#subscribers.add(scope, subscriber);
    this.#scheduleBookmarks();
    return { cancel: remove };
  }

  async #begin(): Promise<void> {
    const range = await this.#store.range({ key: this.#prefix, end: prefixEnd(this.#prefix) });
    if (!range.ok) throw internalServerError(`the store does not answer for its newest revision: ${range.reason}`);
    for (const item of range.items) this.#index.set(item.key, new ObjectRevision(item.key, item.modRevision, item.value));
    this.#revision = range.revision;
    this.#ring = new EventRing(RING, range.revision);
    this.#started = true;
    if (this.#stopped) return;
    this.#watch = this.#store.watch(
      { key: this.#prefix, end: prefixEnd(this.#prefix), startRevision: range.revision + 1 },
      {
        events: (events, revision) => this.#receive(events, revision),
        closed: (reason) => this.#lost(reason),
      },
    );
  }

  #receive(events: readonly WatchEvent[], revision: number): void {
    const now = this.#env.clock.now();
    for (const { type, kv } of events) {
      const previous = this.#index.get(kv.key);
      const current = type === "put" ? this.#put(kv) : undefined;
      if (current === undefined) this.#index.delete(kv.key);
      if (current === undefined && previous === undefined) continue;
      this.#revision = kv.modRevision;
      const event: CacheEvent = { revision: kv.modRevision, current, previous };
      this.#ring.add(event, now);
      this.#dispatch(kv.key, event);
    }
    this.#revision = Math.max(this.#revision, revision);
    this.#wakeWaiters();
  }

  #put(kv: KeyValue): ObjectRevision {
    const object = new ObjectRevision(kv.key, kv.modRevision, kv.value);
    this.#index.set(kv.key, object);
    return object;
  }

  #dispatch(key: Key, event: CacheEvent): void {
    if (this.#subscribers.isEmpty) return;
    const nodes = this.#boundToNodes && this.#subscribers.hasNodeScopes ? [nodeOf(event.current?.object), nodeOf(event.previous?.object)] : [];
    this.#subscribers.visit({ key, namespace: this.#namespaceOf(key), nodes }, (subscriber) => subscriber.event(event));
  }

  #namespaceOf(key: Key): string {
    return this.#namespaced ? key.slice(this.#prefix.length, key.indexOf("/", this.#prefix.length)) : "";
  }

  #wakeWaiters(): void {
    for (const waiter of this.#waiters) {
      if (waiter.revision > this.#revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** The store's watch ended: everybody lists anew, and the next use starts over. */
  #lost(reason: "cancelled" | "compacted" | "storeClosed"): void {
    if (this.#stopped || reason === "cancelled") return;
    this.#env.log.warn("the watch of the store ended", { prefix: this.#prefix, reason });
    this.#started = false;
    this.#starting = undefined;
    for (const object of this.#index.withPrefix(this.#prefix)) this.#index.delete(object.key);
    this.#closeSubscribers(internalServerError(`the watch of the store ended: ${reason}`));
  }

  #closeSubscribers(error: StatusError | undefined): void {
    for (const subscriber of this.#subscribers.all()) subscriber.closed(error);
  }

  /** While somebody subscribes, tells once a minute how far the cache is, so that clients resume close to the present. */
  #scheduleBookmarks(): void {
    if (this.#bookmarks !== undefined || this.#stopped) return;
    this.#bookmarks = this.#env.clock.setTimeout(() => {
      this.#bookmarks = undefined;
      if (this.#subscribers.isEmpty || this.#stopped) return;
      for (const subscriber of this.#subscribers.all()) subscriber.progress(this.#revision);
      this.#watch?.requestProgress();
      this.#scheduleBookmarks();
    }, BOOKMARK_INTERVAL_MS);
  }
}

function nodeOf(object: KubeObject | undefined): string {
  return (object as Pod | undefined)?.spec?.nodeName ?? "";
}
