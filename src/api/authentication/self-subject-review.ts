// SelfSubjectReview (authentication.k8s.io/v1): who am I? (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#self-subject-review).
// It is answered, never stored.
import { createdAtColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { SelfSubjectReview } from "../generated/types.ts";

export const selfSubjectReviews = kind<SelfSubjectReview>("authentication.k8s.io/v1", "SelfSubjectReview", { columns: [nameColumn(), createdAtColumn()] });
