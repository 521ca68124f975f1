// A watch: changes of the selected objects, from a revision on, in one order
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
//
// Events are pulled by who sends them on; what is not pulled waits in a queue. Invariants: every change after the starting
// revision is shown exactly once, in order of revision; an object that leaves the selection is shown as DELETED in its last
// matching state under the revision of the change. Bound: a watcher that lets more than QUEUE_LIMIT live events wait is ended.
import {
  expiredError,
  type FieldError,
  FieldPath,
  forbidden,
  invalidError,
  isStatus,
  type Kind,
  type KubeObject,
  notSupported,
  type StatusError,
  serviceUnavailableError,
  unclassifiedError,
} from "../../api/index.ts";
import type { Store } from "../../store/index.ts";
import type { CacheEvent } from "../cache/event-ring.ts";
import type { Resource, Resources } from "../cache/resource.ts";
import type { Subscriber } from "../cache/watch-cache.ts";
import { readHistory } from "./history.ts";
import type { ObjectRevision } from "./object-revision.ts";
import type { ObjectStore } from "./object-store.ts";
import { parseResourceVersion } from "./reader.ts";
import { Selection, type SelectionOptions } from "./selection.ts";

export interface WatchQuery extends SelectionOptions {
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  /** Of lists alone: a watch that carries one is refused. */
  readonly continue?: string;
  readonly allowBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
}

export type RevisionEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: ObjectRevision; readonly source?: CacheEvent }
  | { readonly type: "BOOKMARK"; readonly revision: number; readonly initialEventsEnd: boolean };

const QUEUE_LIMIT = 10_000;

export class Watcher implements Subscriber {
  #initial: Iterator<RevisionEvent> | undefined;
  #queue: RevisionEvent[] = [];
  #position = 0;
  #shown = 0;
  #ended: { readonly error: StatusError | undefined } | undefined;
  #readable: (() => void) | undefined;
  #subscription: { cancel(): void } | undefined;

  constructor(
    private readonly selection: Selection,
    private readonly allowBookmarks: boolean,
  ) {}

  /** Calls `readable` whenever something came after `next` had nothing more to give. Called at once when there is something. */
  onReadable(readable: () => void): void {
    this.#readable = readable;
    readable();
  }

  /** The next event; undefined when there is none now. */
  next(): RevisionEvent | undefined {
    const initial = this.#initial?.next();
    if (initial !== undefined && !initial.done) return initial.value;
    this.#initial = undefined;
    const event = this.#queue[this.#position];
    if (event === undefined) return undefined;
    this.#position++;
    if (this.#position === this.#queue.length) {
      this.#queue = [];
      this.#position = 0;
    }
    return event;
  }

  /** Set once nothing follows what `next` still gives. */
  get ended(): { readonly error: StatusError | undefined } | undefined {
    return this.#ended;
  }

  stop(): void {
    this.closed(undefined);
  }

  /** Begins with `initial`, followed by `replayed` and everything the subscription brings. Only changes after `revision` are shown. */
  begin(revision: number, initial: Iterable<RevisionEvent>, replayed: readonly CacheEvent[]): void {
    this.#shown = revision;
    this.#initial = initial[Symbol.iterator]();
    for (const event of replayed) this.event(event);
  }
  subscribed(subscription: { cancel(): void }): void {
    if (this.#ended === undefined) this.#subscription = subscription;
    else subscription.cancel();
  }

  event(event: CacheEvent): void {
    if (event.revision <= this.#shown) return;
    this.#shown = event.revision;
    const shown = this.#select(event);
    if (shown !== undefined) this.#push(shown);
  }

  progress(revision: number): void {
    if (!this.allowBookmarks || this.#queue.length > 0 || revision < this.#shown) return;
    this.#push({ type: "BOOKMARK", revision, initialEventsEnd: false });
  }

  closed(error: StatusError | undefined): void {
    if (this.#ended !== undefined) return;
    this.#subscription?.cancel();
    this.#ended = { error };
    this.#readable?.();
  }

  #push(event: RevisionEvent): void {
    if (this.#ended !== undefined) return;
    this.#queue.push(event);
    if (this.#queue.length - this.#position > QUEUE_LIMIT) {
      this.#queue = [];
      this.#position = 0;
      this.closed(serviceUnavailableError("the client does not read its watch fast enough"));
    } else this.#readable?.();
  }

  #select(event: CacheEvent): RevisionEvent | undefined {
    const { current, previous, revision } = event;
    const is = current !== undefined && this.#covers(current);
    const was = previous !== undefined && this.#covers(previous);
    if (is) return { type: was ? "MODIFIED" : "ADDED", object: current, source: event };
    return was ? { type: "DELETED", object: previous.at(revision), source: event } : undefined;
  }

  #covers(object: ObjectRevision): boolean {
    return this.selection.matches(object);
  }
}

export class Watches {
  constructor(
    private readonly store: Store,
    private readonly objects: ObjectStore,
    private readonly resources: Resources,
  ) {}

  /** Starts a watch. Throws for a query that cannot be answered; too old a revision ends the watcher with Expired. */
  async start<T extends KubeObject>(kind: Kind<T>, query: WatchQuery): Promise<Watcher> {
    checkWatchQuery(query);
    const selection = new Selection(kind, query);
    const asked = parseResourceVersion(query.resourceVersion ?? "");
    const resource = this.resources.of(kind);
    const watcher = new Watcher(selection, query.allowBookmarks ?? false);
    const wantsState = query.sendInitialEvents ?? asked === 0;
    if (wantsState) await this.#startWithState(resource, selection, watcher, query);
    else await this.#startAfter(resource, selection, watcher, asked === 0 ? await this.objects.newestRevision() : asked);
    return watcher;
  }

  async #startWithState(resource: Resource, selection: Selection, watcher: Watcher, { resourceVersion = "", sendInitialEvents }: WatchQuery): Promise<void> {
    const { cache } = resource;
    if (resourceVersion !== "") await cache.waitFor(parseResourceVersion(resourceVersion));
    else if (cache.isStarted) await cache.waitFor(await this.objects.newestRevision());
    else await cache.start();
    const key = selection.key(resource);
    const single = key === undefined ? undefined : cache.get(key);
    const objects = key === undefined ? cache.withPrefix(selection.prefix(resource)) : single === undefined ? [] : [single];
    watcher.begin(cache.revision, initialEvents(objects, selection, sendInitialEvents ? cache.revision : undefined), []);
    watcher.subscribed(cache.subscribe(selection.scope(resource), watcher));
  }

  async #startAfter(resource: Resource, selection: Selection, watcher: Watcher, revision: number): Promise<void> {
    const { cache } = resource;
    await cache.start();
    const inScope = scopeFilter(resource, selection);
    const recent = cache.changesAfter(revision);
    if (recent !== undefined) {
      watcher.begin(revision, [], recent.filter(inScope));
      watcher.subscribed(cache.subscribe(selection.scope(resource), watcher));
      return;
    }
    // Older than the ring: the store still knows, unless it was compacted.
    const until = cache.revision;
    const waiting = new Backlog();
    const subscription = cache.subscribe(selection.scope(resource), waiting);
    try {
      const history = await readHistory(this.store, selection.prefix(resource), revision, until);
      watcher.begin(revision, [], [...history.filter(inScope), ...waiting.events]);
      waiting.forwardTo(watcher);
      watcher.subscribed(subscription);
    } catch (error) {
      subscription.cancel();
      if (!isStatus(error, "Expired")) throw error;
      watcher.closed(expiredError(`too old resource version: ${revision} (${cache.revision})`));
    }
  }
}

/** Keeps what comes while the history before it is read. */
class Backlog implements Subscriber {
  readonly events: CacheEvent[] = [];
  #target: Subscriber | undefined;
  #closedWith: StatusError | undefined;

  forwardTo(target: Subscriber): void {
    this.#target = target;
    if (this.#closedWith !== undefined) target.closed(this.#closedWith);
  }
  event(event: CacheEvent): void {
    if (this.#target === undefined) this.events.push(event);
    else this.#target.event(event);
  }
  progress(revision: number): void {
    this.#target?.progress(revision);
  }
  closed(error: StatusError): void {
    this.#closedWith = error;
    this.#target?.closed(error);
  }
}

function* initialEvents(objects: readonly ObjectRevision[], selection: Selection, bookmark: number | undefined): Generator<RevisionEvent> {
  for (const object of objects) if (selection.matches(object)) yield { type: "ADDED", object };
  if (bookmark !== undefined) yield { type: "BOOKMARK", revision: bookmark, initialEventsEnd: true };
}

function scopeFilter(resource: Resource, selection: Selection): (event: CacheEvent) => boolean {
  const key = selection.key(resource);
  const prefix = selection.prefix(resource);
  return ({ current, previous }) => {
    const of = (current ?? previous)?.key ?? "";
    return key === undefined ? of.startsWith(prefix) : of === key;
  };
}

function checkWatchQuery({ sendInitialEvents, resourceVersionMatch = "", resourceVersion = "", continue: token = "" }: WatchQuery): void {
  const path = FieldPath.root("resourceVersionMatch");
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && resourceVersionMatch !== "NotOlderThan") {
    errors.push(forbidden(path, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
  }
  if (resourceVersionMatch !== "") {
    if (sendInitialEvents === undefined) errors.push(forbidden(path, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
    if (resourceVersionMatch !== "NotOlderThan") errors.push(notSupported(path, resourceVersionMatch, ["NotOlderThan"]));
  }
  if (token !== "") errors.push(forbidden(path, "resourceVersionMatch is forbidden when continue is provided"));
  if (errors.length > 0) throw invalidError({ group: "meta.k8s.io", kind: "ListOptions" }, "", errors);
  if (/^\d*$/.test(resourceVersion)) return;
  const quoted = JSON.stringify(resourceVersion);
  throw unclassifiedError(`resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`);
}
