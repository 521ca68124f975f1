// Nobody grants what they do not hold (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping),
// unless they may `escalate` the role, or `bind` it.
import type { PolicyRule, RoleRef } from "../../api/index.ts";
import { SUPERUSER_GROUP } from "../authentication/well-known-users.ts";
import type { UserInfo } from "../user.ts";
import type { ServerAuthorizer } from "./create-authorizer.ts";
import { compactRules, quotedNames, ruleText, uncoveredRules } from "./rbac-rules.ts";

const RBAC_GROUP = "rbac.authorization.k8s.io";

/** What the rules of `user` in `namespace` do not cover, as the message of a refusal; undefined when they cover all. */
export function escalationProblem(authorizer: ServerAuthorizer, user: UserInfo, namespace: string, rules: readonly PolicyRule[]): string | undefined {
  const held = authorizer.rbac.rulesFor(user, namespace);
  const missing = uncoveredRules(held.rules, rules);
  if (missing.length === 0) return undefined;
  const lines = [...new Set(compactRules(missing).map(ruleText))].sort();
  const who = `user ${JSON.stringify(user.name)} (groups=${quotedNames(user.groups)})`;
  const problems = held.problems.length === 0 ? "" : `; resolution errors: [${held.problems.join(" ")}]`;
  return `${who} is attempting to grant RBAC permissions not currently held:\n${lines.join("\n")}${problems}`;
}

/** Members of `system:masters` may grant anything. */
export function mayGrantAnything(user: UserInfo): boolean {
  return user.groups.includes(SUPERUSER_GROUP);
}

/** May `user` write any rules into this role? */
export function mayEscalate(
  authorizer: ServerAuthorizer,
  user: UserInfo,
  role: { readonly resource: string; readonly namespace: string; readonly name: string },
): boolean {
  return isAllowed(authorizer, user, "escalate", role);
}

/** May `user` bind this role to anyone? `namespace` is the binding's, "" for a ClusterRoleBinding. */
export function mayBind(authorizer: ServerAuthorizer, user: UserInfo, { kind, name }: RoleRef, namespace: string): boolean {
  if (kind !== "Role" && kind !== "ClusterRole") return false;
  return isAllowed(authorizer, user, "bind", { resource: kind === "Role" ? "roles" : "clusterroles", namespace, name });
}

function isAllowed(
  authorizer: ServerAuthorizer,
  user: UserInfo,
  verb: string,
  role: { readonly resource: string; readonly namespace: string; readonly name: string },
): boolean {
  return authorizer.authorize({ user, verb, path: "", resource: { group: RBAC_GROUP, version: "*", subresource: "", ...role } }).decision === "allow";
}
