// SubjectAccessReview (authorization.k8s.io/v1): may this user do that? (https://kubernetes.io/docs/reference/access-authn-authz/authorization/).
// It is answered, never stored.
import { createdAtColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { SubjectAccessReview } from "../generated/types.ts";
import { checkQuestion, checkSubject } from "./access-question.ts";

export const subjectAccessReviews = kind<SubjectAccessReview>("authorization.k8s.io/v1", "SubjectAccessReview", {
  columns: [nameColumn(), createdAtColumn()],
  validateCreate: ({ spec }) => [...checkQuestion(spec), ...checkSubject(spec)],
});
