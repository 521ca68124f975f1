// Acting as somebody else by `Impersonate-…` headers
// (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation, and for the constrained modes KEP-5284).
//
// A mode constrains whom one acts as, and for what: it needs the verb `impersonate:MODE` on each thing asked for, and
// `impersonate-on:MODE:VERB` on what is then done. Whom no mode lets through may still have the right to `impersonate`, which has no bounds.
import { badRequestError, checkDnsSubdomain, StatusError } from "../../api/index.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization/authorizer.ts";
import { forbiddenByAuthorizer } from "../authorization/forbidden.ts";
import type { UserInfo } from "../user.ts";
import {
  ANONYMOUS_USER,
  AUTHENTICATED_GROUP,
  extraKeys,
  NODES_GROUP,
  parseServiceAccountUserName,
  SUPERUSER_GROUP,
  serviceAccountGroups,
  UNAUTHENTICATED_GROUP,
} from "./well-known-users.ts";

/** Header values by lower-case name, several values as a list. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

const EXTRA_PREFIX = "impersonate-extra-";
const AUTHENTICATION_GROUP = "authentication.k8s.io";
const NODE_PREFIX = "system:node:";
/** From so many things on, a right to all of their sort is looked for first. */
const MANY = 4;

/** What is then done as the other. */
export type ImpersonatedRequest = Omit<AuthorizationAttributes, "user">;

/** Whom the headers name. */
interface Wanted {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
  readonly account: { readonly namespace: string; readonly name: string } | undefined;
  /** The node's name, for the user of a node. */
  readonly node: string | undefined;
}

interface Mode {
  readonly name: string;
  applies(wanted: Wanted, user: UserInfo): boolean;
}

/** In the order in which they are tried. */
const CONSTRAINED: readonly Mode[] = [
  { name: "associated-node", applies: (wanted, user) => isBare(wanted) && isOnNode(user, wanted.node) },
  { name: "arbitrary-node", applies: (wanted) => isBare(wanted) && wanted.node !== undefined },
  { name: "serviceaccount", applies: (wanted) => isBare(wanted) && wanted.account !== undefined },
  { name: "user-info", applies: ({ node, account }) => node === undefined && account === undefined },
];

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

function isBare({ uid, groups, extra }: Wanted): boolean {
  return uid === "" && groups.length === 0 && Object.keys(extra).length === 0;
}

/** A service account whose token says that it is used on that node. */
function isOnNode(user: UserInfo, node: string | undefined): boolean {
  const nodes = user.extra?.[extraKeys.nodeName] ?? [];
  return node !== undefined && parseServiceAccountUserName(user.name) !== undefined && nodes.length === 1 && nodes[0] === node;
}

/** Undefined without such headers. Throws BadRequest for a user without a name. */
function readHeaders(headers: RequestHeaders): Wanted | undefined {
  const [name = ""] = valuesOf(headers, "impersonate-user");
  const groups = valuesOf(headers, "impersonate-group");
  const [uid = ""] = valuesOf(headers, "impersonate-uid");
  const extra: Record<string, readonly string[]> = {};
  for (const header of Object.keys(headers)) {
    if (header.startsWith(EXTRA_PREFIX)) extra[decodeExtraKey(header.slice(EXTRA_PREFIX.length))] = valuesOf(headers, header);
  }
  const others = [...groups.map((group) => `group ${group}`), ...(uid === "" ? [] : [`uid ${uid}`]), ...Object.keys(extra).map((key) => `extra ${key}`)];
  if (name === "" && others.length === 0) return undefined;
  if (name === "") throw badRequestError(`requested [${others.join(", ")}] without impersonating a user name`);
  const node = name.startsWith(NODE_PREFIX) ? name.slice(NODE_PREFIX.length) : undefined;
  const isNode = node !== undefined && checkDnsSubdomain(node).length === 0;
  return { name, uid, groups, extra, account: parseServiceAccountUserName(name), node: isNode ? node : undefined };
}

/** The user to act as: `user` itself without such headers. Throws BadRequest or Forbidden. */
export function impersonate(user: UserInfo, headers: RequestHeaders, authorizer: Authorizer, request: ImpersonatedRequest): UserInfo {
  const wanted = readHeaders(headers);
  if (wanted === undefined) return user;
  let refusal: StatusError | undefined;
  for (const mode of CONSTRAINED.filter((candidate) => candidate.applies(wanted, user))) {
    try {
      return impersonateWithin(mode, { user, wanted, authorizer, request });
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      refusal ??= error;
    }
  }
  try {
    return impersonateWithoutBounds(user, wanted, authorizer);
  } catch (error) {
    // The first refusal names the least that would have to be allowed.
    throw error instanceof StatusError && refusal !== undefined ? refusal : error;
  }
}

interface Attempt {
  readonly user: UserInfo;
  readonly wanted: Wanted;
  readonly authorizer: Authorizer;
  readonly request: ImpersonatedRequest;
}

function impersonateWithin(mode: Mode, { user, wanted, authorizer, request }: Attempt): UserInfo {
  const { name, account, node, groups } = wanted;
  const isOwnNode = mode.name === "associated-node";
  // Which node the token is for has been seen to: a right counts for every node.
  const asker = isOwnNode ? { ...user, extra: { "authentication.kubernetes.io/associated-node-keys": Object.keys(user.extra ?? {}).sort() } } : user;
  check(authorizer, { ...request, user: asker, verb: `impersonate-on:${mode.name}:${request.verb}` });
  const may = (resource: string, what: string, more: Partial<Resource> = {}): void =>
    check(authorizer, { user: asker, verb: `impersonate:${mode.name}`, path: "", resource: thing(AUTHENTICATION_GROUP, resource, what, more) });
  if (node !== undefined) may("nodes", isOwnNode ? "*" : node);
  else if (account !== undefined) may("serviceaccounts", account.name, { namespace: account.namespace });
  else may("users", name);
  if (wanted.uid !== "") may("uids", wanted.uid);
  const attributes = { user, verb: `impersonate:${mode.name}`, path: "" };
  for (const group of groups) {
    if (group !== "" && group !== SUPERUSER_GROUP) continue;
    const why = `impersonating the ${group === "" ? "empty string" : group} group is not allowed`;
    throw forbiddenByAuthorizer({ ...attributes, resource: thing(AUTHENTICATION_GROUP, "groups", group) }, why);
  }
  checkAll(
    groups.length,
    () => may("groups", "*"),
    groups.map((group) => () => may("groups", group)),
  );
  const extras = Object.entries(wanted.extra);
  for (const [key, values] of extras) {
    const why =
      key === "" || key !== key.toLowerCase() ? `the key ${JSON.stringify(key)} in extra` : values.includes("") ? "the empty string value in extra" : undefined;
    if (why !== undefined)
      throw forbiddenByAuthorizer({ ...attributes, resource: thing(AUTHENTICATION_GROUP, "userextras", "") }, `impersonating ${why} is not allowed`);
  }
  const each = extras.flatMap(([key, values]) => values.map((value) => () => may("userextras", value, { subresource: key })));
  checkAll(each.length, () => may("userextras", "*", { subresource: "*" }), each);
  return impersonated(wanted, node === undefined ? groups : [NODES_GROUP]);
}

function impersonateWithoutBounds(user: UserInfo, wanted: Wanted, authorizer: Authorizer): UserInfo {
  const { name, account, groups, uid, extra } = wanted;
  const things = [
    account === undefined ? thing("", "users", name) : thing("", "serviceaccounts", account.name, { namespace: account.namespace }),
    ...(uid === "" ? [] : [thing(AUTHENTICATION_GROUP, "uids", uid)]),
    ...groups.map((group) => thing("", "groups", group)),
    ...Object.entries(extra).flatMap(([key, values]) => values.map((value) => thing(AUTHENTICATION_GROUP, "userextras", value, { subresource: key }))),
  ];
  for (const resource of things) check(authorizer, { user, verb: "impersonate", path: "", resource });
  return impersonated(wanted, groups);
}

function impersonated({ name, account, uid, extra }: Wanted, groups: readonly string[]): UserInfo {
  const given = groups.length > 0 || account === undefined ? groups : serviceAccountGroups(account.namespace);
  return {
    name,
    groups: withStanding(name, given),
    ...(uid === "" ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

type Resource = NonNullable<AuthorizationAttributes["resource"]>;

function thing(group: string, resource: string, name: string, more: Partial<Resource> = {}): Resource {
  return { group, version: "v1", resource, subresource: "", namespace: "", name, ...more };
}

/** Throws Forbidden. */
function check(authorizer: Authorizer, attributes: AuthorizationAttributes): void {
  const { decision, reason } = authorizer.authorize(attributes);
  if (decision !== "allow") throw forbiddenByAuthorizer(attributes, reason);
}

function checkAll(count: number, checkWhole: () => void, checks: readonly (() => void)[]): void {
  if (count >= MANY) {
    try {
      checkWhole();
      return;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
    }
  }
  for (const checkOne of checks) checkOne();
}

/** Everyone is either authenticated or not. */
function withStanding(name: string, groups: readonly string[]): readonly string[] {
  if (name === ANONYMOUS_USER) return groups.includes(UNAUTHENTICATED_GROUP) ? groups : [...groups, UNAUTHENTICATED_GROUP];
  const isMarked = groups.includes(AUTHENTICATED_GROUP) || groups.includes(UNAUTHENTICATED_GROUP);
  return isMarked ? groups : [...groups, AUTHENTICATED_GROUP];
}
