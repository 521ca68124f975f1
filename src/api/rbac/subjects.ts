// What RoleBinding and ClusterRoleBinding share: subjects, the reference to a role, and their table
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/).
import type { Mutable } from "../../base/types.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import type { ObjectMeta, RbacSubject, RoleRef } from "../generated/types.ts";
import type { Column } from "../kind.ts";

export const RBAC_GROUP = "rbac.authorization.k8s.io";

export interface Binding {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly roleRef: RoleRef;
  readonly subjects?: readonly RbacSubject[];
}

/** Users and groups are of the RBAC group, service accounts of the core's. */
export function defaultBinding(binding: Mutable<Binding>): void {
  if ((binding.roleRef.apiGroup ?? "") === "") binding.roleRef.apiGroup = RBAC_GROUP;
  for (const subject of binding.subjects ?? []) {
    if ((subject.apiGroup ?? "") === "" && (subject.kind === "User" || subject.kind === "Group")) subject.apiGroup = RBAC_GROUP;
  }
}

function namesOf(binding: Binding, kind: string): string {
  const subjects = (binding.subjects ?? []).filter((subject) => subject.kind === kind);
  return subjects
    .map((subject) => (kind === "ServiceAccount" && (subject.namespace ?? "") !== "" ? `${subject.namespace}/${subject.name}` : subject.name))
    .join(", ");
}

/** The table of bindings. */
export function bindingColumns<T extends Binding>(): Column<T>[] {
  return [
    nameColumn(),
    { name: "Role", type: "string", description: "The role whose rules are granted.", value: ({ roleRef }) => `${roleRef.kind}/${roleRef.name}` },
    ageColumn(),
    { name: "Users", type: "string", priority: 1, description: "Users the role is granted to.", value: (binding) => namesOf(binding, "User") },
    { name: "Groups", type: "string", priority: 1, description: "Groups the role is granted to.", value: (binding) => namesOf(binding, "Group") },
    {
      name: "ServiceAccounts",
      type: "string",
      priority: 1,
      description: "Service accounts the role is granted to.",
      value: (binding) => namesOf(binding, "ServiceAccount"),
    },
  ];
}
