// How many replicas each replica set of a deployment gets: rolling updates, proportional scaling, recreation. Pure arithmetic
// over drafts (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment).
import { annotations, type Deployment, type ReplicaSet } from "../api/index.ts";
import { parseTime } from "../base/index.ts";
import { resolveIntOrPercent } from "./int-or-percent.ts";

/** A replica set as it is to become. One that does not exist yet has no `original`. */
export interface Draft {
  readonly name: string;
  readonly original: ReplicaSet | undefined;
  replicas: number;
  annotations: Record<string, string>;
  minReadySeconds: number;
}

export function draftOf(original: ReplicaSet): Draft {
  return {
    name: original.metadata.name,
    original,
    replicas: original.spec.replicas ?? 1,
    annotations: { ...original.metadata.annotations },
    minReadySeconds: original.spec.minReadySeconds ?? 0,
  };
}

export function available(draft: Draft): number {
  return draft.original?.status?.availableReplicas ?? 0;
}

export function sum(drafts: readonly Draft[], read: (draft: Draft) => number = ({ replicas }) => replicas): number {
  return drafts.reduce((total, draft) => total + read(draft), 0);
}

export function desiredReplicas(deployment: Deployment): number {
  return deployment.spec.replicas ?? 1;
}

export function isRolling(deployment: Deployment): boolean {
  return deployment.spec.strategy?.type !== "Recreate";
}

export function maxSurge(deployment: Deployment): number {
  return isRolling(deployment) ? resolveIntOrPercent(deployment.spec.strategy?.rollingUpdate?.maxSurge, desiredReplicas(deployment), "up") : 0;
}

export function maxUnavailable(deployment: Deployment): number {
  const desired = desiredReplicas(deployment);
  if (!isRolling(deployment) || desired === 0) return 0;
  const unavailable = resolveIntOrPercent(deployment.spec.strategy?.rollingUpdate?.maxUnavailable, desired, "down");
  // Both zero would never move; a surge might be what a quota forbids.
  return maxSurge(deployment) === 0 && unavailable === 0 ? 1 : Math.min(unavailable, desired);
}

/** Sets the size and the annotations that later proportional scaling relies on. */
export function scale(deployment: Deployment, draft: Draft, replicas: number): void {
  if (draft.replicas === replicas) return;
  draft.replicas = replicas;
  annotateReplicas(deployment, draft);
}

export function annotateReplicas(deployment: Deployment, draft: Draft): void {
  const desired = desiredReplicas(deployment);
  draft.annotations[annotations.desiredReplicas] = String(desired);
  draft.annotations[annotations.maxReplicas] = String(desired + maxSurge(deployment));
}

/** The size the newest replica set may grow to now. */
export function grownReplicas(deployment: Deployment, all: readonly Draft[], newest: Draft): number {
  const desired = desiredReplicas(deployment);
  if (!isRolling(deployment)) return desired;
  const room = desired + maxSurge(deployment) - sum(all);
  return room <= 0 ? newest.replicas : newest.replicas + Math.min(room, desired - newest.replicas);
}

/** One step of a rolling update: the newest grows, or else the old ones shrink. */
export function roll(deployment: Deployment, newest: Draft, old: readonly Draft[]): void {
  const desired = desiredReplicas(deployment);
  const before = newest.replicas;
  if (newest.replicas > desired) scale(deployment, newest, desired);
  else if (newest.replicas < desired) scale(deployment, newest, grownReplicas(deployment, [...old, newest], newest));
  if (newest.replicas === before) shrinkOld(deployment, newest, old);
}

function shrinkOld(deployment: Deployment, newest: Draft, old: readonly Draft[]): void {
  const oldestFirst = old.filter(({ replicas }) => replicas > 0).sort(byAge);
  if (oldestFirst.length === 0) return;
  const minAvailable = desiredReplicas(deployment) - maxUnavailable(deployment);
  const room = sum([...old, newest]) - minAvailable - (newest.replicas - available(newest));
  if (room <= 0) return;
  // Replicas that serve nobody go first: they would block the update, and nobody misses them.
  let cleaned = 0;
  for (const draft of oldestFirst) {
    const unhealthy = Math.max(0, Math.min(room - cleaned, draft.replicas - available(draft)));
    cleaned += unhealthy;
    scale(deployment, draft, draft.replicas - unhealthy);
  }
  let spare = sum([...old, newest], available) - minAvailable;
  for (const draft of oldestFirst) {
    const fewer = Math.min(draft.replicas, Math.max(0, spare));
    spare -= fewer;
    scale(deployment, draft, draft.replicas - fewer);
  }
}

/** Spreads a change of size over the replica sets in proportion, so that a rollout under way keeps its balance. */
export function scaleProportionally(deployment: Deployment, newest: Draft | undefined, old: readonly Draft[]): void {
  const desired = desiredReplicas(deployment);
  const all = newest === undefined ? [...old] : [...old, newest];
  const active = all.filter(({ replicas }) => replicas > 0);
  if (active.length <= 1) {
    const only = active[0] ?? newest ?? [...old].sort(byAge).at(-1);
    if (only !== undefined) scale(deployment, only, desired);
    return;
  }
  if (newest !== undefined && isSaturated(deployment, newest)) {
    for (const draft of old) scale(deployment, draft, 0);
    return;
  }
  if (isRolling(deployment)) distribute(deployment, active);
}

function isSaturated(deployment: Deployment, newest: Draft): boolean {
  const desired = desiredReplicas(deployment);
  return newest.replicas === desired && newest.annotations[annotations.desiredReplicas] === String(desired) && available(newest) === desired;
}

function distribute(deployment: Deployment, active: readonly Draft[]): void {
  const desired = desiredReplicas(deployment);
  const allowed = desired > 0 ? desired + maxSurge(deployment) : 0;
  const toAdd = allowed - sum(active);
  // The largest first; among equals the newer grows and the older shrinks.
  const ordered = [...active].sort((a, b) => b.replicas - a.replicas || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
  const sizes = new Map<Draft, number>();
  let added = 0;
  for (const draft of ordered) {
    const share = toAdd === 0 ? 0 : shareOf(deployment, draft, toAdd, toAdd - added);
    sizes.set(draft, draft.replicas + share);
    added += share;
  }
  const [largest] = ordered;
  if (largest !== undefined) sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd - added));
  for (const draft of ordered) {
    draft.replicas = sizes.get(draft) ?? draft.replicas;
    annotateReplicas(deployment, draft);
  }
}

function shareOf(deployment: Deployment, draft: Draft, toAdd: number, left: number): number {
  if (draft.replicas === 0 || left === 0) return 0;
  const fraction = fractionOf(deployment, draft);
  return toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

/** By how much this replica set changes when the whole grows or shrinks from its size before. */
function fractionOf(deployment: Deployment, draft: Draft): number {
  const desired = desiredReplicas(deployment);
  if (desired === 0) return -draft.replicas;
  const before = nonNegative(draft.annotations[annotations.maxReplicas]) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((draft.replicas * (desired + maxSurge(deployment))) / before) - draft.replicas;
}

/** The number that an annotation holds; 0 when it holds none. */
export function nonNegative(text: string | undefined): number {
  return text !== undefined && /^[0-9]{1,10}$/.test(text) ? Number(text) : 0;
}

/** Oldest first, then by name. */
export function byAge(a: Draft, b: Draft): number {
  const timeOf = (draft: Draft): number => parseTime(draft.original?.metadata.creationTimestamp) ?? Number.MAX_SAFE_INTEGER;
  return timeOf(a) - timeOf(b) || (a.name < b.name ? -1 : 1);
}
