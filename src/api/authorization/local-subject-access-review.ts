// LocalSubjectAccessReview (authorization.k8s.io/v1): may this user do that in this namespace? (https://kubernetes.io/docs/reference/access-authn-authz/authorization/).
// It is answered, never stored.
import { createdAtColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { LocalSubjectAccessReview } from "../generated/types.ts";
import { checkLocality, checkQuestion, checkSubject } from "./access-question.ts";

export const localSubjectAccessReviews = kind<LocalSubjectAccessReview>("authorization.k8s.io/v1", "LocalSubjectAccessReview", {
  columns: [nameColumn(), createdAtColumn()],
  validateCreate: ({ spec, metadata }) => [...checkQuestion(spec), ...checkSubject(spec), ...checkLocality(spec, metadata.namespace ?? "")],
});
