// MutatingAdmissionPolicy (admissionregistration.k8s.io/v1): admission in CEL
// (https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { MutatingAdmissionPolicy } from "../generated/types.ts";
import { defaultMatchResources } from "./match-resources.ts";
import { paramKindText } from "./policy-text.ts";
import { validateMutatingPolicy } from "./policy-validation.ts";

export const mutatingAdmissionPolicies = kind<MutatingAdmissionPolicy>("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", {
  columns: [
    nameColumn(),
    { name: "Mutations", type: "integer", description: "How many mutations it has.", value: ({ spec }) => (spec.mutations ?? []).length },
    { name: "ParamKind", type: "string", description: "The kind of its parameters.", value: ({ spec }) => paramKindText(spec.paramKind) },
    ageColumn(),
  ],
  requiresResourceVersion: true,
  defaults: ({ spec }) => {
    if (spec === undefined) return;
    spec.failurePolicy ??= "Fail";
    defaultMatchResources(spec.matchConstraints);
  },
  validateCreate: validateMutatingPolicy,
  validateUpdate: validateMutatingPolicy,
});
