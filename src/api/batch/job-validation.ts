// Jobs (https://kubernetes.io/docs/concepts/workloads/controllers/job/): pods that end, policies for those that fail, selectors of the server's making.
import { checkPodTemplate, checkSelectorFitsTemplate } from "../core/pod-template-validation.ts";
import { checkLabelSelector, checkNonnegative, checkOneOf } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid, notSupported, required, tooLong } from "../field-errors.ts";
import type { Job, JobSpec } from "../generated/types.ts";
import { checkImmutable, sameValue } from "../immutable.ts";
import { checkDnsLabel, checkDomainPrefixedPath } from "../names.ts";
import { labelSelectorMatches } from "../selector.ts";
import { workloadLabels } from "../well-known.ts";
import { checkPodFailurePolicy, checkSuccessPolicy } from "./job-policy-validation.ts";

const SPEC = FieldPath.root("spec");
const MAX_MANAGED_BY = 63;
const MANY = 100_000;
const FEW_OF_MANY = 10_000;

function checkIndexed(path: FieldPath, spec: JobSpec): FieldError[] {
  const { completions, parallelism, backoffLimitPerIndex, maxFailedIndexes } = spec;
  const errors = completions === undefined ? [required(path.child("completions"), "when completion mode is Indexed")] : [];
  const atMost = (name: string, value: number | undefined, limit: number, text: string): void => {
    if (value !== undefined && value > limit) errors.push(invalid(path.child(name), value, text));
  };
  atMost("parallelism", parallelism, MANY, `must be less than or equal to ${MANY} when completion mode is Indexed`);
  if (completions !== undefined) atMost("maxFailedIndexes", maxFailedIndexes, completions, "must be less than or equal to completions");
  atMost("maxFailedIndexes", maxFailedIndexes, MANY, `must be less than or equal to ${MANY}`);
  if (completions === undefined || completions <= MANY || backoffLimitPerIndex === undefined) return errors;
  if (maxFailedIndexes === undefined) errors.push(required(path.child("maxFailedIndexes"), `must be specified when completions is above ${MANY}`));
  const text = `must be less than or equal to ${FEW_OF_MANY} when completions are above ${MANY} and used with backoff limit per index`;
  atMost("parallelism", parallelism, FEW_OF_MANY, text);
  atMost("maxFailedIndexes", maxFailedIndexes, FEW_OF_MANY, text);
  return errors;
}

function checkCompletionMode(path: FieldPath, spec: JobSpec): FieldError[] {
  const { completionMode = "NonIndexed", backoffLimitPerIndex, maxFailedIndexes, successPolicy } = spec;
  const errors = checkOneOf(path.child("completionMode"), completionMode, ["NonIndexed", "Indexed"]);
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined) {
    errors.push(required(path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
  }
  if (completionMode === "Indexed") errors.push(...checkIndexed(path, spec));
  if (completionMode === "NonIndexed") {
    for (const [name, value] of Object.entries({ backoffLimitPerIndex, maxFailedIndexes })) {
      if (value !== undefined) errors.push(invalid(path.child(name), value, "requires indexed completion mode"));
    }
  }
  if (successPolicy === undefined) return errors;
  if (completionMode !== "Indexed") return [...errors, invalid(path.child("successPolicy"), successPolicy, "requires indexed completion mode")];
  return [...errors, ...checkSuccessPolicy(path.child("successPolicy"), successPolicy, spec.completions ?? 0)];
}

function checkRestartPolicy(path: FieldPath, spec: JobSpec): FieldError[] {
  const { restartPolicy } = spec.template.spec;
  if (!restartPolicy || restartPolicy === "Always") return [required(path, 'valid values: "OnFailure", "Never"')];
  if (restartPolicy !== "OnFailure" && restartPolicy !== "Never") return [notSupported(path, restartPolicy, ["OnFailure", "Never"])];
  if (spec.podFailurePolicy === undefined || restartPolicy === "Never") return [];
  return [invalid(path, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified')];
}

function checkManagedBy(path: FieldPath, managedBy: string | undefined): FieldError[] {
  if (managedBy === undefined) return [];
  const errors = managedBy === "" ? [required(path)] : checkDomainPrefixedPath(managedBy).map(({ value, problem }) => invalid(path, value, problem));
  return managedBy.length > MAX_MANAGED_BY ? [...errors, tooLong(path, MAX_MANAGED_BY)] : errors;
}

function checkReplacement(path: FieldPath, { podReplacementPolicy: policy, podFailurePolicy }: JobSpec): FieldError[] {
  if (podFailurePolicy === undefined) return checkOneOf(path, policy, ["Failed", "TerminatingOrFailed"]);
  return checkOneOf(path, policy, ["Failed"]);
}

/** A job's spec, or that of a CronJob's template, which has no selector yet. */
export function checkJobSpec(path: FieldPath, spec: JobSpec): FieldError[] {
  const { parallelism, completions, activeDeadlineSeconds, backoffLimit, ttlSecondsAfterFinished, backoffLimitPerIndex, maxFailedIndexes } = spec;
  const counts = { parallelism, completions, activeDeadlineSeconds, backoffLimit, ttlSecondsAfterFinished, backoffLimitPerIndex, maxFailedIndexes };
  return [
    ...Object.entries(counts).flatMap(([name, count]) => checkNonnegative(path.child(name), count)),
    ...checkManagedBy(path.child("managedBy"), spec.managedBy),
    ...checkCompletionMode(path, spec),
    ...(spec.podFailurePolicy === undefined ? [] : checkPodFailurePolicy(path.child("podFailurePolicy"), spec.podFailurePolicy, spec)),
    ...checkReplacement(path.child("podReplacementPolicy"), spec),
    ...checkPodTemplate(path.child("template"), spec.template),
    ...checkRestartPolicy(path.child("template", "spec", "restartPolicy"), spec),
  ];
}

function checkGeneratedSelector({ metadata, spec }: Job): FieldError[] {
  if (spec.manualSelector === true || spec.selector === undefined) return [];
  const { jobName, legacyJobName, controllerUid, legacyControllerUid } = workloadLabels;
  const uid = metadata.uid ?? "";
  const expected = { [legacyControllerUid]: uid, [legacyJobName]: metadata.name, [controllerUid]: uid, [jobName]: metadata.name };
  const labels = spec.template.metadata?.labels ?? {};
  const errors = Object.entries(expected).flatMap(([key, value]) => {
    const path = SPEC.child("template", "metadata", "labels").key(key);
    if (!Object.hasOwn(labels, key)) return [required(path, `must be '${value}'`)];
    return labels[key] === value ? [] : [invalid(path, labels, `must be '${value}'`)];
  });
  const sound = checkLabelSelector(SPEC, spec.selector).length === 0;
  if (sound && !labelSelectorMatches(spec.selector, expected)) errors.push(invalid(SPEC.child("selector"), spec.selector, "`selector` not auto-generated"));
  return errors;
}

function checkSpecWithSelector(spec: JobSpec): FieldError[] {
  const errors = checkJobSpec(SPEC, spec);
  const path = SPEC.child("selector");
  if (spec.selector === undefined) return [...errors, required(path), ...checkSelectorFitsTemplate(SPEC.child("template"), spec.template, undefined)];
  const faults = checkLabelSelector(path, spec.selector);
  const fits = faults.length > 0 ? [] : checkSelectorFitsTemplate(SPEC.child("template"), spec.template, spec.selector);
  return [...errors, ...faults, ...fits];
}

export function validateJob(job: Job): FieldError[] {
  const { spec, metadata } = job;
  const errors = [...checkGeneratedSelector(job), ...checkSpecWithSelector(spec)];
  if (spec.completionMode !== "Indexed" || !spec.completions) return errors;
  const hostname = `${metadata.name}-${spec.completions - 1}`;
  if (checkDnsLabel(hostname).length === 0) return errors;
  return [...errors, invalid(FieldPath.root("metadata").child("name"), metadata.name, `will not able to create pod with invalid DNS label: ${hostname}`)];
}

function checkCompletions(spec: JobSpec, old: JobSpec): FieldError[] {
  const path = SPEC.child("completions");
  if (spec.completionMode !== "Indexed") return checkImmutable(spec.completions, old.completions, path);
  if (spec.completions === old.completions || spec.completions === undefined) return [];
  return spec.completions === spec.parallelism ? [] : [invalid(path, spec.completions, "can only be modified in tandem with spec.parallelism")];
}

/** What a queueing controller decides while the job waits: where its pods may run, and with what resources. */
function withoutDirectives(template: JobSpec["template"], resourcesToo: boolean): unknown {
  const { nodeSelector: _nodes, tolerations: _tolerations, schedulingGates: _gates, affinity, ...spec } = template.spec;
  const { nodeAffinity: _affinity, ...otherAffinity } = affinity ?? {};
  const { labels: _labels, annotations: _annotations, ...metadata } = template.metadata ?? {};
  const bare = (containers: JobSpec["template"]["spec"]["containers"] | undefined): unknown =>
    resourcesToo ? containers?.map(({ resources: _resources, ...container }) => container) : containers;
  return { metadata, spec: { ...spec, affinity: otherAffinity, containers: bare(spec.containers), initContainers: bare(spec.initContainers) } };
}

/** A suspended job that has not started, or stands still, may be told where to run. */
function checkTemplate(job: Job, old: Job): FieldError[] {
  const path = SPEC.child("template");
  const [template, before] = [job.spec.template, old.spec.template];
  if (sameValue(template, before)) return [];
  const waiting = old.spec.suspend === true && (old.status?.active ?? 0) === 0;
  if (!waiting) return [invalid(path, template, "field is immutable")];
  return sameValue(withoutDirectives(template, true), withoutDirectives(before, true)) ? [] : [invalid(path, template, "field is immutable")];
}

export function validateJobUpdate(job: Job, old: Job): FieldError[] {
  const { spec } = job;
  const fixed = ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] as const;
  return [
    ...validateJob(job),
    ...checkCompletions(spec, old.spec),
    ...checkImmutable(spec.selector, old.spec.selector, SPEC.child("selector")),
    ...checkTemplate(job, old),
    ...fixed.flatMap((name) => checkImmutable(spec[name], old.spec[name], SPEC.child(name))),
  ];
}
