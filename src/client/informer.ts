// A local, always current view of all objects of a kind (or of those that a selector picks), kept by list and watch
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
//
// Invariants: handlers see every object's states in order, each state at most once, and old and new of a change fit together;
// after a gap (410, too long without connection) the difference to the server's state is delivered as ordinary changes;
// objects are shared and never changed. Handlers run synchronously and must return quickly.
import type { Kind, KubeObject, StatusError } from "../api/index.ts";
import { objectKey } from "../api/index.ts";
import type { Env, Logger, Timer } from "../base/index.ts";
import { type Backoff, createBackoff } from "./backoff.ts";
import type { Client, Watch, WatchEvent } from "./client.ts";
import { type IndexFunction, NAMESPACE_INDEX, ObjectIndex } from "./object-index.ts";

/** Which objects of the kind; absent: all. */
export interface InformerSelection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface InformerHandler<T> {
  /** `initial`: it was there when the informer (or this handler) started. */
  added?(object: T, initial: boolean): void;
  updated?(object: T, old: T): void;
  /** The last state that was seen. */
  deleted?(object: T): void;
}

export interface Informer<T extends KubeObject> {
  readonly kind: Kind<T>;
  /** Starting twice does nothing. */
  start(): void;
  /** For good. The cache stays readable. */
  stop(): void;
  hasSynced(): boolean;
  /** Resolves once the first complete state is here and handlers have seen it; never when stopped before. */
  synced(): Promise<void>;
  /** By `namespace/name`, or the name of a cluster-scoped object. */
  get(key: string): T | undefined;
  list(): T[];
  inNamespace(namespace: string): T[];
  /** Adds an index; the same name twice does nothing. */
  addIndex(name: string, valuesOf: IndexFunction<T>): void;
  byIndex(name: string, value: string): T[];
  readonly size: number;
  /** True when the view is at least as new as a write that was answered with this resourceVersion. */
  hasSeen(resourceVersion: string | undefined): boolean;
  /** Objects that are here already are added at once. Returns what removes the handler. */
  addHandler(handler: InformerHandler<T>): () => void;
}

/** As client-go's reflector: from 0.8 s up to 30 s, over after two minutes of health. */
const BACKOFF = { firstDelayMs: 800, largestDelayMs: 30_000, resetAfterMs: 120_000 } as const;
/** A watch that the server ends sooner than this is not reopened at once. */
const SHORT_WATCH_MS = 1000;

export function createInformer<T extends KubeObject>(env: Env, client: Client, kind: Kind<T>, selection: InformerSelection = {}): Informer<T> {
  return new ListWatchInformer(env, client, kind, selection);
}

class ListWatchInformer<T extends KubeObject> implements Informer<T> {
  private readonly objects = new ObjectIndex<T>();
  private readonly handlers = new Set<InformerHandler<T>>();
  private readonly backoff: Backoff;
  private readonly log: Logger;
  private readonly syncWaiters: (() => void)[] = [];
  private isSynced = false;
  private state: "new" | "running" | "stopped" = "new";
  /** Where the next watch goes on; undefined: from a fresh full state. */
  private resourceVersion: string | undefined;
  /** The newest state that was seen; kept over reconnections. */
  private seenVersion = "0";
  /** False once the server refused to send the initial state through the watch. */
  private streamsInitialState = true;
  /** Collects the initial state until its closing bookmark. */
  private incoming: Map<string, T> | undefined;
  private watch: Watch | undefined;
  private timer: Timer | undefined;

  constructor(
    private readonly env: Env,
    private readonly client: Client,
    readonly kind: Kind<T>,
    private readonly selection: InformerSelection,
  ) {
    this.backoff = createBackoff(env, BACKOFF);
    this.log = env.log.child(`informer.${kind.resource}`);
  }

  get size(): number {
    return this.objects.size;
  }
  hasSynced(): boolean {
    return this.isSynced;
  }
  synced(): Promise<void> {
    return this.isSynced ? Promise.resolve() : new Promise((resolve) => this.syncWaiters.push(resolve));
  }
  get(key: string): T | undefined {
    return this.objects.get(key);
  }
  list(): T[] {
    return [...this.objects.values()];
  }
  inNamespace(namespace: string): T[] {
    return this.byIndex(NAMESPACE_INDEX, namespace);
  }
  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    this.objects.addIndex(name, valuesOf);
  }
  byIndex(name: string, value: string): T[] {
    return [...this.objects.lookUp(name, value).values()];
  }

  hasSeen(resourceVersion: string | undefined): boolean {
    return resourceVersion === undefined || Number(this.seenVersion) >= Number(resourceVersion);
  }

  addHandler(handler: InformerHandler<T>): () => void {
    this.handlers.add(handler);
    for (const object of this.objects.values()) this.call(handler, (to) => to.added?.(object, true));
    return () => this.handlers.delete(handler);
  }

  start(): void {
    if (this.state !== "new") return;
    this.state = "running";
    this.connect();
  }

  stop(): void {
    this.state = "stopped";
    this.timer?.cancel();
    this.watch?.stop();
    this.watch = undefined;
  }

  private connect(): void {
    if (this.state !== "running") return;
    if (this.resourceVersion !== undefined) this.openWatch({ resourceVersion: this.resourceVersion });
    else if (this.streamsInitialState) {
      this.incoming = new Map();
      this.openWatch({ sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" });
    } else void this.listThenWatch();
  }

  private async listThenWatch(): Promise<void> {
    try {
      const objects = new Map<string, T>();
      let resourceVersion = "";
      let next: string | undefined;
      do {
        const page = await this.client.list(this.kind, { ...this.selection, limit: 500, continue: next });
        for (const item of page.items) objects.set(objectKey(item), item);
        resourceVersion = page.resourceVersion;
        next = page.continue === "" ? undefined : page.continue;
      } while (next !== undefined);
      if (this.state !== "running") return;
      this.replace(objects, resourceVersion);
      this.connect();
    } catch (error) {
      this.retryLater(error);
    }
  }

  private openWatch(from: { resourceVersion?: string; sendInitialEvents?: true; resourceVersionMatch?: "NotOlderThan" }): void {
    const openedMs = this.env.clock.monotonic();
    // The client may call back before `watch` returns, and a stopped watch must be heard no more.
    const token = { current: true };
    const handler = {
      event: (event: WatchEvent<T>): void => {
        if (token.current && this.state === "running") this.handle(event);
      },
      ended: (error: StatusError | undefined): void => {
        if (!token.current) return;
        token.current = false;
        this.watch = undefined;
        if (this.state === "running") this.watchEnded(error, this.env.clock.monotonic() - openedMs);
      },
    };
    const watch = this.client.watch(this.kind, { ...this.selection, ...from, allowBookmarks: true }, handler);
    if (token.current) this.watch = watch;
  }

  private watchEnded(error: StatusError | undefined, lastedMs: number): void {
    const interrupted = this.incoming !== undefined;
    this.incoming = undefined;
    if (error?.code === 410) {
      this.log.debug("the watch fell behind; reading the full state again");
      this.resourceVersion = undefined;
      if (lastedMs >= SHORT_WATCH_MS) this.connect();
      else this.retryLater(error);
      return;
    }
    // A server that cannot send it just now says that it failed, as upstream's over an etcd that tells no progress: this once, list.
    if (interrupted && error?.code === 500) {
      void this.listThenWatch();
      return;
    }
    // A server that does not know `sendInitialEvents` must refuse it.
    if (interrupted && (error?.reason === "Invalid" || error?.reason === "BadRequest")) {
      this.streamsInitialState = false;
      this.connect();
      return;
    }
    if (error === undefined && lastedMs >= SHORT_WATCH_MS) this.connect();
    else this.retryLater(error);
  }

  private retryLater(error: unknown): void {
    if (this.state !== "running") return;
    const delayMs = this.backoff.next();
    if (error !== undefined) this.log.warn("cannot follow the objects, will retry", { error, delayMs: Math.round(delayMs) });
    this.timer = this.env.clock.setTimeout(() => this.connect(), delayMs);
  }

  private handle(event: WatchEvent<T>): void {
    if (event.type === "BOOKMARK") {
      if (event.initialEventsEnd && this.incoming !== undefined) {
        const objects = this.incoming;
        this.incoming = undefined;
        this.replace(objects, event.resourceVersion);
      } else if (this.incoming === undefined) this.advance(event.resourceVersion);
      return;
    }
    const { object } = event;
    const key = objectKey(object);
    if (this.incoming !== undefined) {
      if (event.type === "DELETED") this.incoming.delete(key);
      else this.incoming.set(key, object);
      return;
    }
    this.advance(object.metadata.resourceVersion);
    if (event.type === "DELETED") this.remove(key, object);
    else this.put(key, object, false);
  }

  private advance(resourceVersion: string | undefined): void {
    this.resourceVersion = resourceVersion;
    this.seenVersion = resourceVersion ?? this.seenVersion;
  }

  /** Makes `objects` the state, telling handlers the difference. */
  private replace(objects: ReadonlyMap<string, T>, resourceVersion: string): void {
    this.advance(resourceVersion);
    for (const key of [...this.objects.keys()]) {
      const known = this.objects.get(key);
      if (known !== undefined && !objects.has(key)) this.remove(key, known);
    }
    const initial = !this.isSynced;
    for (const [key, object] of objects) this.put(key, object, initial);
    this.isSynced = true;
    for (const resolve of this.syncWaiters.splice(0)) resolve();
  }

  private put(key: string, object: T, initial: boolean): void {
    const old = this.objects.get(key);
    if (old !== undefined && old.metadata.resourceVersion === object.metadata.resourceVersion && old.metadata.uid === object.metadata.uid) return;
    // Deleted and made anew while we did not look: two objects, not one that changed.
    if (old !== undefined && old.metadata.uid !== object.metadata.uid) this.remove(key, old);
    const same = old !== undefined && old.metadata.uid === object.metadata.uid;
    this.objects.set(object);
    for (const handler of this.handlers) this.call(handler, (to) => (same ? to.updated?.(object, old) : to.added?.(object, initial)));
  }

  private remove(key: string, last: T): void {
    if (this.objects.get(key) === undefined) return;
    this.objects.delete(key);
    for (const handler of this.handlers) this.call(handler, (to) => to.deleted?.(last));
  }

  /** One handler's failure is not another's. */
  private call(handler: InformerHandler<T>, deliver: (handler: InformerHandler<T>) => void): void {
    try {
      deliver(handler);
    } catch (error) {
      this.log.error("a handler failed", { error });
    }
  }
}
