// TokenReview (authentication.k8s.io/v1): whom does this token stand for? (https://kubernetes.io/docs/reference/access-authn-authz/webhook/).
// It is answered, never stored.
import { createdAtColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { TokenReview } from "../generated/types.ts";

export const tokenReviews = kind<TokenReview>("authentication.k8s.io/v1", "TokenReview", { columns: [nameColumn(), createdAtColumn()] });
