// Job (https://kubernetes.io/docs/concepts/workloads/controllers/job/).

import { humanDuration, type Mutable, parseTime } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { containerColumns, labelSelectorCell } from "../core/container-cells.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { nameWarnings, templateWarnings } from "../core/pod-warnings.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { Job, JobSpec } from "../generated/types.ts";
import { workloadLabels } from "../well-known.ts";
import { validateJobStatusUpdate } from "./job-status-validation.ts";
import { validateJob, validateJobUpdate } from "./job-validation.ts";

const NO_LIMIT = 2147483647;

function hasJobCondition({ status }: Job, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;
}

function statusCell(job: Job): string {
  if (hasJobCondition(job, "Complete")) return "Complete";
  if (hasJobCondition(job, "Failed")) return "Failed";
  if (job.metadata.deletionTimestamp !== undefined) return "Terminating";
  return ["Suspended", "FailureTarget", "SuccessCriteriaMet"].find((type) => hasJobCondition(job, type)) ?? "Running";
}

function completionsCell({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  return (spec.parallelism ?? 0) > 1 ? `${succeeded}/1 of ${spec.parallelism}` : `${succeeded}/1`;
}

function durationCell({ status }: Job, now: number): string {
  const start = parseTime(status?.startTime);
  return start === undefined ? "" : humanDuration((parseTime(status?.completionTime) ?? now) - start);
}

export function defaultFailurePolicy(policy: Mutable<NonNullable<JobSpec["podFailurePolicy"]>> | undefined): void {
  for (const { onPodConditions } of policy?.rules ?? []) for (const pattern of onPodConditions ?? []) pattern.status ||= "True";
}

function defaultJobSpec(spec: Mutable<JobSpec>): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : NO_LIMIT;
  spec.completionMode ??= "NonIndexed";
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? "TerminatingOrFailed" : "Failed";
  spec.manualSelector ??= false;
  defaultFailurePolicy(spec.podFailurePolicy);
  defaultPodTemplate(spec.template);
}

/** By name, as answers show them. */
function sorted(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Pods are told apart by the job's uid, unless the author chose a selector. */
function generateSelector(job: Mutable<Job>): void {
  const { template } = job.spec;
  const uid = job.metadata.uid ?? "";
  const name = job.metadata.name;
  const { jobName, legacyJobName, controllerUid, legacyControllerUid } = workloadLabels;
  const generated = { [legacyJobName]: name, [jobName]: name, [legacyControllerUid]: uid, [controllerUid]: uid };
  template.metadata = { ...(template.metadata as Mutable<Job>["metadata"]), labels: sorted({ ...generated, ...template.metadata?.labels }) };
  job.spec.selector = { ...job.spec.selector, matchLabels: sorted({ [controllerUid]: uid, ...job.spec.selector?.matchLabels }) };
}

export const jobs = kind<Job>("batch/v1", "Job", {
  columns: [
    nameColumn(),
    { name: "Status", type: "string", description: "How far it is.", value: statusCell },
    { name: "Completions", type: "string", description: "How many pods succeeded, of how many that must.", value: completionsCell },
    { name: "Duration", type: "string", description: "How long it has been running, or took.", value: durationCell },
    ageColumn(),
    ...containerColumns<Job>(({ spec }) => spec.template.spec.containers),
    { name: "Selector", type: "string", priority: 1, description: "Labels of its pods.", value: ({ spec }) => labelSelectorCell(spec.selector) },
  ],
  defaults(job: Mutable<Job>): void {
    const labels = job.spec.template.metadata?.labels;
    if (labels !== undefined && Object.keys(job.metadata.labels ?? {}).length === 0) job.metadata.labels = { ...labels };
    defaultJobSpec(job.spec);
  },
  prepareForCreate(job: Mutable<Job>): void {
    delete job.status;
    if (job.spec.manualSelector !== true) generateSelector(job);
    // A job without labels has those of its template, the generated ones included.
    if (Object.keys(job.metadata.labels ?? {}).length === 0) job.metadata.labels = { ...job.spec.template.metadata?.labels };
  },
  warnings: (object, old) => [
    ...(old === undefined ? nameWarnings(object) : []),
    ...templateWarnings(FieldPath.root("spec").child("template"), object.spec.template, old?.spec.template),
  ],
  validateCreate: validateJob,
  validateUpdate: validateJobUpdate,
  validateStatusUpdate: validateJobStatusUpdate,
  selectableFields: { "status.successful": ({ status }) => String(status?.succeeded ?? 0) },
});
