// SelfSubjectRulesReview (authorization.k8s.io/v1): what may I do in this namespace? (https://kubernetes.io/docs/reference/access-authn-authz/authorization/).
// It is answered, never stored.
import { createdAtColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { SelfSubjectRulesReview } from "../generated/types.ts";

export const selfSubjectRulesReviews = kind<SelfSubjectRulesReview>("authorization.k8s.io/v1", "SelfSubjectRulesReview", {
  columns: [nameColumn(), createdAtColumn()],
});
