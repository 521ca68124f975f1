// The kinds that are questions: they are created to be answered, and never stored.

import {
  type Kind,
  type KubeObject,
  type LocalSubjectAccessReview,
  localSubjectAccessReviews,
  type SelfSubjectAccessReview,
  type SelfSubjectReview,
  type SelfSubjectRulesReview,
  type SubjectAccessReview,
  selfSubjectAccessReviews,
  selfSubjectReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
  type TokenReview,
  tokenReviews,
} from "../api/index.ts";
import type { Env, Mutable } from "../base/index.ts";
import { reviewSelfSubject, type ServerAuthenticator } from "./authentication/create-authenticator.ts";
import { reviewLocalSubjectAccess, reviewSelfSubjectAccess, reviewSelfSubjectRules, reviewSubjectAccess } from "./authorization/access-reviews.ts";
import type { ServerAuthorizer } from "./authorization/create-authorizer.ts";
import type { WriteRequestContext } from "./storage/write-context.ts";

type Review = (object: Mutable<KubeObject>, namespace: string, context: WriteRequestContext) => KubeObject | Promise<KubeObject>;
export type Reviews = ReadonlyMap<Kind, Review>;

export function createReviews(env: Env, authenticator: ServerAuthenticator, authorizer: ServerAuthorizer): Reviews {
  return new Map<Kind, Review>([
    [tokenReviews, (review) => authenticator.reviewToken(review as unknown as TokenReview)],
    [selfSubjectReviews, (review, _namespace, { user }) => reviewSelfSubject(env, user, review as unknown as SelfSubjectReview)],
    [subjectAccessReviews, (review) => reviewSubjectAccess(authorizer, review as unknown as SubjectAccessReview)],
    [localSubjectAccessReviews, (review, namespace) => reviewLocalSubjectAccess(authorizer, namespace, review as unknown as LocalSubjectAccessReview)],
    [selfSubjectAccessReviews, (review, _namespace, { user }) => reviewSelfSubjectAccess(authorizer, user, review as unknown as SelfSubjectAccessReview)],
    [selfSubjectRulesReviews, (review, _namespace, { user }) => reviewSelfSubjectRules(authorizer, user, review as unknown as SelfSubjectRulesReview)],
  ]);
}
