// Role based access control (https://kubernetes.io/docs/reference/access-authn-authz/rbac/): a request is allowed when a rule of a
// role that is bound to the user or one of the groups allows it. There are no rules that deny.
//
// Bindings are indexed by subject as they change, so that a request costs the bindings of its user, not of the cluster.
import { clusterRoleBindings, clusterRoles, type PolicyRule, type RbacSubject, type RoleRef, roleBindings, roles } from "../../api/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { UserInfo } from "../user.ts";
import type { AuthorizationAttributes, AuthorizationDecision, Authorizer } from "./authorizer.ts";
import { ruleAllows } from "./rbac-rules.ts";

interface Grant {
  readonly bindingKind: "ClusterRoleBinding" | "RoleBinding";
  readonly namespace: string;
  readonly name: string;
  readonly roleRef: RoleRef;
  readonly subject: RbacSubject;
}

/** Grants by subject, then by the binding's name. */
type GrantIndex = Map<string, Map<string, Grant>>;

interface BindingObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly roleRef: RoleRef;
  readonly subjects?: readonly RbacSubject[];
}

/** A user or group as the index knows it; service accounts are users by another name. Undefined for what stands for nobody. */
function subjectKey(subject: RbacSubject, bindingNamespace: string): string | undefined {
  if (subject.kind === "User") return `user ${subject.name}`;
  if (subject.kind === "Group") return `group ${subject.name}`;
  const namespace = subject.namespace || bindingNamespace;
  return subject.kind !== "ServiceAccount" || namespace === "" ? undefined : `user system:serviceaccount:${namespace}:${subject.name}`;
}

function subjectText(subject: RbacSubject, bindingNamespace: string): string {
  const name = subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace || bindingNamespace}` : subject.name;
  return `${subject.kind} ${JSON.stringify(name)}`;
}

function grantText({ bindingKind, namespace, name, roleRef, subject }: Grant): string {
  const binding = namespace === "" ? name : `${name}/${namespace}`;
  return `${bindingKind} ${JSON.stringify(binding)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subjectText(subject, namespace)}`;
}

/** What rules a user has, and who gave them. */
export class RbacRuleResolver {
  private readonly clusterGrants: GrantIndex = new Map();
  private readonly namespaceGrants = new Map<string, GrantIndex>();
  private readonly objects: ObjectReader;
  private readonly subscriptions: (() => void)[];

  constructor(objects: ObjectReader) {
    this.objects = objects;
    this.subscriptions = [
      objects.subscribe(clusterRoleBindings, (binding, old) => {
        if (old !== undefined) removeGrants(this.clusterGrants, old, "");
        if (binding !== undefined) addGrants(this.clusterGrants, binding, "ClusterRoleBinding", "");
      }),
      objects.subscribe(roleBindings, (binding, old) => this.indexRoleBinding(binding, old)),
    ];
  }

  close(): void {
    for (const unsubscribe of this.subscriptions) unsubscribe();
  }

  private indexRoleBinding(binding: BindingObject | undefined, old: BindingObject | undefined): void {
    const namespace = (binding ?? old)?.metadata.namespace ?? "";
    const grants: GrantIndex = this.namespaceGrants.get(namespace) ?? new Map();
    if (old !== undefined) removeGrants(grants, old, namespace);
    if (binding !== undefined) addGrants(grants, binding, "RoleBinding", namespace);
    if (grants.size === 0) this.namespaceGrants.delete(namespace);
    else this.namespaceGrants.set(namespace, grants);
  }

  /** The rules of a role; undefined when it is not there. */
  rulesOfRole(roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    if (roleRef.kind !== "Role" && roleRef.kind !== "ClusterRole") return undefined;
    const role = roleRef.kind === "Role" ? this.objects.get(roles, namespace, roleRef.name) : this.objects.get(clusterRoles, "", roleRef.name);
    return role === undefined ? undefined : (role.rules ?? []);
  }

  /** Calls `visit` with each rule of `user` in `namespace` ("": cluster-wide ones only) until it returns false; `missing` with each role that is not there. */
  visitRules(user: UserInfo, namespace: string, visit: (rule: PolicyRule, grant: Grant) => boolean, missing: (grant: Grant) => void): void {
    const keys = [`user ${user.name}`, ...user.groups.map((group) => `group ${group}`)];
    const indexes = namespace === "" ? [this.clusterGrants] : [this.clusterGrants, this.namespaceGrants.get(namespace)];
    for (const index of indexes) {
      if (index === undefined) continue;
      for (const key of keys) {
        for (const grant of index.get(key)?.values() ?? []) {
          const rules = this.rulesOfRole(grant.roleRef, grant.namespace);
          if (rules === undefined) missing(grant);
          else for (const rule of rules) if (!visit(rule, grant)) return;
        }
      }
    }
  }

  /** All rules of `user` in `namespace`, and what could not be resolved. */
  rulesFor(user: UserInfo, namespace: string): { readonly rules: PolicyRule[]; readonly problems: string[] } {
    const rules: PolicyRule[] = [];
    const problems: string[] = [];
    const collect = (rule: PolicyRule): boolean => {
      rules.push(rule);
      return true;
    };
    this.visitRules(user, namespace, collect, (grant) => problems.push(missingRoleText(grant.roleRef)));
    return { rules, problems };
  }
}

function addGrants(index: GrantIndex, binding: BindingObject, bindingKind: Grant["bindingKind"], namespace: string): void {
  for (const subject of binding.subjects ?? []) {
    const key = subjectKey(subject, namespace);
    if (key === undefined) continue;
    const grants = index.get(key) ?? new Map<string, Grant>();
    grants.set(binding.metadata.name, { bindingKind, namespace, name: binding.metadata.name, roleRef: binding.roleRef, subject });
    index.set(key, grants);
  }
}

function removeGrants(index: GrantIndex, binding: BindingObject, namespace: string): void {
  for (const subject of binding.subjects ?? []) {
    const key = subjectKey(subject, namespace);
    const grants = key === undefined ? undefined : index.get(key);
    grants?.delete(binding.metadata.name);
    if (key !== undefined && grants?.size === 0) index.delete(key);
  }
}

/** How a role that is not there reads in a reason. */
export function missingRoleText({ kind, name }: RoleRef): string {
  if (kind !== "Role" && kind !== "ClusterRole") return `unsupported role reference kind: ${JSON.stringify(kind)}`;
  return `${kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;
}

/** Several problems in brackets, one bare. */
function joinProblems(problems: readonly string[]): string {
  const distinct = [...new Set(problems)];
  return distinct.length === 1 ? (distinct[0] ?? "") : `[${distinct.join(", ")}]`;
}

export class RbacAuthorizer implements Authorizer {
  private readonly resolver: RbacRuleResolver;
  constructor(resolver: RbacRuleResolver) {
    this.resolver = resolver;
  }

  authorize(attributes: AuthorizationAttributes): AuthorizationDecision {
    let allowedBy: Grant | undefined;
    const problems: string[] = [];
    const visit = (rule: PolicyRule, grant: Grant): boolean => {
      if (ruleAllows(rule, attributes)) allowedBy = grant;
      return allowedBy === undefined;
    };
    this.resolver.visitRules(attributes.user, attributes.resource?.namespace ?? "", visit, (grant) => problems.push(missingRoleText(grant.roleRef)));
    if (allowedBy !== undefined) return { decision: "allow", reason: `RBAC: allowed by ${grantText(allowedBy)}` };
    return { decision: "noOpinion", reason: problems.length === 0 ? "" : `RBAC: ${joinProblems(problems)}` };
  }
}
