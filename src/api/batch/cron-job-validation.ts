// CronJobs.
import { checkNonnegative, checkRequiredOneOf } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid, notSupported, required } from "../field-errors.ts";
import type { CronJob, CronJobSpec } from "../generated/types.ts";
import { parseCronSchedule } from "./cron-schedule.ts";
import { checkJobSpec } from "./job-validation.ts";

const SPEC = FieldPath.root("spec");
/** Eleven characters are left for the time that a job's name ends with. */
const MAX_NAME = 52;

function checkSchedule(path: FieldPath, spec: CronJobSpec, old: CronJobSpec | undefined): FieldError[] {
  const { schedule, timeZone } = spec;
  if (schedule === "") return [required(path)];
  const parsed = parseCronSchedule(schedule);
  const errors = parsed.ok ? [] : [invalid(path, schedule, parsed.problem)];
  if (!schedule.includes("TZ")) return errors;
  const tolerated = old?.schedule.includes("TZ") ?? false;
  if (!tolerated) return [...errors, invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")];
  return timeZone === undefined ? errors : [...errors, invalid(path, schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule")];
}

function isKnownZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function checkTimeZone(path: FieldPath, zone: string | undefined): FieldError[] {
  if (zone === undefined) return [];
  if (zone === "") return [invalid(path, zone, "timeZone must be nil or non-empty string")];
  const parts = zone.split("/");
  if (parts.some((part) => part === "." || part === ".." || part.startsWith("-") || !/^[A-Za-z\-+_0-9.]+$/.test(part))) {
    return [invalid(path, zone, `unknown time zone ${zone}`)];
  }
  if (zone.toLowerCase() === "local") return [invalid(path, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones")];
  return isKnownZone(zone) ? [] : [invalid(path, zone, `unknown time zone ${zone}`)];
}

function checkSpec(spec: CronJobSpec, old: CronJobSpec | undefined): FieldError[] {
  const template = SPEC.child("jobTemplate", "spec");
  const jobSpec = spec.jobTemplate.spec;
  const errors = [
    ...checkSchedule(SPEC.child("schedule"), spec, old),
    ...checkNonnegative(SPEC.child("startingDeadlineSeconds"), spec.startingDeadlineSeconds),
    ...(old !== undefined && old.timeZone === spec.timeZone ? [] : checkTimeZone(SPEC.child("timeZone"), spec.timeZone)),
    ...checkRequiredOneOf(SPEC.child("concurrencyPolicy"), spec.concurrencyPolicy, ["Allow", "Forbid", "Replace"]),
    ...(jobSpec === undefined ? [required(template)] : checkJobSpec(template, jobSpec)),
    ...checkNonnegative(SPEC.child("successfulJobsHistoryLimit"), spec.successfulJobsHistoryLimit),
    ...checkNonnegative(SPEC.child("failedJobsHistoryLimit"), spec.failedJobsHistoryLimit),
  ];
  if (jobSpec?.selector !== undefined) errors.push(invalid(template.child("selector"), jobSpec.selector, "`selector` will be auto-generated"));
  if (jobSpec?.manualSelector === true) errors.push(notSupported(template.child("manualSelector"), true, ["nil", "false"]));
  return errors;
}

export function validateCronJob({ metadata, spec }: CronJob): FieldError[] {
  const errors = checkSpec(spec, undefined);
  // A nameless object reaches validation too, which says so elsewhere.
  if ((metadata.name ?? "").length <= MAX_NAME) return errors;
  return [...errors, invalid(FieldPath.root("metadata").child("name"), metadata.name, `must be no more than ${MAX_NAME} characters`)];
}

export function validateCronJobUpdate({ spec }: CronJob, old: CronJob): FieldError[] {
  return checkSpec(spec, old.spec);
}
