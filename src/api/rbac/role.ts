// Role (rbac.authorization.k8s.io/v1): rules that grant verbs on resources
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/).
import { createdAtColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { Role } from "../generated/types.ts";
import { nameIsPathSegment } from "../names.ts";
import { checkPolicyRules } from "./policy-rules.ts";

export const roles = kind<Role>("rbac.authorization.k8s.io/v1", "Role", {
  columns: [nameColumn(), createdAtColumn()],
  validateName: nameIsPathSegment,
  validateCreate: ({ rules }) => checkPolicyRules(rules, true),
  validateUpdate: ({ rules }) => checkPolicyRules(rules, true),
  createsOnUpdate: true,
});
