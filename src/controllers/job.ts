// Runs pods until enough of them succeeded (https://kubernetes.io/docs/concepts/workloads/controllers/job/).
//
// Invariants: every pod that ends is counted exactly once: it carries a finalizer, its uid is written into the status first,
// then the finalizer goes, then the count grows (KEP-2307). A job is Complete or Failed only when all its pods have ended and
// are counted; until then SuccessCriteriaMet or FailureTarget says how it will end.
import { finalizers, isPodActive, isPodReady, type Job, type JobCondition, type JobStatus, jobs, type Pod, pods, selectorFromLabels } from "../api/index.ts";
import { formatTime, parseTime } from "../base/index.ts";
import { ignoreNotFound } from "../client/index.ts";
import { type Action, note, type Plan, patch, remove, updateStatus } from "./action.ts";
import { type Controller, controller, reconcilingController } from "./controller.ts";
import { formatIndexes, indexOf, isIndexed, readIndexes } from "./job-indexes.ts";
import { failuresOf, lastFailed, type PodChanges, podChanges } from "./job-pods.ts";
import { countsAsFailed, type Finish, failureAction, finishOf, hasCondition } from "./job-policies.ts";
import { claim, claimable, controllerOf, indexByController, wakeOwner } from "./owner.ts";
import { canonicalJson } from "./pod-template.ts";
import { createPod, deletePod } from "./replicaset.ts";

/** The status holds at most so many uids. */
const MAX_UNCOUNTED = 500;

export interface ObservedJob {
  readonly job: Job;
  /** Pods of the job, and matching orphans. */
  readonly candidates: readonly Pod[];
}

/** What was counted, and what is about to be. */
interface Accounts {
  readonly succeeded: number;
  readonly failed: number;
  readonly uncountedSucceeded: readonly string[];
  readonly uncountedFailed: readonly string[];
  readonly succeededIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  /** Pods whose finalizer goes once the status is written. */
  readonly released: readonly Pod[];
}

export function isFinished(job: Job): boolean {
  return hasCondition(job, "Complete") !== undefined || hasCondition(job, "Failed") !== undefined;
}

function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(finalizers.jobTracking) ?? false;
}

export function planJob({ job: original, candidates }: ObservedJob, nowMs: number): Plan {
  const { claimed, actions: claims } = claim(pods, original, original.spec.selector, candidates);
  if (isFinished(original)) return { actions: claimed.filter(isTracked).map(release) };
  const job = withStartTime(original, nowMs);
  const active = claimed.filter(isPodActive);
  const before = account(job, claimed, undefined);
  const totals = totalsOf(before, job);
  const finish = finishOf({ job, pods: claimed, active: active.length, ...totals, nowMs });
  const goes = job.metadata.deletionTimestamp !== undefined;
  const changes: PodChanges =
    finish !== undefined
      ? { create: [], delete: active, dueMs: undefined }
      : goes
        ? { create: [], delete: [], dueMs: undefined }
        : podChanges({ job, pods: claimed, ...totals, nowMs });
  const accounts = finish === undefined && !goes ? before : account(job, claimed, finish ?? "goes");
  // Pods that the job itself takes away are no failures: they are let go uncounted.
  const dropped = finish === undefined ? changes.delete.filter(isTracked).map(release) : [];
  return {
    actions: [...claims, ...dropped, ...changes.delete.map((pod) => deletePod(job, pod)), ...changes.create.map((pod) => createPod(job, pod))],
    afterwards: (failure) => track({ original, job, claimed, accounts, finish, changes, failure, nowMs }),
    requeueAfterMs: dueMs(job, changes, finish, nowMs),
  };
}

/** A suspended job's clock does not run. */
function withStartTime(job: Job, nowMs: number): Job {
  const { startTime, ...status } = job.status ?? {};
  if (job.spec.suspend === true) return { ...job, status };
  return { ...job, status: { ...status, startTime: startTime ?? formatTime(nowMs) } };
}

function account(job: Job, claimed: readonly Pod[], ending: Finish | "goes" | undefined): Accounts {
  const { completions = 0 } = job.spec;
  const status = job.status ?? {};
  const tracked = new Map(claimed.filter(isTracked).map((pod) => [pod.metadata.uid ?? "", pod]));
  const { succeeded: oldSucceeded = [], failed: oldFailed = [] } = status.uncountedTerminatedPods ?? {};
  const uncountedSucceeded = oldSucceeded.filter((uid) => tracked.has(uid));
  const uncountedFailed = oldFailed.filter((uid) => tracked.has(uid));
  const succeededIndexes = isIndexed(job) ? readIndexes(status.completedIndexes, completions) : new Set<number>();
  const failedIndexes = isIndexed(job) && job.spec.backoffLimitPerIndex !== undefined ? newFailedIndexes(job, claimed) : new Set<number>();
  const released: Pod[] = [];
  for (const [uid, pod] of tracked) {
    if (uncountedSucceeded.length + uncountedFailed.length >= MAX_UNCOUNTED) break;
    const failed = countsAsFailed(job, pod);
    const succeeded = pod.status?.phase === "Succeeded";
    if (ending === undefined && !succeeded && (!failed || awaitsReplacement(job, claimed, pod, failedIndexes))) continue;
    released.push(pod);
    if (uncountedSucceeded.includes(uid) || uncountedFailed.includes(uid)) continue;
    const index = indexOf(pod, completions);
    if (succeeded && isIndexed(job)) {
      if (index !== undefined) succeededIndexes.add(index);
    } else if (succeeded) uncountedSucceeded.push(uid);
    else if (
      (failed || (typeof ending === "object" && ending.as === "Failed")) &&
      failureAction(job, pod) !== "Ignore" &&
      (!isIndexed(job) || index !== undefined)
    )
      uncountedFailed.push(uid);
  }
  return {
    succeeded: isIndexed(job) ? succeededIndexes.size : (status.succeeded ?? 0) + oldSucceeded.length - oldSucceeded.filter((uid) => tracked.has(uid)).length,
    failed: (status.failed ?? 0) + oldFailed.length - oldFailed.filter((uid) => tracked.has(uid)).length,
    uncountedSucceeded,
    uncountedFailed,
    succeededIndexes,
    failedIndexes,
    released,
  };
}

function totalsOf(accounts: Accounts, job: Job) {
  const { succeeded, failed, uncountedSucceeded, uncountedFailed, succeededIndexes, failedIndexes } = accounts;
  return {
    succeeded: isIndexed(job) ? succeededIndexes.size : succeeded + uncountedSucceeded.length,
    failed: failed + uncountedFailed.length,
    succeededIndexes,
    failedIndexes,
  };
}

/** The pod that failed last at an index carries its count of failures until the next pod takes it over. */
function awaitsReplacement(job: Job, claimed: readonly Pod[], pod: Pod, failedIndexes: ReadonlySet<number>): boolean {
  const index = indexOf(pod, job.spec.completions ?? 0);
  if (job.spec.backoffLimitPerIndex === undefined || index === undefined || failedIndexes.has(index)) return false;
  const replaced = claimed.some((other) => other !== pod && isPodActive(other) && indexOf(other, job.spec.completions ?? 0) === index);
  return !replaced && lastFailed(job, claimed, index) === pod;
}

function newFailedIndexes(job: Job, claimed: readonly Pod[]): Set<number> {
  const { completions = 0, backoffLimitPerIndex = 0 } = job.spec;
  const failedIndexes = readIndexes(job.status?.failedIndexes, completions);
  for (const pod of claimed) {
    const index = indexOf(pod, completions);
    if (index === undefined || pod.status?.phase !== "Failed") continue;
    const action = failureAction(job, pod);
    if (action === "FailIndex" || (action !== "Ignore" && failuresOf(pod) + 1 > backoffLimitPerIndex)) failedIndexes.add(index);
  }
  return failedIndexes;
}

function release(pod: Pod): Action {
  const body = { metadata: { uid: pod.metadata.uid ?? "", "$deleteFromPrimitiveList/finalizers": [finalizers.jobTracking] } };
  return patch(pods, pod, { type: "strategic", body });
}

interface Tracking {
  readonly original: Job;
  readonly job: Job;
  readonly claimed: readonly Pod[];
  readonly accounts: Accounts;
  readonly finish: Finish | undefined;
  readonly changes: PodChanges;
  readonly failure: Error | undefined;
  readonly nowMs: number;
}

/** First the status with what is about to be counted, then the finalizers. */
function track(tracking: Tracking): Action[] {
  const { original, job, claimed, accounts, finish, changes, failure, nowMs } = tracking;
  const active = claimed.filter(isPodActive);
  const terminating = claimed.filter(
    (pod) => pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed",
  ).length;
  const left = failure === undefined ? active.filter((pod) => !changes.delete.includes(pod)) : active;
  const made = failure === undefined ? changes.create.length : 0;
  const ended =
    active.length === 0 && terminating === 0 && !claimed.some(isTracked) && accounts.uncountedFailed.length + accounts.uncountedSucceeded.length === 0;
  const status: JobStatus = {
    ...job.status,
    active: left.length + made,
    ready: left.filter(isPodReady).length,
    terminating: terminating + active.length - left.length,
    succeeded: accounts.succeeded,
    failed: accounts.failed,
    uncountedTerminatedPods: { succeeded: accounts.uncountedSucceeded, failed: accounts.uncountedFailed },
    ...(isIndexed(job) ? { completedIndexes: formatIndexes(accounts.succeededIndexes) } : {}),
    ...(isIndexed(job) && job.spec.backoffLimitPerIndex !== undefined ? { failedIndexes: formatIndexes(accounts.failedIndexes) } : {}),
    conditions: conditionsOf(job, finish, ended, nowMs),
    ...(finish?.as === "Complete" && ended ? { completionTime: formatTime(nowMs) } : {}),
  };
  const shown = pruned(status);
  const same = canonicalJson(pruned(original.status ?? {})) === canonicalJson(shown);
  return [
    ...(same ? [] : [updateStatus(jobs, { ...job, status: shown })]),
    ...(ended && finish !== undefined ? [finishNote(job, finish)] : suspensionNotes(original, shown)),
    ...accounts.released.map(release),
  ];
}

/** Without what the API leaves out: zeros and empty lists. */
function pruned(status: JobStatus): JobStatus {
  const { uncountedTerminatedPods: { succeeded = [], failed = [] } = {}, completedIndexes, ...rest } = status;
  const counts = Object.fromEntries(
    Object.entries(rest).filter(([name, value]) => value !== undefined && (value !== 0 || name === "ready" || name === "terminating")),
  );
  const uncounted = { ...(succeeded.length === 0 ? {} : { succeeded }), ...(failed.length === 0 ? {} : { failed }) };
  const conditions = rest.conditions?.length === 0 ? { conditions: undefined } : {};
  return { ...(counts as JobStatus), ...conditions, uncountedTerminatedPods: uncounted, ...(completedIndexes ? { completedIndexes } : {}) };
}

function conditionsOf(job: Job, finish: Finish | undefined, ended: boolean, nowMs: number): readonly JobCondition[] {
  const time = formatTime(nowMs);
  const make = (type: string, status: string, reason: string, message: string): JobCondition => ({
    type,
    status,
    reason,
    message,
    lastProbeTime: time,
    lastTransitionTime: time,
  });
  const conditions = [...(job.status?.conditions ?? [])];
  if (finish !== undefined) {
    const interim = finish.as === "Complete" ? "SuccessCriteriaMet" : "FailureTarget";
    if (hasCondition(job, interim) === undefined) conditions.push(make(interim, "True", finish.reason, finish.message));
    if (ended) conditions.push(make(finish.as, "True", finish.reason, finish.message));
    return conditions;
  }
  const suspended = conditions.findIndex(({ type }) => type === "Suspended");
  const wanted =
    job.spec.suspend === true ? make("Suspended", "True", "JobSuspended", "Job suspended") : make("Suspended", "False", "JobResumed", "Job resumed");
  if (suspended === -1) return job.spec.suspend === true ? [...conditions, wanted] : conditions;
  if (conditions[suspended]?.status !== wanted.status) conditions[suspended] = wanted;
  return conditions;
}

function finishNote(job: Job, { as, reason, message }: Finish): Action {
  return as === "Complete" ? note(job, "Normal", "Completed", "Job completed") : note(job, "Warning", reason, message);
}

function suspensionNotes(job: Job, status: JobStatus): Action[] {
  const before = job.status?.conditions?.find(({ type }) => type === "Suspended")?.status;
  const now = status.conditions?.find(({ type }) => type === "Suspended")?.status;
  if (before === now) return [];
  return [now === "True" ? note(job, "Normal", "Suspended", "Job suspended") : note(job, "Normal", "Resumed", "Job resumed")];
}

function dueMs(job: Job, changes: PodChanges, finish: Finish | undefined, nowMs: number): number | undefined {
  const waits = changes.dueMs === undefined ? [] : [changes.dueMs - nowMs];
  const startedMs = parseTime(job.status?.startTime);
  if (finish === undefined && job.spec.activeDeadlineSeconds !== undefined && startedMs !== undefined)
    waits.push(startedMs + job.spec.activeDeadlineSeconds * 1000 - nowMs);
  return waits.length === 0 ? undefined : Math.max(1, Math.min(...waits));
}

export const jobController: Controller = controller<Job, ObservedJob>("job", {
  for: jobs,
  wakes: [wakeOwner(pods, jobs, ({ spec }) => spec.selector)],
  index: (caches) => indexByController(caches, pods),
  observe: (key, caches) => {
    const job = caches.of(jobs).get(key);
    // Somebody else looks after a job with another manager.
    if (job === undefined || (job.spec.managedBy ?? "kubernetes.io/job-controller") !== "kubernetes.io/job-controller") return undefined;
    return { job, candidates: claimable(caches, pods, job, job.spec.selector) };
  },
  plan: planJob,
});

/** Lets go of pods whose job is gone before it counted them. */
export const jobOrphanController: Controller = reconcilingController<Pod>("job-orphans", {
  for: pods,
  reads: [jobs],
  wakes: [
    {
      kind: jobs,
      keys: ({ metadata }, caches) =>
        caches
          .of(pods)
          .inNamespace(metadata.namespace ?? "")
          .filter((pod) => isTracked(pod) && controllerOf(pod)?.uid === metadata.uid)
          .map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`),
      relevant: () => false,
    },
  ],
  relevant: (pod, old) =>
    pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp || isTracked(pod) !== isTracked(old) || controllerOf(pod)?.uid !== controllerOf(old)?.uid,
  reconcile: async (key, caches, { client }) => {
    const pod = caches.of(pods).get(key);
    if (pod === undefined || !isTracked(pod)) return;
    const owner = controllerOf(pod);
    if (owner !== undefined && owner.kind !== jobs.kind) return;
    const { namespace, name, uid = "" } = pod.metadata;
    if (owner !== undefined) {
      const job = await ignoreNotFound(client.get(jobs, { namespace, name: owner.name }));
      if (job !== undefined && job.metadata.uid === owner.uid) return;
    } else if (
      caches
        .of(jobs)
        .inNamespace(namespace ?? "")
        .some(({ spec }) => selectorFromLabels(spec.selector?.matchLabels).matches(pod.metadata.labels))
    )
      return;
    const body = { metadata: { uid, "$deleteFromPrimitiveList/finalizers": [finalizers.jobTracking] } };
    await ignoreNotFound(client.patch(pods, { namespace, name }, { type: "strategic", body }));
  },
});

/** Deletes finished jobs when their time to live is over. */
export const ttlAfterFinishedController: Controller = controller<Job, Job>("ttl-after-finished", {
  for: jobs,
  observe: (key, caches) => caches.of(jobs).get(key),
  plan: planTtl,
});

export function planTtl(job: Job, nowMs: number): Plan {
  const { ttlSecondsAfterFinished } = job.spec;
  const finished = hasCondition(job, "Complete") ?? hasCondition(job, "Failed");
  if (ttlSecondsAfterFinished === undefined || finished === undefined || job.metadata.deletionTimestamp !== undefined) return { actions: [] };
  const dueAtMs = (parseTime(finished.lastTransitionTime) ?? nowMs) + ttlSecondsAfterFinished * 1000;
  if (dueAtMs > nowMs) return { actions: [], requeueAfterMs: dueAtMs - nowMs };
  return { actions: [remove(jobs, job, { options: { propagationPolicy: "Foreground" } })] };
}
