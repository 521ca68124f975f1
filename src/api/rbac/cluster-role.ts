// ClusterRole (rbac.authorization.k8s.io/v1): rules that grant verbs on resources
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/).
import { createdAtColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { FieldError } from "../field-errors.ts";
import type { ClusterRole } from "../generated/types.ts";
import { nameIsPathSegment } from "../names.ts";
import { checkAggregationRule, checkPolicyRules } from "./policy-rules.ts";

function validate({ rules, aggregationRule }: ClusterRole): FieldError[] {
  return [...checkPolicyRules(rules, false), ...checkAggregationRule(aggregationRule)];
}

export const clusterRoles = kind<ClusterRole>("rbac.authorization.k8s.io/v1", "ClusterRole", {
  columns: [nameColumn(), createdAtColumn()],
  validateName: nameIsPathSegment,
  validateCreate: validate,
  validateUpdate: validate,
  createsOnUpdate: true,
});
