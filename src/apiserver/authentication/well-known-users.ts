// Users and groups that the server itself knows (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings).
import type { UserInfo } from "../user.ts";

export const ANONYMOUS_USER = "system:anonymous";
export const AUTHENTICATED_GROUP = "system:authenticated";
export const UNAUTHENTICATED_GROUP = "system:unauthenticated";
export const SERVICE_ACCOUNTS_GROUP = "system:serviceaccounts";
export const NODES_GROUP = "system:nodes";
export const SUPERUSER_GROUP = "system:masters";

const SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:";

/** Extra attributes that credentials leave on their user. */
export const extraKeys = {
  credentialId: "authentication.kubernetes.io/credential-id",
  podName: "authentication.kubernetes.io/pod-name",
  podUid: "authentication.kubernetes.io/pod-uid",
  nodeName: "authentication.kubernetes.io/node-name",
  nodeUid: "authentication.kubernetes.io/node-uid",
} as const;

export const anonymousUser: UserInfo = { name: ANONYMOUS_USER, groups: [UNAUTHENTICATED_GROUP] };

export function serviceAccountUserName(namespace: string, name: string): string {
  return `${SERVICE_ACCOUNT_PREFIX}${namespace}:${name}`;
}

/** The groups of every service account of `namespace`, before `system:authenticated`. */
export function serviceAccountGroups(namespace: string): string[] {
  return [SERVICE_ACCOUNTS_GROUP, `${SERVICE_ACCOUNTS_GROUP}:${namespace}`];
}

/** The service account that a user name stands for; undefined when it is none. */
export function parseServiceAccountUserName(userName: string): { readonly namespace: string; readonly name: string } | undefined {
  const [namespace, name, ...rest] = userName.startsWith(SERVICE_ACCOUNT_PREFIX) ? userName.slice(SERVICE_ACCOUNT_PREFIX.length).split(":") : [];
  return namespace === undefined || namespace === "" || name === undefined || name === "" || rest.length > 0 ? undefined : { namespace, name };
}

/** `user` with `system:authenticated`, which everyone has who said who they are. */
export function authenticated(user: UserInfo): UserInfo {
  const isMarked = user.groups.includes(AUTHENTICATED_GROUP) || user.groups.includes(UNAUTHENTICATED_GROUP);
  return isMarked ? user : { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
}
