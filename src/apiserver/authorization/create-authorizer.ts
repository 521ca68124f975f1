// The server's authorizer: superusers, then the Node authorizer, then RBAC. The first that allows or denies decides; when
// none does, the request is forbidden, with the reasons of all.
import { SUPERUSER_GROUP } from "../authentication/well-known-users.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { UserInfo } from "../user.ts";
import type { AuthorizationAttributes, AuthorizationDecision, Authorizer } from "./authorizer.ts";
import { bootstrapClusterRoleRules } from "./bootstrap-policy.ts";
import { NodeAuthorizer, nodeNameOf } from "./node.ts";
import { NodeRelations } from "./node-relations.ts";
import { RbacAuthorizer, RbacRuleResolver } from "./rbac.ts";
import { reviewRules, type SubjectRules } from "./subject-rules.ts";

export interface AuthorizerOptions {
  readonly objects: ObjectReader;
}

export interface ServerAuthorizer extends Authorizer {
  /** What `user` may do in `namespace`, for SelfSubjectRulesReview. */
  rulesFor(user: UserInfo, namespace: string): SubjectRules;
  /** Rules of roles, for the escalation checks. */
  readonly rbac: RbacRuleResolver;
  close(): void;
}

/** Members of `system:masters` may do anything. */
const superusers: Authorizer = {
  authorize: ({ user }) => (user.groups.includes(SUPERUSER_GROUP) ? { decision: "allow", reason: "" } : { decision: "noOpinion", reason: "" }),
};

/** Asks `authorizers` in order. */
export function union(...authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(attributes: AuthorizationAttributes): AuthorizationDecision {
      const reasons: string[] = [];
      for (const authorizer of authorizers) {
        const answer = authorizer.authorize(attributes);
        if (answer.decision !== "noOpinion") return answer;
        if (answer.reason !== "") reasons.push(answer.reason);
      }
      return { decision: "noOpinion", reason: reasons.join("\n") };
    },
  };
}

export function createAuthorizer({ objects }: AuthorizerOptions): ServerAuthorizer {
  const rbac = new RbacRuleResolver(objects);
  const relations = new NodeRelations(objects);
  const all = union(superusers, new NodeAuthorizer(relations, bootstrapClusterRoleRules("system:node")), new RbacAuthorizer(rbac));
  return {
    rbac,
    authorize: (attributes) => all.authorize(attributes),
    rulesFor: (user, namespace) => reviewRules(rbac, user, namespace, nodeNameOf(user) !== undefined),
    close() {
      rbac.close();
      relations.close();
    },
  };
}
