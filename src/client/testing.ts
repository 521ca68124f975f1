// A small API in memory for the tests of this room: objects by kind with resource versions, watches with bookmarks and
// expiry, optimistic concurrency, finalizers. It admits and validates nothing; whatever crosses rooms is tested on the real
// API server.
import {
  alreadyExistsError,
  type DeleteOptions,
  expiredError,
  fieldSelectorMatches,
  type Kind,
  type KubeObject,
  modifiedError,
  notFoundError,
  parseFieldSelectorFor,
  parseLabelSelector,
  StatusError,
} from "../api/index.ts";
import { deepFreeze, type Env, formatTime, mutableCopy, randomNameSuffix, randomUuid } from "../base/index.ts";
import type { Client, ListOptions, ListResult, Patch, Watch, WatchEvent, WatchHandler, WatchOptions, WriteOptions } from "./client.ts";

interface LogEntry {
  readonly revision: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubeObject;
  readonly old: KubeObject | undefined;
}
interface Table {
  readonly objects: Map<string, KubeObject>;
  readonly log: LogEntry[];
  readonly watchers: Set<(entry: LogEntry) => void>;
}

export interface FakeClient extends Client {
  /** Ends all watches, as a server that restarts. */
  dropWatches(error?: StatusError): void;
  /** Forgets the history, so that older watches get 410. */
  compact(): void;
  /** Makes the next requests of a verb fail. */
  failNext(verb: string, error: StatusError, times?: number): void;
  /** Refuses `sendInitialEvents`, as older servers do. */
  refuseInitialEvents(): void;
  /** The verbs and paths of the requests so far. */
  readonly requests: readonly string[];
}

export function createFakeClient(env: Env): FakeClient {
  return new MemoryClient(env);
}

class MemoryClient implements FakeClient {
  readonly requests: string[] = [];
  private readonly tables = new Map<string, Table>();
  private readonly endings = new Set<(error: StatusError | undefined) => void>();
  private readonly failures = new Map<string, StatusError[]>();
  private revision = 1;
  private compacted = 0;
  private streams = true;

  constructor(private readonly env: Env) {}

  get = async <T extends KubeObject>(kind: Kind<T>, of: { name: string; namespace?: string }): Promise<T> => {
    this.note("get", kind, of.name);
    return this.find(kind, of) as T;
  };

  list = async <T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}): Promise<ListResult<T>> => {
    this.note("list", kind);
    const matches = selectorOf(kind, options);
    const all = [...this.table(kind).objects.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    return { items: all.filter(matches) as T[], resourceVersion: String(this.revision) };
  };

  watch = <T extends KubeObject>(kind: Kind<T>, options: WatchOptions, handler: WatchHandler<T>): Watch => {
    this.requests.push(`watch ${kind.resource}`);
    const table = this.table(kind);
    const matches = selectorOf(kind, options);
    let over = false;
    const end = (error: StatusError | undefined): void => {
      if (over) return;
      over = true;
      table.watchers.delete(watcher);
      this.endings.delete(end);
      handler.ended(error);
    };
    const watcher = ({ type, object, old }: LogEntry): void => {
      const before = old !== undefined && matches(old);
      const after = type !== "DELETED" && matches(object);
      if (!before && !after) return;
      const event: WatchEvent<T> = { type: !after ? "DELETED" : before ? "MODIFIED" : "ADDED", object: object as T };
      queueMicrotask(() => over || handler.event(event));
    };
    this.endings.add(end);
    queueMicrotask(() => this.begin(options, { table, matches, watcher, end, handler: handler as unknown as WatchHandler<KubeObject> }));
    return { stop: () => end(undefined) };
  };

  create = async <T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> => {
    const generated = object.metadata.generateName ?? "";
    const name = object.metadata.name || `${generated}${randomNameSuffix(this.env.random)}`;
    this.note("create", kind, name);
    const { namespace } = object.metadata;
    if (this.table(kind).objects.has(keyOf({ name, namespace }))) throw alreadyExistsError(kind, name);
    const copy = mutableCopy(object as KubeObject);
    copy.metadata.name = name;
    copy.metadata.uid = randomUuid(this.env.random);
    copy.metadata.creationTimestamp = formatTime(this.env.clock.now());
    return this.store(kind, "ADDED", copy, undefined) as T;
  };

  createSubresource = async <R extends KubeObject>(kind: Kind, of: { name: string }, subresource: string, body: R): Promise<R> => {
    this.note(`create/${subresource}`, kind, of.name);
    return body;
  };

  update = async <T extends KubeObject>(kind: Kind<T>, object: T, options: WriteOptions = {}): Promise<T> => {
    this.note(options.subresource === undefined ? "update" : `update/${options.subresource}`, kind, object.metadata.name);
    const old = this.find(kind, object.metadata);
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) throw modifiedError(kind, object.metadata.name);
    const status = (from: KubeObject): object => ("status" in from ? { status: from.status } : {});
    const isStatus = options.subresource === "status";
    const merged = isStatus ? { ...old, ...status(object) } : { ...object, ...status(kind.subresources.has("status") ? old : object) };
    return this.change(kind, mutableCopy(merged as KubeObject), old) as T;
  };

  patch = async <T extends KubeObject>(kind: Kind<T>, of: { name: string; namespace?: string }, patch: Patch, options: WriteOptions = {}): Promise<T> => {
    this.note(options.subresource === undefined ? "patch" : `patch/${options.subresource}`, kind, of.name);
    if (patch.type !== "merge") throw new StatusError({ reason: "UnsupportedMediaType", code: 415, message: "the fake API knows merge patches only" });
    const old = this.find(kind, of);
    return this.change(kind, mutableCopy(mergePatch(old, patch.body) as KubeObject), old) as T;
  };

  delete = async <T extends KubeObject>(kind: Kind<T>, of: { name: string; namespace?: string }, _options: Partial<DeleteOptions> = {}): Promise<void> => {
    this.note("delete", kind, of.name);
    const old = this.find(kind, of);
    const copy = mutableCopy(old);
    if ((old.metadata.finalizers ?? []).length === 0) this.store(kind, "DELETED", copy, old);
    else if (old.metadata.deletionTimestamp === undefined) {
      copy.metadata.deletionTimestamp = formatTime(this.env.clock.now());
      this.store(kind, "MODIFIED", copy, old);
    }
  };

  deleteCollection = async <T extends KubeObject>(kind: Kind<T>, list: ListOptions): Promise<void> => {
    for (const item of (await this.list(kind, list)).items) await this.delete(kind, item.metadata);
  };

  dropWatches(error?: StatusError): void {
    for (const end of [...this.endings]) end(error);
  }
  compact(): void {
    this.compacted = this.revision;
  }
  failNext(verb: string, error: StatusError, times = 1): void {
    this.failures.set(verb, [...(this.failures.get(verb) ?? []), ...Array.from({ length: times }, () => error)]);
  }
  refuseInitialEvents(): void {
    this.streams = false;
  }

  private begin(options: WatchOptions, of: OpenWatch): void {
    const failure = this.failures.get("watch")?.shift() ?? this.refusal(options);
    if (failure !== undefined) {
      of.end(failure);
      return;
    }
    if (options.sendInitialEvents === true) {
      for (const object of of.table.objects.values()) if (of.matches(object)) of.handler.event({ type: "ADDED", object });
      of.handler.event({ type: "BOOKMARK", resourceVersion: String(this.revision), initialEventsEnd: true });
    } else {
      const from = Number(options.resourceVersion ?? "0");
      for (const entry of of.table.log) if (entry.revision > from) of.watcher(entry);
    }
    of.table.watchers.add(of.watcher);
  }

  private refusal(options: WatchOptions): StatusError | undefined {
    if (options.sendInitialEvents === true)
      return this.streams ? undefined : new StatusError({ reason: "Invalid", code: 422, message: "sendInitialEvents is forbidden" });
    return Number(options.resourceVersion ?? "0") < this.compacted ? expiredError("too old resource version") : undefined;
  }

  private note(verb: string, kind: { resource: string }, name = ""): void {
    this.requests.push(`${verb} ${kind.resource} ${name}`.trim());
    const failure = this.failures.get(verb)?.shift();
    if (failure !== undefined) throw failure;
  }

  private table(kind: { group: string; resource: string }): Table {
    const key = `${kind.group}/${kind.resource}`;
    const known = this.tables.get(key) ?? { objects: new Map(), log: [], watchers: new Set() };
    this.tables.set(key, known);
    return known;
  }

  private find(kind: { group: string; resource: string }, of: { name: string; namespace?: string }): KubeObject {
    const found = this.table(kind).objects.get(keyOf(of));
    if (found === undefined) throw notFoundError(kind, of.name);
    return found;
  }

  private change(kind: { group: string; resource: string }, copy: Parameters<MemoryClient["store"]>[2], old: KubeObject): KubeObject {
    const gone = copy.metadata.deletionTimestamp !== undefined && (copy.metadata.finalizers ?? []).length === 0;
    return this.store(kind, gone ? "DELETED" : "MODIFIED", copy, old);
  }

  private store(
    kind: { group: string; resource: string },
    type: LogEntry["type"],
    copy: ReturnType<typeof mutableCopy<KubeObject>>,
    old?: KubeObject,
  ): KubeObject {
    copy.metadata.resourceVersion = String(++this.revision);
    const object = deepFreeze(copy as KubeObject);
    const table = this.table(kind);
    if (type === "DELETED") table.objects.delete(keyOf(object.metadata));
    else table.objects.set(keyOf(object.metadata), object);
    const entry: LogEntry = { revision: this.revision, type, object, old };
    table.log.push(entry);
    for (const watcher of table.watchers) watcher(entry);
    return object;
  }
}

interface OpenWatch {
  readonly table: Table;
  readonly matches: (object: KubeObject) => boolean;
  readonly watcher: (entry: LogEntry) => void;
  readonly end: (error: StatusError | undefined) => void;
  readonly handler: WatchHandler<KubeObject>;
}

function keyOf({ namespace, name }: { namespace?: string; name: string }): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function selectorOf<T extends KubeObject>(kind: Kind<T>, options: ListOptions): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(options.labelSelector ?? "");
  const fields = parseFieldSelectorFor(kind, options.fieldSelector ?? "");
  return (object) =>
    (options.namespace === undefined || object.metadata.namespace === options.namespace) &&
    labels.matches(object.metadata.labels) &&
    fieldSelectorMatches(kind, fields, object as T);
}

/** RFC 7396. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}
