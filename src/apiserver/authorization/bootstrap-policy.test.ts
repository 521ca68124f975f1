import { describe, expect, it } from "vitest";
import { type ClusterRole, clusterRoleBindings, clusterRoles, roleBindings, roles } from "../../api/index.ts";
import { createMemoryClient } from "../memory-client.ts";
import { createMemoryObjectReader } from "../memory-object-reader.ts";
import { reconcileBootstrapPolicy } from "./bootstrap-policy.ts";

describe("the bootstrap policy", () => {
  it("creates every default role and binding in an empty cluster", async () => {
    const objects = createMemoryObjectReader();
    await reconcileBootstrapPolicy(createMemoryClient(objects));
    expect(objects.list(clusterRoles).length).toBeGreaterThan(60);
    expect(objects.list(clusterRoleBindings).length).toBeGreaterThan(40);
    expect(objects.get(roles, "kube-system", "extension-apiserver-authentication-reader")).toBeDefined();
    expect(objects.get(roleBindings, "kube-system", "system::leader-locking-kube-scheduler")?.subjects).toHaveLength(2);
    expect(objects.get(clusterRoleBindings, "", "system:node")?.subjects).toBeUndefined();
  });

  it("gives back what was taken, keeps what was added, and leaves alone what says so", async () => {
    const objects = createMemoryObjectReader();
    const client = createMemoryClient(objects);
    await reconcileBootstrapPolicy(client);
    const role = (name: string): ClusterRole => objects.get(clusterRoles, "", name) as ClusterRole;
    const own = { apiGroups: ["example.com"], resources: ["things"], verbs: ["get"] };
    const discovery = role("system:discovery");
    objects.put(clusterRoles, { ...discovery, rules: [own] });
    const monitoring = role("system:monitoring");
    const untouched: ClusterRole = {
      ...monitoring,
      rules: [],
      metadata: { ...monitoring.metadata, annotations: { "rbac.authorization.kubernetes.io/autoupdate": "false" } },
    };
    objects.put(clusterRoles, untouched);
    const binding = objects.get(clusterRoleBindings, "", "cluster-admin");
    if (binding === undefined) throw new Error("no cluster-admin binding");
    objects.put(clusterRoleBindings, { ...binding, subjects: [], roleRef: { ...binding.roleRef, name: "view" } });

    await reconcileBootstrapPolicy(client);

    expect(role("system:discovery").rules).toContainEqual(own);
    expect(role("system:discovery").rules?.some(({ nonResourceURLs }) => nonResourceURLs?.includes("/healthz"))).toBe(true);
    expect(role("system:monitoring")).toEqual(untouched);
    expect(objects.get(clusterRoleBindings, "", "cluster-admin")).toMatchObject({
      roleRef: { name: "cluster-admin" },
      subjects: [{ kind: "Group", name: "system:masters" }],
    });
  });

  it("writes nothing when all is right", async () => {
    const objects = createMemoryObjectReader();
    const client = createMemoryClient(objects);
    await reconcileBootstrapPolicy(client);
    const before = objects.list(clusterRoles);
    const frozen = { ...client, create: () => Promise.reject(new Error("wrote")), update: () => Promise.reject(new Error("wrote")) };
    await reconcileBootstrapPolicy(frozen);
    expect(objects.list(clusterRoles)).toEqual(before);
  });
});
