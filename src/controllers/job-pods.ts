// Which pods a job makes and removes next (https://kubernetes.io/docs/concepts/workloads/controllers/job/#parallel-jobs). Pure.
import { annotations, type Container, type EnvVar, finalizers, isPodActive, isRestartableInit, type Job, type Pod, workloadLabels } from "../api/index.ts";
import { parseTime } from "../base/index.ts";
import { indexOf, isIndexed } from "./job-indexes.ts";
import { countsAsFailed, failureAction, replacesOnlyFailed } from "./job-policies.ts";
import { podsToDelete } from "./pod-ranking.ts";
import { podFromTemplate } from "./pod-template.ts";

const MAX_CHANGES = 500;
const FIRST_DELAY_MS = 10_000;
const LARGEST_DELAY_MS = 600_000;
const INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count";
const INDEX_VARIABLE = "JOB_COMPLETION_INDEX";

export interface PodChanges {
  readonly create: readonly Pod[];
  readonly delete: readonly Pod[];
  /** Pods are missing that may be made only then. */
  readonly dueMs: number | undefined;
}

export interface JobPods {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly succeeded: number;
  readonly succeededIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  readonly nowMs: number;
}

export function podChanges(of: JobPods): PodChanges {
  const { job, pods, succeeded, nowMs } = of;
  const active = pods.filter(isPodActive);
  const wanted = wantedActive(job, active.length, succeeded);
  const surplus = surplusPods(of, active, wanted);
  if (surplus.length > 0 || job.spec.suspend === true) return { create: [], delete: surplus.slice(0, MAX_CHANGES), dueMs: undefined };
  const terminating = replacesOnlyFailed(job)
    ? pods.filter((pod) => !isPodActive(pod) && pod.metadata.deletionTimestamp !== undefined && !hasEnded(pod)).length
    : 0;
  const missing = Math.min(wanted - terminating - active.length, MAX_CHANGES);
  if (missing <= 0) return { create: [], delete: [], dueMs: undefined };
  if (!isIndexed(job) || job.spec.backoffLimitPerIndex === undefined) {
    const dueMs = creationDueMs(job, pods);
    if (dueMs > nowMs) return { create: [], delete: [], dueMs };
    const indexes = isIndexed(job) ? pendingIndexes(of, active).slice(0, missing) : undefined;
    const create = indexes === undefined ? Array.from({ length: missing }, () => jobPod(job)) : indexes.map((index) => jobPod(job, index, 0));
    return { create, delete: [], dueMs: undefined };
  }
  return perIndex(of, pendingIndexes(of, active).slice(0, missing));
}

/** Each index waits and is counted on its own. */
function perIndex({ job, pods, nowMs }: JobPods, indexes: readonly number[]): PodChanges {
  const create: Pod[] = [];
  const dues: number[] = [];
  for (const index of indexes) {
    const last = lastFailed(job, pods, index);
    const failures = last === undefined ? 0 : failuresOf(last) + 1;
    const dueMs = last === undefined ? 0 : finishedMs(last) + delayMs(failures);
    if (dueMs > nowMs) dues.push(dueMs);
    else create.push(jobPod(job, index, last === undefined ? 0 : failuresOf(last) + (failureAction(job, last) === "Ignore" ? 0 : 1)));
  }
  return { create, delete: [], dueMs: dues.length === 0 ? undefined : Math.min(...dues) };
}

function wantedActive({ spec }: Job, active: number, succeeded: number): number {
  const { parallelism = 1, completions, suspend = false } = spec;
  if (suspend) return 0;
  if (completions === undefined) return succeeded > 0 ? active : parallelism;
  return Math.max(0, Math.min(parallelism, completions - succeeded));
}

/** Pods of indexes that are done, doubled, or unknown go first, then the usual ranking. */
function surplusPods({ job, succeededIndexes, failedIndexes, nowMs }: JobPods, active: readonly Pod[], wanted: number): readonly Pod[] {
  if (!isIndexed(job)) return podsToDelete(active, active, Math.max(0, active.length - wanted), nowMs);
  const seen = new Set<number>();
  const misplaced = active.filter((pod) => {
    const index = indexOf(pod, job.spec.completions ?? 0);
    if (index === undefined || seen.has(index) || succeededIndexes.has(index) || failedIndexes.has(index)) return true;
    seen.add(index);
    return false;
  });
  const others = active.filter((pod) => !misplaced.includes(pod));
  return [...misplaced, ...podsToDelete(others, others, Math.max(0, others.length - wanted), nowMs)];
}

function pendingIndexes({ job, pods, succeededIndexes, failedIndexes }: JobPods, active: readonly Pod[]): number[] {
  const { completions = 0 } = job.spec;
  const busy = replacesOnlyFailed(job) ? pods.filter((pod) => !hasEnded(pod)) : active;
  const taken = new Set(busy.map((pod) => indexOf(pod, completions)));
  const pending: number[] = [];
  for (let index = 0; index < completions; index++) if (!taken.has(index) && !succeededIndexes.has(index) && !failedIndexes.has(index)) pending.push(index);
  return pending;
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** The pod of the index that failed last, if any. */
export function lastFailed(job: Job, pods: readonly Pod[], index: number): Pod | undefined {
  const failed = pods.filter((pod) => indexOf(pod, job.spec.completions ?? 0) === index && pod.status?.phase === "Failed");
  return failed.sort((a, b) => failuresOf(a) - failuresOf(b) || finishedMs(a) - finishedMs(b)).at(-1);
}

/** How often the index had failed before this pod. */
export function failuresOf({ metadata }: Pod): number {
  const text = metadata.annotations?.[INDEX_FAILURES] ?? "0";
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
}

/** Failures in a row make the next pod wait: 10 s, doubling, up to 10 min. */
function creationDueMs(job: Job, pods: readonly Pod[]): number {
  const lastSuccessMs = Math.max(0, ...pods.filter(({ status }) => status?.phase === "Succeeded").map(finishedMs));
  const failures = pods
    .filter((pod) => countsAsFailed(job, pod))
    .map(finishedMs)
    .filter((atMs) => atMs > lastSuccessMs);
  return failures.length === 0 ? 0 : Math.max(...failures) + delayMs(failures.length);
}

function delayMs(failures: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 16), LARGEST_DELAY_MS);
}

/** When all containers that run to the end had ended, else when it stopped serving, or was asked to stop. */
export function finishedMs({ metadata, spec, status }: Pod): number {
  const sidecars = new Set((spec.initContainers ?? []).filter(isRestartableInit).map(({ name }) => name));
  const containers = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name))];
  const ends = containers.map(({ state }) => parseTime(state?.terminated?.finishedAt));
  if (ends.length > 0 && ends.every((end) => end !== undefined)) return Math.max(...ends);
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const stoppedMs = ready?.status === "False" ? parseTime(ready.lastTransitionTime) : undefined;
  const deletedMs = parseTime(metadata.deletionTimestamp);
  const askedMs = deletedMs === undefined ? undefined : deletedMs - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  return stoppedMs ?? askedMs ?? parseTime(metadata.creationTimestamp) ?? 0;
}

/** A pod of the job, with the finalizer that keeps it until it is counted. */
export function jobPod(job: Job, index?: number, failures = 0): Pod {
  const pod = podFromTemplate(job, job.spec.template);
  const tracked = [...(pod.metadata.finalizers ?? []).filter((name) => name !== finalizers.jobTracking), finalizers.jobTracking];
  const metadata = { ...pod.metadata, finalizers: tracked };
  if (index === undefined) return { ...pod, metadata };
  const perIndexCount: Record<string, string> = job.spec.backoffLimitPerIndex === undefined ? {} : { [INDEX_FAILURES]: String(failures) };
  const withIndex = {
    ...metadata,
    generateName: `${job.metadata.name}-${index}-`,
    labels: { ...metadata.labels, [workloadLabels.jobCompletionIndex]: String(index) },
    annotations: { ...metadata.annotations, [annotations.jobCompletionIndex]: String(index), ...perIndexCount },
  };
  const { containers, initContainers } = pod.spec;
  const spec = {
    ...pod.spec,
    hostname: `${job.metadata.name}-${index}`.slice(0, 63),
    containers: containers.map(withIndexVariable),
    ...(initContainers === undefined ? {} : { initContainers: initContainers.map(withIndexVariable) }),
  };
  return { ...pod, metadata: withIndex, spec };
}

function withIndexVariable(container: Container): Container {
  if (container.env?.some(({ name }) => name === INDEX_VARIABLE)) return container;
  const variable: EnvVar = { name: INDEX_VARIABLE, valueFrom: { fieldRef: { fieldPath: `metadata.labels['${workloadLabels.jobCompletionIndex}']` } } };
  return { ...container, env: [...(container.env ?? []), variable] };
}
