// Bootstrap tokens: `abcdef.0123456789abcdef`, kept as Secrets in kube-system, with which new nodes introduce themselves
// (https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/).
import { type Secret, secrets } from "../../api/index.ts";
import { type Env, parseTime } from "../../base/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { UserInfo } from "../user.ts";

const TOKEN_PATTERN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const GROUP = "system:bootstrappers";
const EXTRA_GROUP_PATTERN = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/** The user of a bootstrap token; undefined when it is none, is unknown, or may not be used to authenticate. */
export function authenticateBootstrapToken(env: Env, objects: ObjectReader, token: string): UserInfo | undefined {
  const match = TOKEN_PATTERN.exec(token);
  if (match === null) return undefined;
  const [, id = "", key = ""] = match;
  const secret = objects.get(secrets, "kube-system", `bootstrap-token-${id}`);
  if (secret === undefined || secret.type !== "bootstrap.kubernetes.io/token" || secret.metadata.deletionTimestamp !== undefined) return undefined;
  if (!sameText(dataOf(secret, "token-secret"), key) || dataOf(secret, "token-id") !== id) return undefined;
  if (isExpired(secret, env.clock.now()) || dataOf(secret, "usage-bootstrap-authentication") !== "true") return undefined;
  const extraGroups = dataOf(secret, "auth-extra-groups")
    .split(",")
    .filter((group) => group !== "");
  if (extraGroups.some((group) => !EXTRA_GROUP_PATTERN.test(group))) return undefined;
  return { name: `system:bootstrap:${id}`, groups: [...new Set([GROUP, ...extraGroups])] };
}

function dataOf(secret: Secret, key: string): string {
  return atob(secret.data?.[key] ?? "");
}

/** An expiration that cannot be read counts as passed. */
function isExpired(secret: Secret, now: number): boolean {
  const text = dataOf(secret, "expiration");
  if (text === "") return false;
  const expiresMs = parseTime(text);
  return expiresMs === undefined || expiresMs <= now;
}

/** Compares without telling by its duration how much was right. */
function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let position = 0; position < b.length; position++) difference |= a.charCodeAt(position) ^ b.charCodeAt(position);
  return difference === 0;
}
