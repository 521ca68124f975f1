// What a plan may ask for. Actions are data, so that a plan is a pure function and a test compares what it returns; the
// runtime carries them out (execute.ts).
import type { DeleteOptions, Kind, KubeObject, ObjectReference } from "../api/index.ts";
import type { Patch } from "../client/index.ts";

/** An event to report about an object. */
export interface Note {
  readonly about: KubeObject | ObjectReference;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** Events about a write, once it is known how it went. */
export interface Reports<Result> {
  readonly succeeded?: (result: Result) => Note | undefined;
  readonly failed?: (error: Error) => Note | undefined;
}

export interface CreateAction<T extends KubeObject = KubeObject> extends Reports<T> {
  readonly do: "create";
  readonly kind: Kind<T>;
  readonly object: T;
}
export interface UpdateAction<T extends KubeObject = KubeObject> extends Reports<T> {
  readonly do: "update";
  readonly kind: Kind<T>;
  /** Carries the resourceVersion it was computed from, so that a stale plan ends in a conflict. */
  readonly object: T;
  readonly subresource?: string;
}
export interface PatchAction<T extends KubeObject = KubeObject> extends Reports<T> {
  readonly do: "patch";
  readonly kind: Kind<T>;
  readonly object: T;
  readonly patch: Patch;
  readonly subresource?: string;
}
export interface DeleteAction<T extends KubeObject = KubeObject> extends Reports<T> {
  readonly do: "delete";
  readonly kind: Kind<T>;
  /** The object as it was seen; only this one is deleted, not another of its name. */
  readonly object: T;
  readonly options?: Partial<DeleteOptions>;
}
export interface NoteAction {
  readonly do: "note";
  readonly note: Note;
}
export type Action = CreateAction | UpdateAction | PatchAction | DeleteAction | NoteAction;

export interface Plan {
  /** In order; neighbouring creations and deletions run side by side. The first failure ends the list. */
  readonly actions: readonly Action[];
  /** What follows, also after a failure: where a status tells how it went. */
  readonly afterwards?: (failure: Error | undefined) => readonly Action[];
  /** When to look again though nothing changed. */
  readonly requeueAfterMs?: number;
}

export const nothing: Plan = { actions: [] };

/** Narrowing constructors: the type parameter ties object and kind together, the result forgets it. */
export function create<T extends KubeObject>(kind: Kind<T>, object: T, reports: Reports<T> = {}): Action {
  return { do: "create", kind, object, ...reports } as unknown as Action;
}
export function update<T extends KubeObject>(kind: Kind<T>, object: T, reports: Reports<T> = {}): Action {
  return { do: "update", kind, object, ...reports } as unknown as Action;
}
export function updateStatus<T extends KubeObject>(kind: Kind<T>, object: T): Action {
  return { do: "update", kind, object, subresource: "status" } as unknown as Action;
}
export function patch<T extends KubeObject>(kind: Kind<T>, object: T, body: Patch, subresource?: string): Action {
  return { do: "patch", kind, object, patch: body, ...(subresource === undefined ? {} : { subresource }) } as unknown as Action;
}
export function remove<T extends KubeObject>(kind: Kind<T>, object: T, reports: Reports<T> & { readonly options?: Partial<DeleteOptions> } = {}): Action {
  return { do: "delete", kind, object, ...reports } as unknown as Action;
}
export function note(about: KubeObject | ObjectReference, type: Note["type"], reason: string, message: string): Action {
  return { do: "note", note: { about, type, reason, message } };
}
