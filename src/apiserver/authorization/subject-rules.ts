// What a user may do in a namespace, as far as it can be written down as rules: the answer of SelfSubjectRulesReview
// (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access).
import type { NonResourceRule, PolicyRule, ResourceRule } from "../../api/index.ts";
import type { UserInfo } from "../user.ts";
import type { RbacRuleResolver } from "./rbac.ts";

export interface SubjectRules {
  readonly resourceRules: readonly ResourceRule[];
  readonly nonResourceRules: readonly NonResourceRule[];
  /** Some permissions are not in the list. */
  readonly incomplete: boolean;
  readonly evaluationError?: string;
}

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

/** Superusers hold every rule; what a node may do depends on its pods and is not written down. */
export function reviewRules(
  rbac: RbacRuleResolver,
  user: UserInfo,
  namespace: string,
  standing: { readonly isSuperuser: boolean; readonly isNode: boolean },
): SubjectRules {
  const { rules, problems } = rbac.rulesFor(user, namespace);
  const all = standing.isSuperuser ? [...EVERYTHING, ...rules] : rules;
  const errors = standing.isNode ? ["node authorizer does not support user rule resolution", ...problems] : problems;
  return {
    resourceRules: all
      .filter(({ resources }) => (resources ?? []).length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, ...(resourceNames === undefined ? {} : { resourceNames }) })),
    nonResourceRules: all.filter(({ nonResourceURLs }) => (nonResourceURLs ?? []).length > 0).map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: standing.isNode,
    ...(errors.length === 0 ? {} : { evaluationError: errors.length === 1 ? errors[0] : `[${errors.join(", ")}]` }),
  };
}
