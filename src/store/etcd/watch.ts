// etcd's service Watch (https://etcd.io/docs/v3.6/learning/api/#watch-api): many watches over one stream.
//
// Invariants: the events of a revision are in one response, or in fragments when the client asked for those; a client that reads
// slowly is not buffered for: its watches stop, and go on where they were when it has read.
import type { Env, Timer } from "../../base/index.ts";
import type { Store, StoreWatch, WatchEvent, WatchRequest } from "../store.ts";
import { keyOf, keyValue } from "./convert.ts";
import { type CallHandler, decodeRequest, GrpcError, type GrpcMethods, grpcStatus, type ServerCall } from "./grpc.ts";
import type { Member } from "./member.ts";
import { codec, type Wire, type WireInput } from "./messages.ts";

/** How often a quiet watch that asked for it hears how far the store is; etcd's default. */
const PROGRESS_INTERVAL_MS = 600_000;
/** A response beyond it is sent in fragments, when the client takes them. */
const FRAGMENT_BYTES = 1024 * 1024;
/** In a response that concerns all watches of the stream, or none. */
const NO_WATCH_ID = -1;
/** Event types and filters, by number. */
const FILTERED = ["put", "delete"] as const;
const EVENT_TYPES: Readonly<Record<WatchEvent["type"], number>> = { put: 0, delete: 1 };
/** What a pair costs beside key and value; only to know when to cut. */
const EVENT_OVERHEAD_BYTES = 64;

export interface WatchServiceOptions {
  readonly progressIntervalMs?: number;
}

export function watchMethods(env: Env, store: Store, member: Member, options: WatchServiceOptions = {}): GrpcMethods {
  return { "/etcdserverpb.Watch/Watch": (call) => new WatchStream(env, { store, member, call, ...options }) };
}

interface Watching {
  readonly id: number;
  readonly request: WatchRequest;
  readonly fragment: boolean;
  readonly progressNotify: boolean;
  /** Where a watch that was stopped goes on. */
  nextRevision: number;
  /** Undefined: stopped until the client has read. */
  watch: StoreWatch | undefined;
  /** Something was sent since the last look. */
  active: boolean;
  progressDue: boolean;
}

interface WatchStreamParts extends WatchServiceOptions {
  readonly store: Store;
  readonly member: Member;
  readonly call: ServerCall;
}

class WatchStream implements CallHandler {
  readonly #env: Env;
  readonly #store: Store;
  readonly #member: Member;
  readonly #call: ServerCall;
  readonly #progressIntervalMs: number;
  readonly #watches = new Map<number, Watching>();
  /** Watches that have yet to report before the client hears how far all are, and how far the others were; undefined: it did not ask. */
  #reporting: { readonly waiting: Set<Watching>; revision: number } | undefined;
  #timer: Timer | undefined;
  #nextId = 0;
  #full = false;

  constructor(env: Env, { store, member, call, progressIntervalMs = PROGRESS_INTERVAL_MS }: WatchStreamParts) {
    this.#env = env;
    this.#store = store;
    this.#member = member;
    this.#call = call;
    this.#progressIntervalMs = progressIntervalMs;
  }

  message(bytes: Uint8Array): void {
    try {
      const { create, cancel, progress } = decodeRequest("WatchRequest", bytes);
      if (create !== undefined) this.#create(create);
      else if (cancel !== undefined) this.#cancel(cancel.watchId);
      else if (progress !== undefined) this.#reportAll();
    } catch (error) {
      this.#call.fail(error);
    }
  }

  ended(): void {
    this.#call.end();
  }

  drained(): void {
    this.#full = false;
    for (const watching of this.#watches.values()) if (watching.watch === undefined) this.#start(watching, watching.nextRevision);
  }

  closed(): void {
    this.#timer?.cancel();
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    for (const { watch } of watches) watch?.cancel();
  }

  #create(wire: Wire<"WatchCreateRequest">): void {
    const refusal = this.#refusal(wire);
    if (refusal !== undefined) {
      this.#send({ watchId: NO_WATCH_ID, created: true, canceled: true, cancelReason: refusal });
      return;
    }
    const id = wire.watchId === 0 ? this.#freeId() : wire.watchId;
    const { key, end } = watchedRange(wire);
    const without = wire.filters.flatMap((filter) => FILTERED[filter] ?? []);
    const watching: Watching = {
      id,
      request: { key, ...(end === undefined ? {} : { end }), prevKv: wire.prevKv, without },
      fragment: wire.fragment,
      progressNotify: wire.progressNotify,
      nextRevision: wire.startRevision > 0 ? wire.startRevision : this.#store.revision() + 1,
      watch: undefined,
      active: true,
      progressDue: false,
    };
    this.#watches.set(id, watching);
    this.#send({ watchId: id, created: true });
    this.#start(watching, watching.nextRevision);
    if (watching.progressNotify) this.#arm();
  }

  #refusal(wire: Wire<"WatchCreateRequest">): string | undefined {
    if (wire.watchId !== 0 && this.#watches.has(wire.watchId)) return "etcdserver: mvcc: duplicate watch ID provided on the WatchStream";
    const { key, end } = watchedRange(wire);
    return end !== undefined && end !== "\0" && end <= key ? "etcdserver: mvcc: watcher range is empty" : undefined;
  }

  #freeId(): number {
    while (this.#watches.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #start(watching: Watching, startRevision: number): void {
    watching.watch = this.#store.watch(
      { ...watching.request, startRevision },
      {
        events: (events, revision) => {
          if (this.#watches.get(watching.id) !== watching || watching.watch === undefined) return;
          if (events.length === 0) this.#progress(watching, revision);
          else this.#events(watching, events, revision);
        },
        closed: (reason, compactRevision) => {
          if (reason === "cancelled" || !this.#watches.delete(watching.id)) return;
          this.#reported(watching);
          if (reason === "storeClosed") this.#call.fail(new GrpcError(grpcStatus.unavailable, "etcdserver: server stopped"));
          else this.#send({ watchId: watching.id, canceled: true, compactRevision, cancelReason: "etcdserver: mvcc: required revision has been compacted" });
        },
      },
    );
    if (this.#reporting?.waiting.has(watching)) watching.watch.requestProgress();
  }

  #events(watching: Watching, events: readonly WatchEvent[], revision: number): void {
    watching.active = true;
    watching.nextRevision = (events.at(-1)?.kv.modRevision ?? revision) + 1;
    const pieces = watching.fragment ? fragments(events) : [events];
    pieces.forEach((piece, index) => {
      const more = index < pieces.length - 1;
      this.#send({ watchId: watching.id, events: piece.map(wireEvent), fragment: more }, revision);
    });
    if (!this.#full) return;
    const { watch } = watching;
    watching.watch = undefined;
    watch?.cancel();
  }

  #cancel(id: number): void {
    const watching = this.#watches.get(id);
    if (watching === undefined) return;
    this.#watches.delete(id);
    watching.watch?.cancel();
    this.#send({ watchId: id, canceled: true });
    this.#reported(watching);
  }

  // Progress

  #reportAll(): void {
    if (this.#watches.size === 0) return;
    const waiting = [...this.#watches.values()];
    this.#reporting = { waiting: new Set(waiting), revision: Number.POSITIVE_INFINITY };
    for (const { watch } of waiting) watch?.requestProgress();
  }

  #progress(watching: Watching, revision: number): void {
    if (watching.progressDue) {
      watching.progressDue = false;
      this.#send({ watchId: watching.id }, revision);
    }
    this.#reported(watching, revision);
  }

  #reported(watching: Watching, revision = Number.POSITIVE_INFINITY): void {
    const reporting = this.#reporting;
    if (reporting?.waiting.delete(watching) !== true) return;
    reporting.revision = Math.min(reporting.revision, revision);
    if (reporting.waiting.size > 0) return;
    this.#reporting = undefined;
    if (reporting.revision !== Number.POSITIVE_INFINITY) this.#send({ watchId: NO_WATCH_ID }, reporting.revision);
  }

  #arm(): void {
    this.#timer ??= this.#env.clock.setTimeout(() => {
      this.#timer = undefined;
      const notified = [...this.#watches.values()].filter(({ progressNotify }) => progressNotify);
      for (const watching of notified) {
        watching.progressDue = !watching.active;
        watching.active = false;
        if (watching.progressDue) watching.watch?.requestProgress();
      }
      if (notified.length > 0) this.#arm();
    }, this.#progressIntervalMs);
  }

  #send(response: WireInput<"WatchResponse">, revision = this.#store.revision()): void {
    if (!this.#call.send(codec.encode("WatchResponse", { ...response, header: this.#member.header(revision) }))) this.#full = true;
  }
}

/** No key is the first key there can be. */
function watchedRange({ key, rangeEnd }: Wire<"WatchCreateRequest">): { readonly key: string; readonly end: string | undefined } {
  return { key: key.length === 0 ? "\0" : keyOf(key), end: rangeEnd.length === 0 ? undefined : keyOf(rangeEnd) };
}

function wireEvent({ type, kv, prevKv }: WatchEvent): WireInput<"Event"> {
  return { type: EVENT_TYPES[type], kv: keyValue(kv), prevKv: prevKv === undefined ? undefined : keyValue(prevKv) };
}

/** In pieces of about a megabyte, at least one event each. */
function fragments(events: readonly WatchEvent[]): WatchEvent[][] {
  const pieces: WatchEvent[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    const size = EVENT_OVERHEAD_BYTES + event.kv.key.length + event.kv.value.length + (event.prevKv?.value.length ?? 0);
    const piece = bytes + size > FRAGMENT_BYTES ? undefined : pieces.at(-1);
    if (piece === undefined) {
      pieces.push([event]);
      bytes = size;
    } else {
      piece.push(event);
      bytes += size;
    }
  }
  return pieces;
}
