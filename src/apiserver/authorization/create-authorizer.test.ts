import { beforeEach, describe, expect, it } from "vitest";
import {
  type ClusterRole,
  type ClusterRoleBinding,
  clusterRoleBindings,
  clusterRoles,
  type Pod,
  pods,
  type Role,
  type RoleBinding,
  roleBindings,
  roles,
} from "../../api/index.ts";
import { createMemoryObjectReader, type MemoryObjectReader } from "../memory-object-reader.ts";
import type { UserInfo } from "../user.ts";
import type { AuthorizationAttributes } from "./authorizer.ts";
import { bootstrapObjects } from "./bootstrap-policy.ts";
import { createAuthorizer, type ServerAuthorizer } from "./create-authorizer.ts";
import { escalationProblem } from "./escalation.ts";
import { forbiddenByAuthorizer } from "./forbidden.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";
const jane: UserInfo = { name: "jane", groups: ["system:authenticated"] };
const kubelet: UserInfo = { name: "system:node:n1", groups: ["system:nodes", "system:authenticated"] };

let objects: MemoryObjectReader;
let authorizer: ServerAuthorizer;

beforeEach(() => {
  objects = createMemoryObjectReader();
  objects.put(clusterRoles, ...(bootstrapObjects("ClusterRole") as ClusterRole[]));
  objects.put(clusterRoleBindings, ...(bootstrapObjects("ClusterRoleBinding") as ClusterRoleBinding[]));
  authorizer = createAuthorizer({ objects });
});

function on(user: UserInfo, verb: string, path: string, more: { fieldSelector?: string } = {}): AuthorizationAttributes {
  const [namespace = "", group = "", what = "", name = ""] = path.split(" ");
  const [resource = "", subresource = ""] = what.split("/");
  const dash = (text: string): string => (text === "-" ? "" : text);
  return { user, verb, path: "", resource: { group: dash(group), version: "v1", resource, subresource, namespace: dash(namespace), name, ...more } };
}

function decide(attributes: AuthorizationAttributes): string {
  return authorizer.authorize(attributes).decision;
}

describe("RBAC", () => {
  it("gives everyone discovery and health, and nothing else", () => {
    const anonymous: UserInfo = { name: "system:anonymous", groups: ["system:unauthenticated"] };
    expect(decide({ user: anonymous, verb: "get", path: "/healthz" })).toBe("allow");
    expect(decide({ user: anonymous, verb: "get", path: "/version" })).toBe("allow");
    expect(decide({ user: anonymous, verb: "get", path: "/apis" })).toBe("noOpinion");
    expect(decide({ user: jane, verb: "get", path: "/apis/apps/v1" })).toBe("allow");
    expect(decide(on(jane, "list", "default - pods"))).toBe("noOpinion");
  });

  it("allows superusers anything", () => {
    expect(decide(on({ name: "admin", groups: ["system:masters"] }, "delete", "- - nodes a"))).toBe("allow");
  });

  it("follows a binding from its creation to its deletion", () => {
    const binding: RoleBinding = {
      apiVersion,
      kind: "RoleBinding",
      metadata: { name: "viewers", namespace: "default" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
      subjects: [{ kind: "User", name: "jane", apiGroup: "rbac.authorization.k8s.io" }],
    };
    objects.put(roleBindings, binding);
    expect(authorizer.authorize(on(jane, "list", "default - pods"))).toEqual({
      decision: "allow",
      reason: 'RBAC: allowed by RoleBinding "viewers/default" of ClusterRole "view" to User "jane"',
    });
    expect(decide(on(jane, "list", "other - pods"))).toBe("noOpinion");
    expect(decide(on(jane, "get", "default - secrets s"))).toBe("noOpinion");
    objects.put(roleBindings, { ...binding, subjects: [{ kind: "User", name: "joe" }] });
    expect(decide(on(jane, "list", "default - pods"))).toBe("noOpinion");
    expect(decide(on({ name: "joe", groups: [] }, "list", "default - pods"))).toBe("allow");
    objects.remove(roleBindings, "default", "viewers");
    expect(decide(on({ name: "joe", groups: [] }, "list", "default - pods"))).toBe("noOpinion");
  });

  it("knows a service account by its user name, with the binding's namespace by default", () => {
    const role: Role = {
      apiVersion,
      kind: "Role",
      metadata: { name: "r", namespace: "ns" },
      rules: [{ apiGroups: [""], resources: ["pods/log", "*/status"], resourceNames: ["a"], verbs: ["get"] }],
    };
    objects.put(roles, role);
    objects.put(roleBindings, {
      apiVersion,
      kind: "RoleBinding",
      metadata: { name: "b", namespace: "ns" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" },
      subjects: [{ kind: "ServiceAccount", name: "sa" }],
    });
    const account: UserInfo = { name: "system:serviceaccount:ns:sa", groups: [] };
    expect(decide(on(account, "get", "ns - pods/log a"))).toBe("allow");
    expect(decide(on(account, "get", "ns - nodes/status a"))).toBe("allow");
    expect(decide(on(account, "get", "ns - pods/log b"))).toBe("noOpinion");
    expect(decide(on(account, "get", "ns - pods a"))).toBe("noOpinion");
  });

  it("aggregates the rules of admin, edit and view from the start", () => {
    const names = (name: string): number => (bootstrapObjects("ClusterRole").find(({ metadata }) => metadata.name === name)?.rules ?? []).length;
    expect(names("view")).toBeGreaterThan(5);
    expect(names("edit")).toBeGreaterThan(names("view"));
    expect(names("admin")).toBeGreaterThan(names("edit"));
  });

  it("says why, as clients of Kubernetes know it", () => {
    const attributes = on(jane, "list", "default - pods");
    const { message, details, code } = forbiddenByAuthorizer(attributes, authorizer.authorize(attributes).reason).status;
    expect(message).toBe('pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"');
    expect({ details, code }).toEqual({ details: { kind: "pods" }, code: 403 });
    expect(forbiddenByAuthorizer(on(jane, "get", "- apps deployments/scale d"), "").message).toBe(
      'deployments.apps "d" is forbidden: User "jane" cannot get resource "deployments/scale" in API group "apps" at the cluster scope',
    );
    expect(forbiddenByAuthorizer({ user: jane, verb: "get", path: "/x<y>" }, "").message).toBe('forbidden: User "jane" cannot get path "/x&lt;y&gt;"');
  });

  it("lists what a user may do", () => {
    const review = authorizer.rulesFor(jane, "default");
    expect(review.incomplete).toBe(false);
    expect(review.resourceRules).toContainEqual({
      verbs: ["create"],
      apiGroups: ["authorization.k8s.io"],
      resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    });
    expect(review.nonResourceRules.some(({ nonResourceURLs }) => nonResourceURLs?.includes("/healthz"))).toBe(true);
    expect(authorizer.rulesFor(kubelet, "default").incomplete).toBe(true);
  });

  it("finds what a user would grant without holding it", () => {
    const text = escalationProblem(authorizer, jane, "default", [
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] },
      { nonResourceURLs: ["/healthz"], verbs: ["get"] },
    ]);
    expect(text).toBe(
      'user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}',
    );
  });
});

describe("Node authorizer", () => {
  const pod = (name: string, nodeName: string, spec: Partial<Pod["spec"]>): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { nodeName, containers: [{ name: "c", image: "i" }], serviceAccountName: "default", ...spec },
  });

  it("lets a node read only what its pods name", () => {
    objects.put(pods, pod("a", "n1", { volumes: [{ name: "v", secret: { secretName: "s1" } }] }), pod("b", "n2", { imagePullSecrets: [{ name: "s2" }] }));
    expect(decide(on(kubelet, "get", "default - secrets s1"))).toBe("allow");
    expect(decide(on(kubelet, "watch", "default - secrets s1"))).toBe("allow");
    expect(authorizer.authorize(on(kubelet, "get", "default - secrets s2")).reason).toBe("no relationship found between node 'n1' and this object");
    expect(decide(on(kubelet, "list", "default - secrets"))).toBe("noOpinion");
    expect(decide(on(kubelet, "create", "default - serviceaccounts/token default"))).toBe("allow");
    objects.remove(pods, "default", "a");
    expect(decide(on(kubelet, "get", "default - secrets s1"))).toBe("noOpinion");
  });

  it("lets a node list its own pods and read its own node", () => {
    expect(decide(on(kubelet, "list", "- - pods", { fieldSelector: "spec.nodeName=n1" }))).toBe("allow");
    expect(decide(on(kubelet, "watch", "- - pods", { fieldSelector: "spec.nodeName=n2" }))).toBe("noOpinion");
    expect(decide(on(kubelet, "get", "- - nodes n1"))).toBe("allow");
    expect(authorizer.authorize(on(kubelet, "get", "- - nodes n2")).reason).toBe("node 'n1' cannot read 'n2', only its own Node object");
    expect(decide(on(kubelet, "delete", "- - nodes n1"))).toBe("noOpinion");
    expect(decide(on(kubelet, "update", "kube-node-lease coordination.k8s.io leases n1"))).toBe("allow");
    expect(decide(on(kubelet, "update", "kube-node-lease coordination.k8s.io leases n2"))).toBe("noOpinion");
    expect(decide(on(kubelet, "create", "default - events"))).toBe("allow");
  });
});
