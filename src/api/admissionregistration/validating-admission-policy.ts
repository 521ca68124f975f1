// ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1): admission in CEL
// (https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { ValidatingAdmissionPolicy } from "../generated/types.ts";
import { defaultMatchResources } from "./match-resources.ts";
import { paramKindText } from "./policy-text.ts";
import { validateValidatingPolicy } from "./policy-validation.ts";

export const validatingAdmissionPolicies = kind<ValidatingAdmissionPolicy>("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", {
  columns: [
    nameColumn(),
    { name: "Validations", type: "integer", description: "How many validations it has.", value: ({ spec }) => (spec.validations ?? []).length },
    { name: "ParamKind", type: "string", description: "The kind of its parameters.", value: ({ spec }) => paramKindText(spec.paramKind) },
    ageColumn(),
  ],
  requiresResourceVersion: true,
  defaults: ({ spec }) => {
    if (spec === undefined) return;
    spec.failurePolicy ??= "Fail";
    defaultMatchResources(spec.matchConstraints);
  },
  validateCreate: validateValidatingPolicy,
  validateUpdate: validateValidatingPolicy,
});
