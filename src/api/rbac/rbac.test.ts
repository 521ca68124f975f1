import { describe, expect, it } from "vitest";
import { mutableCopy } from "../../base/types.ts";
import { fieldErrorText } from "../field-errors.ts";
import type { ClusterRoleBinding, RoleBinding } from "../generated/types.ts";
import { clusterRoles } from "./cluster-role.ts";
import { clusterRoleBindings } from "./cluster-role-binding.ts";
import { roles } from "./role.ts";
import { roleBindings } from "./role-binding.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";
const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
const binding: RoleBinding = { apiVersion, kind: "RoleBinding", metadata: { name: "b", namespace: "ns" }, roleRef };

describe("roles", () => {
  const check = (rules: readonly object[]): string[] =>
    (roles.declaration.validateCreate?.({ apiVersion, kind: "Role", metadata: { name: "r" }, rules: rules as never }) ?? []).map(fieldErrorText);

  it("need verbs, groups and resources", () => {
    expect(check([{}])).toEqual([
      "rules[0].verbs: Required value: verbs must contain at least one value",
      "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
      "rules[0].resources: Required value: resource rules must supply at least one resource",
    ]);
    expect(check([{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }])).toEqual([]);
  });

  it("of a namespace do not speak of paths", () => {
    expect(check([{ verbs: ["get"], nonResourceURLs: ["/x"] }])).toEqual([
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    ]);
  });

  it("that aggregate select something", () => {
    const errors = clusterRoles.declaration.validateCreate?.({ apiVersion, kind: "ClusterRole", metadata: { name: "r" }, aggregationRule: {} });
    expect(errors?.map(fieldErrorText)).toEqual([
      "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
    ]);
  });

  it("may have names with colons", () => {
    expect(roles.declaration.validateName?.("system:x", false)).toEqual([]);
    expect(roles.declaration.validateName?.("a/b", false)).toEqual(["may not contain '/'"]);
  });
});

describe("bindings", () => {
  it("get the group of their role and subjects", () => {
    const object = mutableCopy<RoleBinding>({
      ...binding,
      roleRef: { kind: "Role", name: "r" },
      subjects: [
        { kind: "User", name: "a" },
        { kind: "ServiceAccount", name: "s" },
      ],
    });
    roleBindings.declaration.defaults?.(object);
    expect(object.roleRef.apiGroup).toBe("rbac.authorization.k8s.io");
    expect(object.subjects?.map(({ apiGroup }) => apiGroup)).toEqual(["rbac.authorization.k8s.io", undefined]);
  });

  it("name a role and subjects that can be", () => {
    const errors = roleBindings.declaration.validateCreate?.({
      ...binding,
      roleRef: { apiGroup: "x", kind: "Thing", name: "" },
      subjects: [
        { kind: "Robot", name: "r" },
        { kind: "User", name: "" },
      ],
    });
    expect(errors?.map(fieldErrorText)).toEqual([
      'roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
      'roleRef.kind: Unsupported value: "Thing": supported values: "Role", "ClusterRole"',
      "roleRef.name: Required value",
      'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
      "subjects[1].name: Required value",
      'subjects[1].apiGroup: Unsupported value: "": supported values: "rbac.authorization.k8s.io"',
    ]);
  });

  it("of a cluster say where a service account is", () => {
    const object: ClusterRoleBinding = { ...binding, kind: "ClusterRoleBinding", subjects: [{ kind: "ServiceAccount", name: "s" }] };
    expect(clusterRoleBindings.declaration.validateCreate?.(object).map(fieldErrorText)).toEqual(["subjects[0].namespace: Required value"]);
  });

  it("never change their role", () => {
    const errors = roleBindings.declaration.validateUpdate?.({ ...binding, roleRef: { ...roleRef, name: "edit" } }, binding);
    expect(errors?.map(({ path }) => path)).toEqual(["roleRef"]);
    expect(errors?.[0]?.body).toContain("cannot change roleRef");
  });

  it("show role and subjects", () => {
    const subjects = [
      { kind: "User", name: "jane" },
      { kind: "ServiceAccount", name: "s", namespace: "ns" },
    ];
    const cells = roleBindings.declaration.columns.map((column) => column.value({ ...binding, subjects }, 0));
    expect(cells).toEqual(["b", "ClusterRole/view", "<unknown>", "jane", "", "ns/s"]);
  });
});
