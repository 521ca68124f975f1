// Carries out the actions of a plan through the API. Creations start slowly, one, two, four at a time, so that a refusal
// (quota, admission) is met once and not a hundred times; deletions run all at once.
import type { KubeObject } from "../api/index.ts";
import { StatusError } from "../api/index.ts";
import type { Client, EventRecorder } from "../client/index.ts";
import type { Action, CreateAction, DeleteAction, Note, Reports } from "./action.ts";

/** A write that went through, as the API answered it; a deletion with the state that was deleted. */
export interface Written {
  readonly action: Exclude<Action, { do: "note" }>;
  readonly result: KubeObject;
}

export interface Executor {
  readonly client: Client;
  readonly recorder: EventRecorder;
  /** Told about every write at once, before the next one begins. */
  readonly written: (write: Written) => void;
}

/** Runs the actions in order; throws the first failure. */
export async function execute(executor: Executor, actions: readonly Action[]): Promise<void> {
  for (let position = 0; position < actions.length; ) {
    const batch = batchAt(actions, position);
    position += batch.length;
    const [first] = batch;
    if (first === undefined) return;
    if (first.do === "note") tell(executor.recorder, first.note);
    else if (first.do === "create") await createSlowly(executor, batch as CreateAction[]);
    else if (first.do === "delete") await together(batch as DeleteAction[], (action) => deleteOne(executor, action));
    else await write(executor, first);
  }
}

/** The longest run of creations or deletions of one kind, or one action. */
function batchAt(actions: readonly Action[], position: number): readonly Action[] {
  const first = actions[position];
  if (first === undefined || (first.do !== "create" && first.do !== "delete")) return actions.slice(position, position + 1);
  let end = position + 1;
  for (let next = actions[end]; next?.do === first.do && next.kind === first.kind; next = actions[end]) end++;
  return actions.slice(position, end);
}

async function createSlowly(executor: Executor, actions: readonly CreateAction[]): Promise<void> {
  let size = 1;
  for (let position = 0; position < actions.length; position += size, size *= 2) {
    await together(actions.slice(position, position + size), (action) => write(executor, action));
  }
}

async function together<A>(actions: readonly A[], run: (action: A) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(actions.map(run));
  const failure = results.find((result) => result.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}

async function write(executor: Executor, action: Exclude<Action, { do: "note" | "delete" }>): Promise<void> {
  try {
    const result = await send(executor.client, action);
    executor.written({ action, result });
    report(executor.recorder, action, result);
  } catch (error) {
    // A namespace that goes away needs nothing any more.
    if (action.do === "create" && isNamespaceTerminating(error)) return;
    reportFailure(executor.recorder, action, error);
    throw error;
  }
}

function send(client: Client, action: Exclude<Action, { do: "note" | "delete" }>): Promise<KubeObject> {
  const { kind, object } = action;
  if (action.do === "create") return client.create(kind, object);
  const options = action.subresource === undefined ? {} : { subresource: action.subresource };
  if (action.do === "update") return client.update(kind, object, options);
  return client.patch(kind, object.metadata, action.patch, options);
}

async function deleteOne(executor: Executor, action: DeleteAction): Promise<void> {
  const { kind, object, options } = action;
  try {
    const { name, namespace, uid } = object.metadata;
    await executor.client.delete(kind, { name, namespace }, { ...options, preconditions: { uid, ...options?.preconditions } });
    executor.written({ action, result: object });
    report(executor.recorder, action, object);
  } catch (error) {
    // Gone, or another object by now: what was wanted is the case.
    if (error instanceof StatusError && error.reason === "NotFound") return;
    reportFailure(executor.recorder, action, error);
    throw error;
  }
}

export function isNamespaceTerminating(error: unknown): boolean {
  return error instanceof StatusError && (error.details?.causes?.some(({ reason }) => reason === "NamespaceTerminating") ?? false);
}

function report(recorder: EventRecorder, reports: Reports<KubeObject>, result: KubeObject): void {
  tell(recorder, reports.succeeded?.(result));
}

function reportFailure(recorder: EventRecorder, reports: Reports<KubeObject>, error: unknown): void {
  tell(recorder, reports.failed?.(error instanceof Error ? error : new Error(String(error))));
}

function tell(recorder: EventRecorder, note: Note | undefined): void {
  if (note !== undefined) recorder.event(note.about, note.type, note.reason, note.message);
}
