// ClusterRoleBinding (rbac.authorization.k8s.io/v1): grants the rules of a role to subjects
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/).
import { kind } from "../declare.ts";
import type { ClusterRoleBinding } from "../generated/types.ts";
import { nameIsPathSegment } from "../names.ts";
import { bindingColumns, checkBinding, checkBindingUpdate, defaultBinding } from "./subjects.ts";

export const clusterRoleBindings = kind<ClusterRoleBinding>("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", {
  columns: bindingColumns(),
  defaults: defaultBinding,
  validateName: nameIsPathSegment,
  validateCreate: (binding) => checkBinding(binding, false),
  validateUpdate: (binding, old) => checkBindingUpdate(binding, old, false),
  createsOnUpdate: true,
});
