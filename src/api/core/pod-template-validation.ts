// Templates of pods, in the workloads and stored by themselves.
import { checkTemplateMetadata, selectorIsEmpty } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { LabelSelector, PodTemplate, PodTemplateSpec } from "../generated/types.ts";
import { labelSelectorMatches } from "../selector.ts";
import { checkPodSpec } from "./pod-spec-validation.ts";
import { checkPodAnnotations } from "./pod-validation.ts";
import { checkProfilesAgree } from "./profile-annotations.ts";

export function checkPodTemplate(path: FieldPath, template: PodTemplateSpec): FieldError[] {
  const errors = [
    ...checkTemplateMetadata(path, template.metadata),
    ...checkPodAnnotations(path.child("annotations"), template.metadata?.annotations, template.spec),
    ...checkPodSpec(path.child("spec"), template.spec, undefined),
    ...checkProfilesAgree(path.child("spec"), template.metadata?.annotations ?? {}, template.spec),
  ];
  if ((template.spec.ephemeralContainers ?? []).length > 0) {
    errors.push(forbidden(path.child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template"));
  }
  return errors;
}

/** A selector that is itself wrong is not asked what it fits. */
export type TemplateSelector = LabelSelector | "unsound" | undefined;

/** A selector that no pod of the template would fit is a mistake; one that is missing fits none. */
export function checkSelectorFitsTemplate(path: FieldPath, template: PodTemplateSpec, selector: TemplateSelector): FieldError[] {
  const labels = template.metadata?.labels;
  if (selector === "unsound") return [];
  if (selector !== undefined && (selectorIsEmpty(selector) || labelSelectorMatches(selector, labels))) return [];
  return [invalid(path.child("metadata", "labels"), labels ?? null, "`selector` does not match template `labels`")];
}

/** For workloads whose pods run forever. */
export function checkPerpetualTemplate(path: FieldPath, template: PodTemplateSpec | undefined, selector: TemplateSelector, owner: string): FieldError[] {
  if (template === undefined) return [required(path)];
  const errors = [...checkSelectorFitsTemplate(path, template, selector), ...checkPodTemplate(path, template)];
  const { restartPolicy, activeDeadlineSeconds } = template.spec;
  if (restartPolicy !== "Always") errors.push(notSupported(path.child("spec", "restartPolicy"), restartPolicy ?? "", ["Always"]));
  if (activeDeadlineSeconds !== undefined) {
    errors.push(forbidden(path.child("spec", "activeDeadlineSeconds"), `activeDeadlineSeconds in ${owner} is not Supported`));
  }
  return errors;
}

export function validateStoredPodTemplate({ template }: PodTemplate): FieldError[] {
  return template === undefined ? [] : checkPodTemplate(FieldPath.root("template"), template);
}

export function validateStoredPodTemplateUpdate(template: PodTemplate): FieldError[] {
  return validateStoredPodTemplate(template);
}
