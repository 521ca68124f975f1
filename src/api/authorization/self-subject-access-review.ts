// SelfSubjectAccessReview (authorization.k8s.io/v1): may I do that? (https://kubernetes.io/docs/reference/access-authn-authz/authorization/).
// It is answered, never stored.
import { createdAtColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { SelfSubjectAccessReview } from "../generated/types.ts";
import { checkQuestion } from "./access-question.ts";

export const selfSubjectAccessReviews = kind<SelfSubjectAccessReview>("authorization.k8s.io/v1", "SelfSubjectAccessReview", {
  columns: [nameColumn(), createdAtColumn()],
  validateCreate: ({ spec }) => checkQuestion(spec),
});
