// When a job has failed or succeeded: pod failure policies, success policies, limits and deadlines
// (https://kubernetes.io/docs/concepts/workloads/controllers/job/#handling-pod-and-container-failures). Pure.
import { type ContainerStatus, isPodTerminal, type Job, type JobCondition, type Pod, type PodFailurePolicyOnExitCodesRequirement } from "../api/index.ts";
import { parseTime } from "../base/index.ts";
import { isIndexed, readIndexes } from "./job-indexes.ts";

export interface Finish {
  readonly as: "Complete" | "Failed";
  readonly reason: string;
  readonly message: string;
}

export type FailureAction = "Count" | "Ignore" | "FailIndex" | { readonly failJob: string };

/** Deleted pods count as failed, unless only ended ones are to be replaced. */
export function countsAsFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === "Failed") return true;
  return !replacesOnlyFailed(job) && pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== "Succeeded";
}

export function replacesOnlyFailed({ spec }: Job): boolean {
  return spec.podReplacementPolicy === "Failed" || spec.podFailurePolicy !== undefined;
}

/** What the first matching rule says about a failed pod. */
export function failureAction(job: Job, pod: Pod): FailureAction {
  const { namespace, name } = pod.metadata;
  for (const [position, { action, onExitCodes, onPodConditions }] of (job.spec.podFailurePolicy?.rules ?? []).entries()) {
    const container = onExitCodes === undefined ? undefined : containerWithExitCode(pod, onExitCodes);
    const condition = pod.status?.conditions?.find(({ type, status }) =>
      onPodConditions?.some((pattern) => pattern.type === type && (pattern.status ?? "True") === status),
    );
    if (container === undefined && condition === undefined) continue;
    if (action !== "FailJob") return action as "Count" | "Ignore" | "FailIndex";
    const what =
      container === undefined
        ? `Pod ${namespace}/${name} has condition ${condition?.type}`
        : `Container ${container.name} for pod ${namespace}/${name} failed with exit code ${container.state?.terminated?.exitCode}`;
    return { failJob: `${what} matching FailJob rule at index ${position}` };
  }
  return "Count";
}

function containerWithExitCode({ status }: Pod, { containerName, operator, values }: PodFailurePolicyOnExitCodesRequirement): ContainerStatus | undefined {
  return [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].find(({ name, state }) => {
    const exitCode = state?.terminated?.exitCode ?? 0;
    if (exitCode === 0 || (containerName !== undefined && containerName !== name)) return false;
    return operator === "In" ? values.includes(exitCode) : operator === "NotIn" && !values.includes(exitCode);
  });
}

export interface Progress {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly active: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly succeededIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  readonly nowMs: number;
}

/** How the job ends, if it does; what was decided earlier stays. */
export function finishOf(progress: Progress): Finish | undefined {
  return decidedEarlier(progress.job) ?? failureOf(progress) ?? successOf(progress);
}

export function hasCondition(job: Job, type: string): JobCondition | undefined {
  return job.status?.conditions?.find((condition) => condition.type === type && condition.status === "True");
}

function decidedEarlier(job: Job): Finish | undefined {
  for (const [type, as] of [
    ["SuccessCriteriaMet", "Complete"],
    ["FailureTarget", "Failed"],
  ] as const) {
    const condition = hasCondition(job, type);
    if (condition !== undefined) return { as, reason: condition.reason ?? "", message: condition.message ?? "" };
  }
  return undefined;
}

function failureOf({ job, pods, failed, succeededIndexes, failedIndexes, nowMs }: Progress): Finish | undefined {
  const { spec, status } = job;
  for (const pod of pods) {
    const action = pod.status?.phase === "Failed" ? failureAction(job, pod) : "Count";
    if (typeof action === "object") return { as: "Failed", reason: "PodFailurePolicy", message: action.failJob };
  }
  const limit = spec.backoffLimit ?? 6;
  if (failed > limit || restartsPast(job, pods, limit))
    return { as: "Failed", reason: "BackoffLimitExceeded", message: "Job has reached the specified backoff limit" };
  const startedMs = parseTime(status?.startTime);
  if (spec.activeDeadlineSeconds !== undefined && spec.suspend !== true && startedMs !== undefined && nowMs - startedMs >= spec.activeDeadlineSeconds * 1000)
    return { as: "Failed", reason: "DeadlineExceeded", message: "Job was active longer than specified deadline" };
  if (spec.backoffLimitPerIndex === undefined) return undefined;
  if (spec.maxFailedIndexes !== undefined && failedIndexes.size > spec.maxFailedIndexes)
    return { as: "Failed", reason: "MaxFailedIndexesExceeded", message: "Job has exceeded the specified maximal number of failed indexes" };
  if (failedIndexes.size > 0 && failedIndexes.size + succeededIndexes.size >= (spec.completions ?? 0))
    return { as: "Failed", reason: "FailedIndexes", message: "Job has failed indexes" };
  return undefined;
}

/** Containers that restart in place count by their restarts. */
function restartsPast({ spec }: Job, pods: readonly Pod[], limit: number): boolean {
  if (spec.template.spec?.restartPolicy !== "OnFailure") return false;
  const running = pods.filter((pod) => !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined);
  const restarts = running.flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]);
  const total = restarts.reduce((sum, { restartCount }) => sum + restartCount, 0);
  return limit === 0 ? total > 0 : total >= limit;
}

function successOf({ job, active, succeeded, succeededIndexes }: Progress): Finish | undefined {
  const { spec } = job;
  const rule = isIndexed(job) ? matchingRule(job, succeededIndexes) : undefined;
  if (rule !== undefined) return { as: "Complete", reason: "SuccessPolicy", message: `Matched rules at index ${rule}` };
  const complete = spec.completions === undefined ? succeeded > 0 && active === 0 : succeeded >= spec.completions && active === 0;
  return complete ? { as: "Complete", reason: "CompletionsReached", message: "Reached expected number of succeeded pods" } : undefined;
}

function matchingRule({ spec }: Job, succeededIndexes: ReadonlySet<number>): number | undefined {
  const rules = spec.successPolicy?.rules ?? [];
  const position = rules.findIndex(({ succeededIndexes: text, succeededCount }) => {
    if (succeededIndexes.size === 0) return false;
    if (text === undefined) return succeededCount !== undefined && succeededIndexes.size >= succeededCount;
    const required = readIndexes(text, spec.completions ?? 0);
    const reached = [...required].filter((index) => succeededIndexes.has(index)).length;
    return required.size > 0 && (reached === required.size || (succeededCount !== undefined && reached >= succeededCount));
  });
  return position === -1 ? undefined : position;
}
