// APIService (apiregistration.k8s.io/v1): which server answers for a group and version
// (https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { checkText, problemsAt } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid, required } from "../field-errors.ts";
import type { APIService } from "../generated/types.ts";
import { checkDns1035Label, checkDnsSubdomain, checkPortNumber, nameIsPathSegment } from "../names.ts";

function availableText({ status }: APIService): string {
  const condition = status?.conditions?.find(({ type }) => type === "Available");
  if (condition === undefined) return "Unknown";
  return condition.status === "True" || (condition.reason ?? "") === "" ? condition.status : `${condition.status} (${condition.reason})`;
}

const SPEC = FieldPath.root("spec");

function validate({ metadata, spec }: APIService): FieldError[] {
  const { group = "", version = "", groupPriorityMinimum = 0, versionPriority = 0, service, caBundle = "", insecureSkipTLSVerify = false } = spec ?? {};
  const wantedName = `${version}.${group}`;
  const errors: FieldError[] = [];
  if (metadata.name !== wantedName) {
    errors.push(invalid(FieldPath.root("metadata").child("name"), metadata.name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wantedName)}`));
  }
  if (group === "" && version !== "v1") errors.push(required(SPEC.child("group"), "only v1 may have an empty group and it better be legacy kube"));
  if (group !== "") errors.push(...checkText(SPEC.child("group"), group, checkDnsSubdomain));
  errors.push(...checkText(SPEC.child("version"), version, checkDns1035Label));
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > 20000) {
    errors.push(invalid(SPEC.child("groupPriorityMinimum"), groupPriorityMinimum, "must be positive and less than 20000"));
  }
  if (versionPriority <= 0 || versionPriority > 1000)
    errors.push(invalid(SPEC.child("versionPriority"), versionPriority, "must be positive and less than 1000"));
  const tls = SPEC.child("insecureSkipTLSVerify");
  if (service === undefined) {
    if (caBundle !== "") errors.push(invalid(SPEC.child("caBundle"), `${atob(caBundle).length} bytes`, "local APIServices may not have a caBundle"));
    if (insecureSkipTLSVerify) errors.push(invalid(tls, true, "local APIServices may not have insecureSkipTLSVerify"));
    return errors;
  }
  if ((service.namespace ?? "") === "") errors.push(required(SPEC.child("service").child("namespace")));
  if ((service.name ?? "") === "") errors.push(required(SPEC.child("service").child("name")));
  const port = service.port ?? 443;
  errors.push(...problemsAt(SPEC.child("service").child("port"), port, checkPortNumber(port)));
  if (insecureSkipTLSVerify && caBundle !== "") errors.push(invalid(tls, true, "may not be true if caBundle is present"));
  return errors;
}

export const apiServices = kind<APIService>("apiregistration.k8s.io/v1", "APIService", {
  columns: [
    nameColumn(),
    {
      name: "Service",
      type: "string",
      description: "The service that answers; Local is this server.",
      value: ({ spec }) => (spec.service === undefined ? "Local" : `${spec.service.namespace ?? ""}/${spec.service.name ?? ""}`),
    },
    { name: "Available", type: "string", description: "Whether it answers.", value: availableText },
    ageColumn(),
  ],
  defaults: ({ spec }) => {
    if (spec?.service !== undefined) spec.service.port ??= 443;
  },
  requiresResourceVersion: true,
  countsGeneration: false,
  validateName: nameIsPathSegment,
  validateCreate: validate,
  validateUpdate: validate,
});
