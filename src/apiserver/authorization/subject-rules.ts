// What a user may do in a namespace, as far as it can be written down as rules: the answer of SelfSubjectRulesReview
// (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access).
import type { NonResourceRule, ResourceRule } from "../../api/index.ts";
import type { UserInfo } from "../user.ts";
import type { RbacRuleResolver } from "./rbac.ts";

export interface SubjectRules {
  readonly resourceRules: readonly ResourceRule[];
  readonly nonResourceRules: readonly NonResourceRule[];
  /** Some permissions are not in the list. */
  readonly incomplete: boolean;
  readonly evaluationError?: string;
}

/** Superusers are shown the rules that are bound to their group, though they may do all without them; what a node may do depends on its pods and is not written down. */
export function reviewRules(rbac: RbacRuleResolver, user: UserInfo, namespace: string, isNode: boolean): SubjectRules {
  const { rules, problems } = rbac.rulesFor(user, namespace);
  const errors = isNode ? ["node authorizer does not support user rule resolution", ...problems] : problems;
  return {
    resourceRules: rules
      .filter(({ resources }) => (resources ?? []).length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, ...(resourceNames === undefined ? {} : { resourceNames }) })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs }) => (nonResourceURLs ?? []).length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: isNode,
    ...(errors.length === 0 ? {} : { evaluationError: errors.length === 1 ? errors[0] : `[${errors.join(", ")}]` }),
  };
}
