// Who writes and how: what every writing operation is told beside the object.

import type { Kind, KubeObject, WriteContext } from "../../api/index.ts";
import { type Mutable, mutableCopy } from "../../base/index.ts";
import type { UserInfo } from "../user.ts";

export interface WriteRequestContext {
  readonly user: UserInfo;
  /** Everything happens but the storing. */
  readonly dryRun: boolean;
  /** Texts for the client's Warning headers. */
  readonly warnings: string[];
  /** Under what name the writer manages the fields that it changes; absent: unknown. */
  readonly fieldManager?: string;
  /** What the client said in its CreateOptions or UpdateOptions, for admission. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Work that belongs to writing objects of one kind beside storing them: addresses and ports of services. */
export interface WriteHook {
  /** Runs before validation; may change `object`. `old` is undefined at creation. */
  prepare(object: Mutable<KubeObject>, old: KubeObject | undefined, dryRun: boolean): PreparedWrite;
  /** The object is gone. */
  deleted(object: KubeObject): void;
}
/** Exactly one of the two is called. */
export interface PreparedWrite {
  commit(): void;
  rollback(): void;
}
export type WriteHooks = ReadonlyMap<Kind, WriteHook>;

/** What a kind's strategy may know of the writer. */
export function strategyContext({ user, warnings }: Pick<WriteRequestContext, "user" | "warnings">, now: number): WriteContext {
  return {
    now,
    userName: user.name,
    userGroups: user.groups,
    userUid: user.uid,
    userExtra: user.extra,
    warn: (texts) => addWarnings(warnings, texts),
  };
}

/** A write may be tried several times; each text is told once. */
export function addWarnings(warnings: string[], texts: readonly string[]): void {
  for (const text of texts) if (!warnings.includes(text)) warnings.push(text);
}

/** Drops the status of a new object, unless its kind says how creation goes. */
export function prepareForCreate(kind: Kind, object: Mutable<KubeObject>, context: WriteContext): void {
  if (kind.declaration.prepareForCreate !== undefined) kind.declaration.prepareForCreate(object, context);
  else if (kind.subresources.has("status")) delete (object as { status?: unknown }).status;
}

/** Puts back what an update of the object, or of a subresource, may not change. */
export function prepareForUpdate(kind: Kind, subresource: string, object: Mutable<KubeObject>, old: KubeObject, context: WriteContext): void {
  const { declaration } = kind;
  if (subresource === "") {
    if (declaration.prepareForUpdate !== undefined) declaration.prepareForUpdate(object, old, context);
    else if (kind.subresources.has("status")) copyField(object, old, "status");
    return;
  }
  if (subresource !== "status") {
    declaration.subresourceUpdates?.[subresource]?.prepare(object, old, context);
    return;
  }
  if (declaration.prepareForStatusUpdate !== undefined) {
    declaration.prepareForStatusUpdate(object, old, context);
    return;
  }
  for (const field of new Set([...Object.keys(object), ...Object.keys(old)])) {
    if (field !== "status" && field !== "metadata") copyField(object, old, field);
  }
}

function copyField(object: Mutable<KubeObject>, old: KubeObject, field: string): void {
  const target = object as unknown as Record<string, unknown>;
  const value = (old as unknown as Readonly<Record<string, unknown>>)[field];
  if (value === undefined) delete target[field];
  else target[field] = mutableCopy(value);
}
