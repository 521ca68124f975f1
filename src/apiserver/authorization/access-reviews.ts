// Answers the review kinds of authorization.k8s.io/v1 (https://kubernetes.io/docs/reference/access-authn-authz/authorization/).
import {
  badRequestError,
  escapeFieldValue,
  type FieldSelectorAttributes,
  invalidError,
  type Kind,
  type KubeObject,
  type LocalSubjectAccessReview,
  localSubjectAccessReviews,
  type ResourceAttributes,
  type SelfSubjectAccessReview,
  type SelfSubjectRulesReview,
  type SubjectAccessReview,
  type SubjectAccessReviewStatus,
  selfSubjectAccessReviews,
  subjectAccessReviews,
} from "../../api/index.ts";
import type { UserInfo } from "../user.ts";
import type { AuthorizationAttributes, Authorizer } from "./authorizer.ts";
import type { ServerAuthorizer } from "./create-authorizer.ts";

type AccessQuestion = Pick<SubjectAccessReview["spec"], "resourceAttributes" | "nonResourceAttributes">;

/** Requirements that name one value become a selector; the others are dropped, which only makes the question broader. */
function fieldSelectorText(selector: FieldSelectorAttributes | undefined): string | undefined {
  if (selector === undefined) return undefined;
  if ((selector.rawSelector ?? "") !== "") return selector.rawSelector;
  const requirements = (selector.requirements ?? []).filter(({ operator, values }) => (operator === "In" || operator === "NotIn") && values?.length === 1);
  return requirements.map(({ key, operator, values }) => `${key}${operator === "In" ? "=" : "!="}${escapeFieldValue(values?.[0] ?? "")}`).join(",");
}

function resourceOf(asked: ResourceAttributes): NonNullable<AuthorizationAttributes["resource"]> {
  const { group = "", version = "", resource = "", subresource = "", namespace = "", name = "" } = asked;
  const fieldSelector = fieldSelectorText(asked.fieldSelector);
  const labelSelector = asked.labelSelector?.rawSelector;
  return {
    group,
    version: version === "" ? "*" : version,
    resource,
    subresource,
    namespace,
    name,
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
  };
}

function answer(authorizer: Authorizer, user: UserInfo, spec: AccessQuestion): SubjectAccessReviewStatus {
  const { resourceAttributes, nonResourceAttributes } = spec;
  const attributes: AuthorizationAttributes =
    resourceAttributes === undefined
      ? { user, verb: nonResourceAttributes?.verb ?? "", path: nonResourceAttributes?.path ?? "" }
      : { user, verb: resourceAttributes.verb ?? "", path: "", resource: resourceOf(resourceAttributes) };
  const { decision, reason } = authorizer.authorize(attributes);
  return { allowed: decision === "allow", ...(decision === "deny" ? { denied: true } : {}), ...(reason === "" ? {} : { reason }) };
}

/** Throws Invalid for a question that cannot be answered. */
function checked<T extends KubeObject>(kind: Kind<T>, review: T): T {
  const errors = kind.declaration.validateCreate?.(review) ?? [];
  if (errors.length > 0) throw invalidError(kind, "", errors);
  return review;
}

/** May the user of the review do it? */
export function reviewSubjectAccess(authorizer: Authorizer, review: SubjectAccessReview): SubjectAccessReview {
  return answerFor(authorizer, checked(subjectAccessReviews, review));
}

/** May the user of the review do it in `namespace`, that of the request's path? */
export function reviewLocalSubjectAccess(authorizer: Authorizer, namespace: string, review: LocalSubjectAccessReview): LocalSubjectAccessReview {
  return answerFor(authorizer, checked(localSubjectAccessReviews, { ...review, metadata: { ...review.metadata, namespace } }));
}

function answerFor<T extends SubjectAccessReview | LocalSubjectAccessReview>(authorizer: Authorizer, review: T): T {
  const { user = "", uid, groups = [], extra } = review.spec;
  const subject: UserInfo = { name: user, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
  return { ...review, status: answer(authorizer, subject, review.spec) };
}

/** May the one who asks do it? */
export function reviewSelfSubjectAccess(authorizer: Authorizer, user: UserInfo, review: SelfSubjectAccessReview): SelfSubjectAccessReview {
  return { ...review, status: answer(authorizer, user, checked(selfSubjectAccessReviews, review).spec) };
}

/** What may the one who asks do? */
export function reviewSelfSubjectRules(authorizer: ServerAuthorizer, user: UserInfo, review: SelfSubjectRulesReview): SelfSubjectRulesReview {
  const namespace = review.spec?.namespace ?? "";
  if (namespace === "") throw badRequestError("no namespace on request");
  const { apiVersion, kind } = review;
  return { apiVersion, kind, metadata: {}, spec: {}, status: authorizer.rulesFor(user, namespace) } as unknown as SelfSubjectRulesReview;
}
