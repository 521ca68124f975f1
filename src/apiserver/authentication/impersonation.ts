// Acting as somebody else by `Impersonate-…` headers
// (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation): each thing asked for needs the verb `impersonate` on it.
import { badRequestError } from "../../api/index.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import { forbiddenByAuthorizer } from "../authorization/forbidden.ts";
import type { UserInfo } from "../user.ts";
import { ANONYMOUS_USER, AUTHENTICATED_GROUP, parseServiceAccountUserName, serviceAccountGroups, UNAUTHENTICATED_GROUP } from "./well-known-users.ts";

/** Header values by lower-case name, several values as a list. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

const EXTRA_PREFIX = "impersonate-extra-";
const AUTHENTICATION_GROUP = "authentication.k8s.io";

interface Wish {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

function valuesOf(headers: RequestHeaders, name: string): readonly string[] {
  const value = headers[name];
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

/** Bytes of a key that no header name can hold are percent-encoded; what cannot be decoded is taken as it is. */
function decodeExtraKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch (error) {
    if (error instanceof URIError) return encoded;
    throw error;
  }
}

function wish(group: string, resource: string, name: string, more: Partial<Wish> = {}): Wish {
  return { group, version: "v1", resource, subresource: "", namespace: "", name, ...more };
}

/** The user to act as: `user` itself without such headers. Throws BadRequest or Forbidden. */
export function impersonate(user: UserInfo, headers: RequestHeaders, authorizer: Authorizer): UserInfo {
  const [name = ""] = valuesOf(headers, "impersonate-user");
  const groups = valuesOf(headers, "impersonate-group");
  const [uid = ""] = valuesOf(headers, "impersonate-uid");
  const extra: Record<string, readonly string[]> = {};
  for (const header of Object.keys(headers)) {
    if (header.startsWith(EXTRA_PREFIX)) extra[decodeExtraKey(header.slice(EXTRA_PREFIX.length))] = valuesOf(headers, header);
  }
  const others = [...groups.map((group) => `group ${group}`), ...(uid === "" ? [] : [`uid ${uid}`]), ...Object.keys(extra).map((key) => `extra ${key}`)];
  if (name === "") {
    if (others.length === 0) return user;
    throw badRequestError(`requested [${others.join(", ")}] without impersonating a user name`);
  }
  const account = parseServiceAccountUserName(name);
  const wishes = [
    account === undefined ? wish("", "users", name) : wish("", "serviceaccounts", account.name, { namespace: account.namespace }),
    ...groups.map((group) => wish("", "groups", group)),
    ...Object.entries(extra).flatMap(([key, values]) => values.map((value) => wish(AUTHENTICATION_GROUP, "userextras", value, { subresource: key }))),
    ...(uid === "" ? [] : [wish(AUTHENTICATION_GROUP, "uids", uid)]),
  ];
  for (const resource of wishes) {
    const attributes = { user, verb: "impersonate", resource, path: "" };
    const { decision, reason } = authorizer.authorize(attributes);
    if (decision !== "allow") throw forbiddenByAuthorizer(attributes, reason);
  }
  const given = groups.length > 0 ? groups : account === undefined ? [] : serviceAccountGroups(account.namespace);
  return {
    name,
    groups: withStanding(name, given),
    ...(uid === "" ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** Everyone is either authenticated or not. */
function withStanding(name: string, groups: readonly string[]): readonly string[] {
  if (name === ANONYMOUS_USER) return groups.includes(UNAUTHENTICATED_GROUP) ? groups : [...groups, UNAUTHENTICATED_GROUP];
  const isMarked = groups.includes(AUTHENTICATED_GROUP) || groups.includes(UNAUTHENTICATED_GROUP);
  return isMarked ? groups : [...groups, AUTHENTICATED_GROUP];
}
