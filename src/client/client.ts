// How every component meets the API. In one process it is a function call (apiserver's LocalClient), between processes
// HTTPS (client/https.host.ts); one contract suite runs over both. Objects handed out are shared and never to be changed.
import type { DeleteOptions, JsonValue, Kind, KubeObject, StatusError } from "../api/index.ts";

export interface ObjectName {
  readonly name: string;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
}

export interface GetOptions {
  readonly subresource?: string;
  readonly resourceVersion?: string;
  /** What else the resource takes in its query: the metrics APIs take selectors. */
  readonly parameters?: Readonly<Record<string, string>>;
}

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: "Exact" | "NotOlderThan";
}

export interface ListResult<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface WatchOptions extends Omit<ListOptions, "limit" | "continue"> {
  readonly allowBookmarks?: boolean;
  /** Begin with the current state as ADDED events, closed by a bookmark annotated `k8s.io/initial-events-end`. */
  readonly sendInitialEvents?: boolean;
}

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string; readonly initialEventsEnd: boolean };

/** Called in order. After `ended` nothing follows; `error` says why when it was not `stop()`. */
export interface WatchHandler<T> {
  event(event: WatchEvent<T>): void;
  ended(error: StatusError | undefined): void;
}

export interface Watch {
  stop(): void;
}

export interface WriteOptions {
  readonly subresource?: string;
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
}

export type Patch =
  | { readonly type: "json"; readonly body: JsonValue }
  | { readonly type: "merge"; readonly body: JsonValue }
  | { readonly type: "strategic"; readonly body: JsonValue }
  | { readonly type: "apply"; readonly body: JsonValue; readonly force?: boolean };

/** Every method rejects with a `StatusError` on an API failure. */
export interface Client {
  get<T extends KubeObject>(kind: Kind<T>, of: ObjectName, options?: GetOptions): Promise<T>;
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<ListResult<T>>;
  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions, handler: WatchHandler<T>): Watch;
  create<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  /** POST to a subresource: binding, eviction, token. */
  createSubresource<R extends KubeObject>(kind: Kind, of: ObjectName, subresource: string, body: R): Promise<R>;
  update<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(kind: Kind<T>, of: ObjectName, patch: Patch, options?: WriteOptions): Promise<T>;
  delete<T extends KubeObject>(kind: Kind<T>, of: ObjectName, options?: Partial<DeleteOptions>): Promise<void>;
  deleteCollection<T extends KubeObject>(kind: Kind<T>, list: ListOptions, options?: Partial<DeleteOptions>): Promise<void>;
}
