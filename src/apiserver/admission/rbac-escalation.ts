// Refuses roles and bindings that would grant what their writer does not hold. It is no plugin of upstream's chain, where the same check
// sits in the storage of the RBAC kinds: it cannot be switched off.
import {
  type ClusterRole,
  type ClusterRoleBinding,
  clusterRoleBindings,
  clusterRoles,
  notFoundError,
  type PolicyRule,
  type Role,
  type RoleBinding,
  roleBindings,
  roles,
  sameValue,
} from "../../api/index.ts";
import type { ServerAuthorizer } from "../authorization/create-authorizer.ts";
import { escalationProblem, mayBind, mayEscalate, mayGrantAnything } from "../authorization/escalation.ts";
import { denied, isAbout, requestedName } from "./denial.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./plugin.ts";

const FULL_AUTHORITY: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

export function rbacEscalation({ authorizer }: { readonly authorizer: ServerAuthorizer }): AdmissionPlugin {
  function checkRole(request: AdmissionRequest, role: Role | ClusterRole): void {
    const { user, namespace, kind } = request;
    if (mayEscalate(authorizer, user, { resource: kind.resource, namespace, name: request.name })) return;
    const problem = escalationProblem(authorizer, user, namespace, role.rules ?? []);
    if (problem !== undefined) throw denied(request, problem);
    if (!aggregates(role) && !aggregates(request.oldObject as ClusterRole | undefined)) return;
    if (escalationProblem(authorizer, user, namespace, FULL_AUTHORITY) !== undefined) {
      throw denied(request, "must have cluster-admin privileges to use the aggregationRule");
    }
  }

  function checkBinding(request: AdmissionRequest, { roleRef }: RoleBinding | ClusterRoleBinding): void {
    const { user, namespace } = request;
    if (mayBind(authorizer, user, roleRef, namespace)) return;
    const rules = authorizer.rbac.rulesOfRole(roleRef, namespace);
    if (rules === undefined) {
      const resource = roleRef.kind === "Role" ? "roles" : "clusterroles";
      throw notFoundError({ group: "rbac.authorization.k8s.io", resource }, roleRef.name);
    }
    const problem = escalationProblem(authorizer, user, namespace, rules);
    if (problem !== undefined) throw denied(request, problem);
  }

  return {
    name: "RBACEscalation",
    validate(request) {
      const { operation, object, user } = request;
      if ((operation !== "CREATE" && operation !== "UPDATE") || object === undefined || mayGrantAnything(user) || isOnlyBookkeeping(request)) return;
      if (isAbout(request, roles) || isAbout(request, clusterRoles)) checkRole(request, object as unknown as Role | ClusterRole);
      else if (isAbout(request, roleBindings) || isAbout(request, clusterRoleBindings))
        checkBinding(request, object as unknown as RoleBinding | ClusterRoleBinding);
    },
  };
}

function aggregates(role: Role | ClusterRole | undefined): boolean {
  return role !== undefined && "aggregationRule" in role && (role.aggregationRule?.clusterRoleSelectors ?? []).length > 0;
}

/** The garbage collector takes off finalizers and owners: that grants nothing. */
function isOnlyBookkeeping(request: AdmissionRequest): boolean {
  const { object, oldObject } = request;
  if (oldObject === undefined || object === undefined || requestedName(request) === "") return false;
  const { finalizers: _f, ownerReferences: _o, managedFields: _m, resourceVersion: _r, ...metadata } = object.metadata;
  const { finalizers: _of, ownerReferences: _oo, managedFields: _om, resourceVersion: _or, ...oldMetadata } = oldObject.metadata;
  return sameValue({ ...object, metadata }, { ...oldObject, metadata: oldMetadata });
}
