// What a deletion does to the object that is to go: whether it goes at once, after a grace, or only when its finalizers have
// been worked off (https://kubernetes.io/docs/concepts/architecture/garbage-collection/). Pure.

import { conflictError, type DeleteOptions, type Kind, type KubeObject, type Namespace } from "../../api/index.ts";
import { formatTime, type Mutable, parseTime } from "../../base/index.ts";

export const ORPHAN_FINALIZER = "orphan";
export const FOREGROUND_FINALIZER = "foregroundDeletion";

/** The kinds whose dependents stay when the client says nothing: as their first version did. */
const ORPHANING_KINDS: ReadonlySet<string> = new Set(["/v1/replicationcontrollers", "batch/v1/jobs"]);

const STEPWISE_KINDS: ReadonlySet<string> = new Set(["/namespaces", "apiextensions.k8s.io/customresourcedefinitions"]);

/** What to tell who deletes and does not say what becomes of dependents: others would expect them to go. */
export function deletionWarnings(kind: Kind, { orphanDependents, propagationPolicy }: Partial<DeleteOptions>): string[] {
  if (kind.group !== "batch" || kind.resource !== "jobs" || orphanDependents !== undefined || propagationPolicy !== undefined) return [];
  const what = "child pods are preserved by default when jobs are deleted";
  return [`${what}; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning`];
}

export type DeletionStep =
  /** Nothing holds it. */
  | { readonly action: "delete" }
  /** It is marked, and waits for its grace or its finalizers. */
  | { readonly action: "mark" }
  /** It waits already. */
  | { readonly action: "none" };

/** Decides, and marks `object`, a copy of what is stored, accordingly. */
export function planDeletion(kind: Kind, object: Mutable<KubeObject>, options: Partial<DeleteOptions>, nowMs: number): DeletionStep {
  if (kind.group === "" && kind.resource === "namespaces") return planNamespaceDeletion(object as Mutable<Namespace>, options, nowMs);
  const graceful = planGrace(kind, object, options, nowMs);
  if (graceful === "pending") return { action: "none" };
  const finalizersChanged = setGarbageCollectionFinalizers(kind, object, options);
  const held = (object.metadata.finalizers ?? []).length > 0;
  if (graceful === "marked") return held || (object.metadata.deletionGracePeriodSeconds ?? 0) > 0 ? { action: "mark" } : { action: "delete" };
  if (!held) return { action: "delete" };
  const wasMarked = object.metadata.deletionTimestamp !== undefined && object.metadata.deletionGracePeriodSeconds === 0;
  markAsDeleting(object, nowMs);
  return wasMarked && !finalizersChanged ? { action: "none" } : { action: "mark" };
}

/** Throws a Conflict when the object is not the one that the client means. */
export function checkDeletePreconditions(kind: Kind, object: KubeObject, { preconditions }: Partial<DeleteOptions>): void {
  const { uid, resourceVersion, name } = object.metadata;
  // What is deleted in steps of its own is checked, and told, as an update is.
  const isStepwise = STEPWISE_KINDS.has(`${kind.group}/${kind.resource}`);
  if (isStepwise && preconditions?.uid !== undefined && preconditions.uid !== uid) {
    throw conflictError(kind, name, `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${uid ?? ""}`);
  }
  const { group, kind: resource } = kind.declaration.storedAs?.kind() ?? kind;
  const named = { group, resource };
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    const texts = `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid ?? ""})`;
    throw conflictError(named, name, `${texts}. The object might have been deleted and then recreated`);
  }
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    const texts = `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion ?? ""})`;
    throw conflictError(named, name, `${texts}. The object might have been modified`);
  }
}

/** `marked`: now, or with a shorter grace; `pending`: was before; `none`: this kind, or this object, has no grace. */
function planGrace(kind: Kind, object: Mutable<KubeObject>, options: Partial<DeleteOptions>, nowMs: number): "marked" | "pending" | "none" {
  const { metadata } = object;
  const { gracePeriodSeconds } = kind.declaration;
  if (gracePeriodSeconds === undefined) return "none";
  const asked = options.gracePeriodSeconds !== undefined && options.gracePeriodSeconds < 0 ? 1 : options.gracePeriodSeconds;
  if (metadata.deletionTimestamp !== undefined) {
    const granted = metadata.deletionGracePeriodSeconds;
    if (granted === undefined) return "none";
    // A grace can only be shortened.
    if (asked === undefined || asked >= granted) return asked === undefined || granted > 0 ? "pending" : pendingOrFree(object);
    const startMs = (parseTime(metadata.deletionTimestamp) ?? nowMs) - granted * 1000;
    metadata.deletionTimestamp = formatTime(startMs + asked * 1000);
    metadata.deletionGracePeriodSeconds = asked;
    return "marked";
  }
  const grace = gracePeriodSeconds.call(kind.declaration, object, asked);
  metadata.deletionTimestamp = formatTime(nowMs + grace * 1000);
  metadata.deletionGracePeriodSeconds = grace;
  raiseGeneration(object);
  return "marked";
}

/** A grace of zero was granted before: only finalizers can still hold the object. */
function pendingOrFree(object: KubeObject): "marked" | "pending" {
  return (object.metadata.finalizers ?? []).length > 0 ? "pending" : "marked";
}

function markAsDeleting(object: Mutable<KubeObject>, nowMs: number): void {
  const { metadata } = object;
  if (metadata.deletionTimestamp === undefined) {
    raiseGeneration(object);
    metadata.deletionTimestamp = formatTime(nowMs);
  }
  metadata.deletionGracePeriodSeconds = 0;
}

/** Those who work on the object's spec behave differently from now on. */
function raiseGeneration({ metadata }: Mutable<KubeObject>): void {
  if ((metadata.generation ?? 0) > 0) metadata.generation = (metadata.generation ?? 0) + 1;
}

/** Adds or removes the finalizers that tell the garbage collector what to do with dependents. Tells whether that changed anything. */
function setGarbageCollectionFinalizers(kind: Kind, { metadata }: Mutable<KubeObject>, options: Partial<DeleteOptions>): boolean {
  if (kind.resource === "events") return false;
  const before = metadata.finalizers ?? [];
  const rest = before.filter((finalizer) => finalizer !== ORPHAN_FINALIZER && finalizer !== FOREGROUND_FINALIZER);
  const after = [...rest];
  if (orphansDependents(kind, before, options)) after.push(ORPHAN_FINALIZER);
  if (deletesDependentsFirst(before, options)) after.push(FOREGROUND_FINALIZER);
  if (after.length === before.length && after.every((finalizer) => before.includes(finalizer))) return false;
  if (after.length === 0) delete metadata.finalizers;
  else metadata.finalizers = after;
  return true;
}

function orphansDependents(kind: Kind, finalizers: readonly string[], { orphanDependents, propagationPolicy }: Partial<DeleteOptions>): boolean {
  if (orphanDependents !== undefined) return orphanDependents;
  if (propagationPolicy !== undefined) return propagationPolicy === "Orphan";
  if (finalizers.includes(ORPHAN_FINALIZER)) return true;
  if (finalizers.includes(FOREGROUND_FINALIZER)) return false;
  return ORPHANING_KINDS.has(`${kind.group === "" ? "" : kind.group}/${kind.version}/${kind.resource}`);
}

function deletesDependentsFirst(finalizers: readonly string[], { orphanDependents, propagationPolicy }: Partial<DeleteOptions>): boolean {
  if (orphanDependents !== undefined) return false;
  if (propagationPolicy !== undefined) return propagationPolicy === "Foreground";
  return finalizers.includes(FOREGROUND_FINALIZER) && !finalizers.includes(ORPHAN_FINALIZER);
}

/** A namespace goes in two steps: it is marked, the namespace controller empties it and takes its spec's finalizers away, then it goes. */
function planNamespaceDeletion(namespace: Mutable<Namespace>, options: Partial<DeleteOptions>, nowMs: number): DeletionStep {
  const { metadata } = namespace;
  const kindName = { group: "", version: "v1", resource: "namespaces" } as Kind;
  if (metadata.deletionTimestamp === undefined) {
    metadata.deletionTimestamp = formatTime(nowMs);
    namespace.status = { ...namespace.status, phase: "Terminating" };
    setGarbageCollectionFinalizers(kindName, namespace, options);
    return { action: "mark" };
  }
  const held = (namespace.spec?.finalizers ?? []).length > 0 || (metadata.finalizers ?? []).length > 0;
  return { action: held ? "none" : "delete" };
}
