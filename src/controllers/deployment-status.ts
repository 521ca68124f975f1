// What a deployment's status says: counts over its replica sets, and the conditions Available, Progressing, ReplicaFailure
// (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status).
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "../api/index.ts";
import { formatTime, parseTime } from "../base/index.ts";
import { type Draft, desiredReplicas, maxUnavailable, sum } from "./deployment-replicas.ts";

/** Stands for "no deadline" and "no limit". */
const INFINITE = 0x7fffffff;

export interface StatusInputs {
  readonly deployment: Deployment;
  readonly newest: Draft | undefined;
  readonly all: readonly Draft[];
  readonly nowMs: number;
}

export function hasProgressDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== INFINITE;
}

export function hasRevisionHistoryLimit({ spec }: Deployment): boolean {
  return spec.revisionHistoryLimit !== undefined && spec.revisionHistoryLimit !== INFINITE;
}

export function progressing(status: DeploymentStatus | undefined): DeploymentCondition | undefined {
  return status?.conditions?.find(({ type }) => type === "Progressing");
}

/** Counts and availability, without a judgement of progress. */
export function countedStatus({ deployment, newest, all, nowMs }: StatusInputs): DeploymentStatus {
  const count = (drafts: readonly Draft[], read: (status: NonNullable<ReplicaSet["status"]>) => number | undefined): number =>
    sum(drafts, ({ original }) => (original?.status === undefined ? 0 : (read(original.status) ?? 0)));
  const availableReplicas = count(all, (status) => status.availableReplicas);
  const old = deployment.status ?? {};
  const status: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation,
    replicas: count(all, ({ replicas }) => replicas),
    updatedReplicas: newest === undefined ? 0 : count([newest], ({ replicas }) => replicas),
    readyReplicas: count(all, (set) => set.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, sum(all) - availableReplicas),
    terminatingReplicas: count(all, (set) => set.terminatingReplicas),
    ...(old.collisionCount === undefined ? {} : { collisionCount: old.collisionCount }),
    ...(old.conditions === undefined ? {} : { conditions: old.conditions }),
  };
  const enough = availableReplicas >= desiredReplicas(deployment) - maxUnavailable(deployment);
  return enough
    ? withCondition(status, { type: "Available", status: "True", reason: "MinimumReplicasAvailable", message: "Deployment has minimum availability." }, nowMs)
    : withCondition(
        status,
        { type: "Available", status: "False", reason: "MinimumReplicasUnavailable", message: "Deployment does not have minimum availability." },
        nowMs,
      );
}

/** The status of a rollout: counts, progress, and the failures of replica sets. */
export function rolloutStatus(inputs: StatusInputs): DeploymentStatus {
  const { deployment, newest, all, nowMs } = inputs;
  let status = countedStatus(inputs);
  const current = progressing(deployment.status);
  if (!hasProgressDeadline(deployment)) status = withoutCondition(status, "Progressing");
  else if (status.replicas !== status.updatedReplicas || current?.reason !== "NewReplicaSetAvailable") status = judgeProgress(inputs, status, current);
  const failures = (drafts: readonly (Draft | undefined)[]) =>
    drafts.flatMap((draft) => draft?.original?.status?.conditions?.filter(({ type }) => type === "ReplicaFailure") ?? []);
  const [failure] = [...failures([newest]), ...failures(all)];
  if (failure === undefined) return withoutCondition(status, "ReplicaFailure");
  const { type, status: value, reason = "", message = "" } = failure;
  return withCondition(status, { type, status: value, reason, message }, nowMs);
}

function judgeProgress({ deployment, newest, nowMs }: StatusInputs, status: DeploymentStatus, current: DeploymentCondition | undefined): DeploymentStatus {
  const subject = newest === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newest.name}"`;
  if (isComplete(deployment, status)) {
    const message = `${subject} has successfully progressed.`;
    return withCondition(status, { type: "Progressing", status: "True", reason: "NewReplicaSetAvailable", message }, nowMs);
  }
  if (hasProgressed(deployment.status ?? {}, status)) {
    const condition = { type: "Progressing", status: "True", reason: "ReplicaSetUpdated", message: `${subject} is progressing.` };
    const now = formatTime(nowMs);
    // Each sign of progress starts the deadline anew, though status and reason stay.
    const since = current?.status === "True" ? current.lastTransitionTime : now;
    const rest = withoutCondition(status, "Progressing");
    return { ...rest, conditions: [...(rest.conditions ?? []), { ...condition, lastUpdateTime: now, lastTransitionTime: since }] };
  }
  if (current !== undefined && isTimedOut(deployment, current, nowMs)) {
    const message = `${subject} has timed out progressing.`;
    return withCondition(status, { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message }, nowMs);
  }
  return status;
}

export function isComplete(deployment: Deployment, status: DeploymentStatus | undefined): boolean {
  const desired = desiredReplicas(deployment);
  return (
    (status?.updatedReplicas ?? 0) === desired &&
    (status?.replicas ?? 0) === desired &&
    (status?.availableReplicas ?? 0) === desired &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function hasProgressed(old: DeploymentStatus, status: DeploymentStatus): boolean {
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  return (
    updatedReplicas > (old.updatedReplicas ?? 0) ||
    replicas - updatedReplicas < (old.replicas ?? 0) - (old.updatedReplicas ?? 0) ||
    readyReplicas > (old.readyReplicas ?? 0) ||
    availableReplicas > (old.availableReplicas ?? 0)
  );
}

function isTimedOut(deployment: Deployment, current: DeploymentCondition, nowMs: number): boolean {
  if (current.reason === "NewReplicaSetAvailable") return false;
  return current.reason === "ProgressDeadlineExceeded" || deadlineMs(deployment, current) < nowMs;
}

function deadlineMs(deployment: Deployment, condition: DeploymentCondition): number {
  return (parseTime(condition.lastUpdateTime) ?? 0) + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000;
}

/** When to look whether the rollout is stuck; undefined when there is nothing to wait for. */
export function progressCheckDueMs({ deployment, nowMs }: StatusInputs, status: DeploymentStatus): number | undefined {
  const current = progressing(status);
  if (!hasProgressDeadline(deployment) || current === undefined || deployment.spec.paused === true) return undefined;
  if (current.reason === "ProgressDeadlineExceeded" || isComplete(deployment, status)) return undefined;
  return Math.max(0, deadlineMs(deployment, current) - nowMs) + 1000;
}

export interface NewCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** Sets a condition; one of the same status and reason stays as it is, one of the same status keeps its transition time. */
export function withCondition(status: DeploymentStatus, condition: NewCondition, nowMs: number): DeploymentStatus {
  const known = status.conditions?.find(({ type }) => type === condition.type);
  if (known?.status === condition.status && known.reason === condition.reason) return status;
  const now = formatTime(nowMs);
  const lastTransitionTime = known?.status === condition.status ? known.lastTransitionTime : now;
  const others = (status.conditions ?? []).filter(({ type }) => type !== condition.type);
  return { ...status, conditions: [...others, { ...condition, lastUpdateTime: now, lastTransitionTime }] };
}

export function withoutCondition(status: DeploymentStatus, type: string): DeploymentStatus {
  if (status.conditions?.some((condition) => condition.type === type) !== true) return status;
  return { ...status, conditions: status.conditions.filter((condition) => condition.type !== type) };
}
