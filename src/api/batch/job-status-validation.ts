// What a job's status may become: finished jobs stay finished, and a job that has finished has no pods left
// (https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions).
import { parseTime } from "../../base/index.ts";
import { checkNonnegative } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid, required } from "../field-errors.ts";
import type { Job } from "../generated/types.ts";
import { parseIndexes } from "./indexes.ts";

const STATUS = FieldPath.root("status");

function has({ status }: Job, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;
}

function isFinished(job: Job): boolean {
  return has(job, "Complete") || has(job, "Failed");
}

function checkTerminal(job: Job, old: Job): FieldError[] {
  const path = STATUS.child("conditions");
  const errors: FieldError[] = [];
  for (const type of ["Failed", "Complete"]) {
    if (has(old, type) && !has(job, type)) errors.push(invalid(path, { type, status: "False" }, `cannot disable the terminal ${type}=True condition`));
  }
  if (has(job, "Complete") && has(job, "Failed")) errors.push(invalid(path, job.status?.conditions, "cannot set Complete=True and Failed=true conditions"));
  if (has(job, "Complete") && has(job, "FailureTarget")) {
    errors.push(invalid(path, job.status?.conditions, "cannot set Complete=True and FailureTarget=true conditions"));
  }
  if (has(job, "Failed") && !has(old, "Failed") && !has(job, "FailureTarget")) {
    errors.push(invalid(path, job.status?.conditions, "cannot set Failed=True condition without the FailureTarget=true condition"));
  }
  if (has(job, "Complete") && !has(old, "Complete") && !has(job, "SuccessCriteriaMet")) {
    errors.push(invalid(path, job.status?.conditions, "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"));
  }
  return errors;
}

function checkFinished(job: Job, old: Job): FieldError[] {
  if (!isFinished(job) || isFinished(old)) return [];
  const { active = 0, terminating = 0, startTime, uncountedTerminatedPods: uncounted } = job.status ?? {};
  const errors: FieldError[] = [];
  if (active > 0) errors.push(invalid(STATUS.child("active"), active, "active>0 is invalid for finished job"));
  if (terminating > 0) errors.push(invalid(STATUS.child("terminating"), terminating, "terminating>0 is invalid for finished job"));
  const idle = job.spec.suspend === true && job.spec.completions === 0;
  if (startTime === undefined && !idle) errors.push(required(STATUS.child("startTime"), "startTime is required for finished job"));
  if ((uncounted?.failed ?? []).length + (uncounted?.succeeded ?? []).length > 0) {
    errors.push(invalid(STATUS.child("uncountedTerminatedPods"), uncounted, "uncountedTerminatedPods needs to be empty for finished job"));
  }
  return errors;
}

function checkTimes(job: Job, old: Job): FieldError[] {
  const { startTime, completionTime } = job.status ?? {};
  const before = old.status?.completionTime;
  const path = STATUS.child("completionTime");
  const errors: FieldError[] = [];
  if (before !== undefined && completionTime !== before) errors.push(invalid(path, completionTime ?? null, "completionTime cannot be mutated"));
  if (has(job, "Complete") && completionTime === undefined) errors.push(required(path, "completionTime is required for Complete jobs"));
  if (!has(job, "Complete") && completionTime !== undefined && before === undefined) {
    errors.push(invalid(path, completionTime, "cannot set completionTime when there is no Complete=True condition"));
  }
  if ((parseTime(completionTime) ?? 0) < (parseTime(startTime) ?? 0) && completionTime !== undefined) {
    errors.push(invalid(path, completionTime, "completionTime cannot be set before startTime"));
  }
  return errors;
}

function checkIndexes(job: Job, old: Job): FieldError[] {
  return (["completedIndexes", "failedIndexes"] as const).flatMap((name) => {
    const text = job.status?.[name];
    const path = STATUS.child(name);
    if (text === undefined || text === "" || text === old.status?.[name]) return [];
    if (job.spec.completionMode !== "Indexed") return [invalid(path, text, `cannot set non-empty ${name} when non-indexed completion mode`)];
    const parsed = parseIndexes(text, job.spec.completions ?? 0);
    return parsed.ok ? [] : [invalid(path, text, `error parsing ${name}: ${parsed.problem}`)];
  });
}

export function validateJobStatusUpdate(job: Job, old: Job): FieldError[] {
  const { active = 0, succeeded = 0, failed = 0, ready = 0, terminating } = job.status ?? {};
  const errors = Object.entries({ active, succeeded, failed, ready, terminating }).flatMap(([name, count]) => checkNonnegative(STATUS.child(name), count));
  if (ready > active) errors.push(invalid(STATUS.child("ready"), ready, "cannot set more ready pods than active"));
  const elastic = job.spec.completionMode === "Indexed" && job.spec.completions === job.spec.parallelism;
  if (!elastic && succeeded < (old.status?.succeeded ?? 0)) errors.push(invalid(STATUS.child("succeeded"), succeeded, "cannot decrease the succeeded counter"));
  if (failed < (old.status?.failed ?? 0)) errors.push(invalid(STATUS.child("failed"), failed, "cannot decrease the failed counter"));
  return [...errors, ...checkTerminal(job, old), ...checkFinished(job, old), ...checkTimes(job, old), ...checkIndexes(job, old)];
}
