// CronJob (https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/).
import type { Mutable } from "../../base/index.ts";
import { ageColumn, ageText, nameColumn } from "../columns.ts";
import { containerColumns, labelSelectorCell } from "../core/container-cells.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { nameWarnings, templateWarnings } from "../core/pod-warnings.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { CronJob } from "../generated/types.ts";
import { validateCronJob, validateCronJobUpdate } from "./cron-job-validation.ts";
import { defaultFailurePolicy } from "./job.ts";

/** A flag as tables show it. */
function flagCell(value: boolean | undefined): string {
  return value === undefined ? "<unset>" : value ? "True" : "False";
}

function cronJobWarnings(cronJob: CronJob, old: CronJob | undefined): string[] {
  const path = FieldPath.root("spec").child("jobTemplate", "spec", "template");
  const template = templateWarnings(path, cronJob.spec.jobTemplate.spec?.template, old?.spec.jobTemplate.spec?.template);
  return [...(old === undefined ? nameWarnings(cronJob) : []), ...template];
}

export const cronJobs = kind<CronJob>("batch/v1", "CronJob", {
  columns: [
    nameColumn(),
    { name: "Schedule", type: "string", description: "When it starts jobs.", value: ({ spec }) => spec.schedule },
    { name: "Timezone", type: "string", description: "By whose clock.", value: ({ spec }) => spec.timeZone ?? "<none>" },
    { name: "Suspend", type: "boolean", description: "Whether it rests.", value: ({ spec }) => flagCell(spec.suspend) },
    { name: "Active", type: "integer", description: "How many of its jobs run.", value: ({ status }) => status?.active?.length ?? 0 },
    {
      name: "Last Schedule",
      type: "string",
      description: "When it last started one.",
      value: ({ status }, now) => (status?.lastScheduleTime === undefined ? "<none>" : ageText(status.lastScheduleTime, now)),
    },
    ageColumn(),
    ...containerColumns<CronJob>(({ spec }) => spec.jobTemplate.spec?.template.spec.containers ?? []),
    {
      name: "Selector",
      type: "string",
      priority: 1,
      description: "Labels of its jobs' pods.",
      value: ({ spec }) => labelSelectorCell(spec.jobTemplate.spec?.selector),
    },
  ],
  /** A job's own defaults are filled in when the job is made. */
  defaults({ spec }: Mutable<CronJob>): void {
    spec.concurrencyPolicy ||= "Allow";
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    const { jobTemplate } = spec;
    defaultFailurePolicy(jobTemplate.spec?.podFailurePolicy);
    defaultPodTemplate(jobTemplate.spec?.template);
  },
  warnings: cronJobWarnings,
  validateCreate: validateCronJob,
  validateUpdate: validateCronJobUpdate,
});
