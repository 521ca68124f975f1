// Makes jobs on a schedule (https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/).
//
// Invariants: a job's name comes from the time it was due, so that no time is served twice; of times that were missed only the
// latest is served, and none that is older than the starting deadline.
import { annotations, type CronJob, type CronSchedule, cronJobs, type Job, jobs, type ObjectReference, parseCronSchedule, StatusError } from "../api/index.ts";
import { formatTime, parseTime } from "../base/index.ts";
import { type Action, create, note, type Plan, remove, updateStatus } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";
import { isTimeZone, nextTime } from "./cron-times.ts";
import { hasCondition } from "./job-policies.ts";
import { CONTROLLER_INDEX, controllerOf, controllerReference, indexByController } from "./owner.ts";
import { canonicalJson } from "./pod-template.ts";

/** More missed times than this are told of. */
const MANY_MISSED = 100;
const MAX_NAME_LENGTH = 52;

export interface ObservedCronJob {
  readonly cronJob: CronJob;
  /** The jobs it controls. */
  readonly jobs: readonly Job[];
  /** Any job of the namespace, for telling that a name is taken. */
  readonly named: (name: string) => Job | undefined;
}

export function planCronJob({ cronJob, jobs: children, named }: ObservedCronJob, nowMs: number): Plan {
  const unfinished = children.filter((job) => !isFinished(job));
  const active = unfinished.filter((job) => isScheduled(cronJob, job));
  const tidy = [
    ...historyNotes(cronJob, children),
    ...unfinished.filter((job) => !active.includes(job)).map((job) => unexpected(cronJob, job)),
    ...surplusHistory(cronJob, children),
  ];
  const settled = (actions: readonly Action[], requeueAtMs: number | undefined, lastScheduleTime?: string): Plan => ({
    actions: [...tidy, ...actions],
    afterwards: (failure) => writeStatus(cronJob, children, active, failure === undefined ? lastScheduleTime : undefined),
    ...(requeueAtMs === undefined ? {} : { requeueAfterMs: Math.max(1, requeueAtMs - nowMs) }),
  });
  if (cronJob.spec.suspend === true || cronJob.metadata.deletionTimestamp !== undefined) return settled([], undefined);
  const timing = readSchedule(cronJob);
  if ("problem" in timing) return settled([timing.problem], undefined);
  const { schedule, timeZone } = timing;
  const nextMs = nextTime(schedule, nowMs, timeZone);
  const due = latestDue(cronJob, timing, nowMs);
  if (due === undefined) return settled([], nextMs);
  const notes = due.missed > MANY_MISSED ? [tooManyMissed(cronJob)] : [];
  const deadlineMs = (cronJob.spec.startingDeadlineSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  if (due.atMs + deadlineMs < nowMs) {
    const text = `Missed scheduled time to start a job: ${new Date(due.atMs).toUTCString().replace("GMT", "+0000")}`;
    return settled([...notes, note(cronJob, "Warning", "MissSchedule", text)], nextMs);
  }
  const name = jobName(cronJob, due.atMs);
  if (children.some(({ metadata }) => metadata.name === name)) return settled(notes, nextMs, formatTime(due.atMs));
  // Somebody else's: whoever made it looks after it.
  if (named(name) !== undefined) return settled(notes, nextMs);
  if (cronJob.spec.concurrencyPolicy === "Forbid" && active.length > 0) {
    const text = "Not starting job because prior execution is running and concurrency policy is Forbid";
    return settled([...notes, note(cronJob, "Normal", "JobAlreadyActive", text)], nextMs);
  }
  const replaced = cronJob.spec.concurrencyPolicy === "Replace" ? active.map((job) => deleteJob(cronJob, job)) : [];
  return settled([...notes, ...replaced, createJob(cronJob, name, due.atMs)], nextMs, formatTime(due.atMs));
}

interface Timing {
  readonly schedule: CronSchedule;
  readonly timeZone: string;
}

function readSchedule(cronJob: CronJob): Timing | { readonly problem: Action } {
  const { schedule: text, timeZone = "UTC" } = cronJob.spec;
  if (!isTimeZone(timeZone))
    return { problem: note(cronJob, "Warning", "UnknownTimeZone", `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone}`) };
  const parsed = parseCronSchedule(text);
  if (!parsed.ok) return { problem: note(cronJob, "Warning", "UnparseableSchedule", `unparseable schedule: ${JSON.stringify(text)} : ${parsed.problem}`) };
  return { schedule: parsed.schedule, timeZone };
}

/** The latest time that is due and was not served. */
function latestDue(
  { metadata, status, spec }: CronJob,
  { schedule, timeZone }: Timing,
  nowMs: number,
): { readonly atMs: number; readonly missed: number } | undefined {
  const sinceMs = parseTime(status?.lastScheduleTime) ?? parseTime(metadata.creationTimestamp) ?? nowMs;
  const deadlineMs = spec.startingDeadlineSeconds === undefined ? sinceMs : Math.max(sinceMs, nowMs - spec.startingDeadlineSeconds * 1000);
  let due: number | undefined;
  let missed = -1;
  for (let atMs = nextTime(schedule, deadlineMs, timeZone); atMs !== undefined && atMs <= nowMs; atMs = nextTime(schedule, atMs, timeZone)) {
    due = atMs;
    missed++;
    // After a long sleep it is not worth walking through every minute: jump to the recent past.
    if (missed === MANY_MISSED + 1 && nowMs - atMs > 2 * (atMs - deadlineMs)) atMs = nowMs - (atMs - deadlineMs);
  }
  return due === undefined ? undefined : { atMs: due, missed };
}

function tooManyMissed(cronJob: CronJob): Action {
  return note(cronJob, "Warning", "TooManyMissedTimes", "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew");
}

function jobName({ metadata }: CronJob, dueMs: number): string {
  return `${metadata.name.slice(0, MAX_NAME_LENGTH)}-${Math.floor(dueMs / 60_000)}`;
}

function createJob(cronJob: CronJob, name: string, dueMs: number): Action {
  const { metadata = { name: "" }, spec } = cronJob.spec.jobTemplate;
  const job: Job = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name,
      namespace: cronJob.metadata.namespace,
      ...(metadata.labels === undefined ? {} : { labels: metadata.labels }),
      annotations: { ...metadata.annotations, [annotations.cronJobScheduledTimestamp]: formatTime(dueMs) },
      ownerReferences: [controllerReference(cronJob)],
    },
    spec: spec ?? { template: { spec: { containers: [] } } },
  };
  return create(jobs, job, {
    succeeded: () => ({ about: cronJob, type: "Normal", reason: "SuccessfulCreate", message: `Created job ${name}` }),
    failed: (error) =>
      error instanceof StatusError && error.reason === "AlreadyExists"
        ? undefined
        : { about: cronJob, type: "Warning", reason: "FailedCreate", message: `Error creating job: ${error.message}` },
  });
}

function deleteJob(cronJob: CronJob, job: Job): Action {
  return remove(jobs, job, {
    options: { propagationPolicy: "Background" },
    succeeded: () => ({ about: cronJob, type: "Normal", reason: "SuccessfulDelete", message: `Deleted job ${job.metadata.name}` }),
  });
}

/** Made for a time of the schedule, not by hand (`kubectl create job --from`). */
function isScheduled({ status }: CronJob, { metadata }: Job): boolean {
  return metadata.annotations?.[annotations.cronJobScheduledTimestamp] !== undefined || (status?.active ?? []).some(({ uid }) => uid === metadata.uid);
}

function unexpected(cronJob: CronJob, job: Job): Action {
  return note(cronJob, "Warning", "UnexpectedJob", `Saw a job that the controller did not create or forgot: ${job.metadata.name}`);
}

function isFinished(job: Job): boolean {
  return hasCondition(job, "Complete") !== undefined || hasCondition(job, "Failed") !== undefined;
}

/** What became of jobs that were running when the status was last written. */
function historyNotes(cronJob: CronJob, children: readonly Job[]): Action[] {
  return (cronJob.status?.active ?? []).flatMap(({ uid, name }) => {
    const job = children.find(({ metadata }) => metadata.uid === uid);
    if (job === undefined) return [note(cronJob, "Normal", "MissingJob", `Active job went missing: ${name}`)];
    if (!isFinished(job)) return [];
    const condition = hasCondition(job, "Complete") === undefined ? "Failed" : "Complete";
    return [note(cronJob, "Normal", "SawCompletedJob", `Saw completed job: ${name}, condition: ${condition}`)];
  });
}

/** Finished jobs past the limits, oldest first. */
function surplusHistory(cronJob: CronJob, children: readonly Job[]): Action[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec;
  const started = ({ status, metadata }: Job): number => parseTime(status?.startTime) ?? parseTime(metadata.creationTimestamp) ?? 0;
  const surplus = (type: string, limit: number | undefined): Job[] => {
    const ended = children.filter((job) => hasCondition(job, type) !== undefined && job.metadata.deletionTimestamp === undefined);
    const sorted = ended.sort((a, b) => started(a) - started(b) || (a.metadata.name < b.metadata.name ? -1 : 1));
    return limit === undefined ? [] : sorted.slice(0, Math.max(0, sorted.length - limit));
  };
  return [...surplus("Complete", successfulJobsHistoryLimit), ...surplus("Failed", failedJobsHistoryLimit)].map((job) => deleteJob(cronJob, job));
}

function writeStatus(cronJob: CronJob, children: readonly Job[], active: readonly Job[], lastScheduleTime: string | undefined): Action[] {
  const successes = children.flatMap(({ status }) => (status?.completionTime === undefined ? [] : [status.completionTime])).sort();
  const known = cronJob.status ?? {};
  const lastSuccessfulTime = [known.lastSuccessfulTime ?? "", successes.at(-1) ?? ""].sort().at(-1) ?? "";
  const references = active.map(
    ({ metadata }): ObjectReference => ({
      kind: "Job",
      namespace: metadata.namespace,
      name: metadata.name,
      uid: metadata.uid,
      apiVersion: "batch/v1",
      resourceVersion: known.active?.find(({ uid }) => uid === metadata.uid)?.resourceVersion ?? metadata.resourceVersion,
    }),
  );
  const status = {
    ...known,
    active: references,
    ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
    ...(lastSuccessfulTime === "" ? {} : { lastSuccessfulTime }),
  };
  const same = canonicalJson({ active: [], ...known }) === canonicalJson(status);
  return same ? [] : [updateStatus(cronJobs, { ...cronJob, status })];
}

export const cronJobController: Controller = controller<CronJob, ObservedCronJob>("cronjob", {
  for: cronJobs,
  wakes: [
    wake(jobs, (job, caches) => {
      const owner = controllerOf(job);
      if (owner?.kind !== cronJobs.kind) return [];
      const key = `${job.metadata.namespace}/${owner.name}`;
      return caches.of(cronJobs).get(key)?.metadata.uid === owner.uid ? [key] : [];
    }),
  ],
  index: (caches) => indexByController(caches, jobs),
  observe: (key, caches) => {
    const cronJob = caches.of(cronJobs).get(key);
    if (cronJob === undefined) return undefined;
    const { uid = "", namespace } = cronJob.metadata;
    return { cronJob, jobs: caches.of(jobs).byIndex(CONTROLLER_INDEX, uid), named: (name) => caches.of(jobs).get(`${namespace}/${name}`) };
  },
  plan: planCronJob,
});
