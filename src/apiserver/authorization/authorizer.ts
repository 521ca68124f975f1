// The authorizer's port. Node, RBAC and the superuser group implement it; a union asks them in order.
import type { UserInfo } from "../user.ts";

export interface AuthorizationAttributes {
  readonly user: UserInfo;
  /** get, list, watch, create, update, patch, delete, deletecollection, …, or the lower-case HTTP method for a path. */
  readonly verb: string;
  /** Absent for a request outside resources; then `path` counts. */
  readonly resource?: {
    readonly group: string;
    readonly version: string;
    readonly resource: string;
    readonly subresource: string;
    readonly namespace: string;
    readonly name: string;
    /** As asked for in a list or watch; the Node authorizer reads them. */
    readonly fieldSelector?: string;
    readonly labelSelector?: string;
  };
  readonly path: string;
}

export interface AuthorizationDecision {
  readonly decision: "allow" | "deny" | "noOpinion";
  readonly reason: string;
}

export interface Authorizer {
  authorize(attributes: AuthorizationAttributes): AuthorizationDecision;
}
