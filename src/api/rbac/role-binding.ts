// RoleBinding (rbac.authorization.k8s.io/v1): grants the rules of a role to subjects
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/).
import { kind } from "../declare.ts";
import type { RoleBinding } from "../generated/types.ts";
import { nameIsPathSegment } from "../names.ts";
import { bindingColumns, checkBinding, checkBindingUpdate, defaultBinding } from "./subjects.ts";

export const roleBindings = kind<RoleBinding>("rbac.authorization.k8s.io/v1", "RoleBinding", {
  columns: bindingColumns(),
  defaults: defaultBinding,
  validateName: nameIsPathSegment,
  validateCreate: (binding) => checkBinding(binding, true),
  validateUpdate: (binding, old) => checkBindingUpdate(binding, old, true),
  createsOnUpdate: true,
});
