// MutatingAdmissionPolicyBinding (admissionregistration.k8s.io/v1): puts a policy into force
// (https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { MutatingAdmissionPolicyBinding } from "../generated/types.ts";
import { defaultMatchResources } from "./match-resources.ts";
import { paramRefText } from "./policy-text.ts";
import { validateMutatingBinding } from "./policy-validation.ts";

export const mutatingAdmissionPolicyBindings = kind<MutatingAdmissionPolicyBinding>("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding", {
  columns: [
    nameColumn(),
    { name: "PolicyName", type: "string", description: "The policy it binds.", value: ({ spec }) => spec.policyName ?? "" },
    { name: "ParamRef", type: "string", description: "Where the parameters are.", value: ({ spec }) => paramRefText(spec.paramRef) },
    ageColumn(),
  ],
  requiresResourceVersion: true,
  defaults: ({ spec }) => defaultMatchResources(spec?.matchResources),
  validateCreate: validateMutatingBinding,
  validateUpdate: validateMutatingBinding,
});
