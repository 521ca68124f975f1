// Events of the core group: in the namespace of what they are about; events of the newer shape (with `eventTime`) also say who reports and what was done.
import { checkRequired, checkText } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid, required } from "../field-errors.ts";
import type { Event } from "../generated/types.ts";
import { byteLength, checkDnsSubdomain, checkQualifiedName } from "../names.ts";

const MAX_TEXT = 128;
const MAX_MESSAGE = 1024;
const INVOLVED = FieldPath.root("involvedObject").child("namespace");

function checkLength(name: string, text: string | undefined, limit: number, isRequired: boolean): FieldError[] {
  const path = FieldPath.root(name);
  const errors = isRequired ? checkRequired(path, text) : [];
  return byteLength(text ?? "") > limit ? [...errors, invalid(path, "", `can have at most ${limit} characters`)] : errors;
}

function checkNewerShape(event: Event): FieldError[] {
  const { reportingComponent = "", reportingInstance, action, reason, message } = event;
  const path = FieldPath.root("reportingComponent");
  return [
    ...(reportingComponent === "" ? [required(path)] : []),
    ...checkText(path, reportingComponent, checkQualifiedName),
    ...checkLength("reportingInstance", reportingInstance, MAX_TEXT, true),
    ...checkLength("action", action, MAX_TEXT, true),
    ...checkLength("reason", reason, MAX_TEXT, true),
    ...checkLength("message", message, MAX_MESSAGE, false),
  ];
}

/** What has no namespace is spoken of in the default one, in the newer shape also in that of the system. */
export function validateCoreEvent(event: Event): FieldError[] {
  const involved = event.involvedObject.namespace ?? "";
  const own = event.metadata.namespace ?? "";
  const isNewer = event.eventTime !== undefined && event.eventTime !== null;
  const shared = isNewer ? ["default", "kube-system"] : ["", "default"];
  const fits = involved === "" ? shared.includes(own) : isNewer || involved === own;
  return [
    ...(fits ? [] : [invalid(INVOLVED, involved, "does not match event.namespace")]),
    ...(isNewer ? checkNewerShape(event) : []),
    ...checkText(FieldPath.root("namespace"), own, checkDnsSubdomain),
  ];
}

export function validateCoreEventUpdate(event: Event): FieldError[] {
  return validateCoreEvent(event);
}
