// What RoleBinding and ClusterRoleBinding share: subjects, the reference to a role, and their table
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/).
import type { Mutable } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { problemsAt } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid, notSupported, required } from "../field-errors.ts";
import type { ObjectMeta, RbacSubject, RoleRef } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import type { Column } from "../kind.ts";
import { nameIsDnsSubdomain, nameIsPathSegment } from "../names.ts";

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

/** What is wrong with a binding; `isNamespaced` for a RoleBinding, which may also name a Role. */
export function checkBinding({ roleRef, subjects }: Binding, isNamespaced: boolean): FieldError[] {
  const path = FieldPath.root("roleRef");
  const kinds = isNamespaced ? ["Role", "ClusterRole"] : ["ClusterRole"];
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== RBAC_GROUP) errors.push(notSupported(path.child("apiGroup"), roleRef.apiGroup ?? "", [RBAC_GROUP]));
  if (!kinds.includes(roleRef.kind)) errors.push(notSupported(path.child("kind"), roleRef.kind ?? "", kinds));
  if ((roleRef.name ?? "") === "") errors.push(required(path.child("name")));
  else errors.push(...problemsAt(path.child("name"), roleRef.name, nameIsPathSegment(roleRef.name, false)));
  const at = FieldPath.root("subjects");
  return [...errors, ...(subjects ?? []).flatMap((subject, position) => checkSubject(at.index(position), subject, isNamespaced))];
}

/** To another role leads only another binding. */
export function checkBindingUpdate(binding: Binding, old: Binding, isNamespaced: boolean): FieldError[] {
  const errors = checkBinding(binding, isNamespaced);
  return sameValue(binding.roleRef, old.roleRef) ? errors : [...errors, invalid(FieldPath.root("roleRef"), binding.roleRef, "cannot change roleRef")];
}

function checkSubject(path: FieldPath, subject: RbacSubject, isNamespaced: boolean): FieldError[] {
  const { kind, name = "", apiGroup = "", namespace = "" } = subject;
  const errors = name === "" ? [required(path.child("name"))] : [];
  if (kind === "User" || kind === "Group") {
    if (apiGroup !== RBAC_GROUP) errors.push(notSupported(path.child("apiGroup"), apiGroup, [RBAC_GROUP]));
  } else if (kind === "ServiceAccount") {
    if (name !== "") errors.push(...problemsAt(path.child("name"), name, nameIsDnsSubdomain(name, false)));
    if (apiGroup !== "") errors.push(notSupported(path.child("apiGroup"), apiGroup, [""]));
    if (!isNamespaced && namespace === "") errors.push(required(path.child("namespace")));
  } else errors.push(notSupported(path.child("kind"), kind ?? "", ["ServiceAccount", "User", "Group"]));
  return errors;
}
