// Tokens kept in secrets of type `kubernetes.io/service-account-token`
// (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#auto-generated-legacy-serviceaccount-token-clean-up).
//
// Invariants: such a token has no end of its own; it is good as long as its secret holds just this text and its account is there. The
// day of its last use stands on the secret.
import { decodeJwt, errors, jwtVerify, SignJWT } from "jose";
import { secrets, serviceAccounts } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import { type Client, ignoreNotFound } from "../../client/index.ts";
import type { UserInfo } from "../user.ts";
import type { ServiceAccountKeys } from "./service-account-keys.ts";
import { serviceAccountGroups, serviceAccountUserName } from "./well-known-users.ts";

const SECRET_TOKEN_ISSUER = "kubernetes/serviceaccount";
const CLAIM = "kubernetes.io/serviceaccount/";
const LAST_USED = "kubernetes.io/legacy-token-last-used";
const INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since";
const DAY_MS = 24 * 3_600_000;
const VERIFIED_TOKENS_KEPT = 1024;

interface Claims {
  readonly namespace: string;
  readonly account: string;
  readonly accountUid: string;
  readonly secret: string;
}

/** Signs them, for whoever fills the secrets. */
export function createSecretTokenIssuer(keys: ServiceAccountKeys): { issue(of: Claims): Promise<string> } {
  const { key, keyId, algorithm } = keys.signing;
  return {
    issue: ({ namespace, account, accountUid, secret }) =>
      new SignJWT({
        iss: SECRET_TOKEN_ISSUER,
        [`${CLAIM}namespace`]: namespace,
        [`${CLAIM}secret.name`]: secret,
        [`${CLAIM}service-account.name`]: account,
        [`${CLAIM}service-account.uid`]: accountUid,
        sub: serviceAccountUserName(namespace, account),
      })
        .setProtectedHeader({ alg: algorithm, kid: keyId })
        .sign(key),
  };
}

export type SecretTokenVerdict = { readonly ok: true; readonly user: UserInfo } | { readonly ok: false; readonly message: string };

/** Whether the text says that it is such a token. */
export function isSecretToken(token: string): boolean {
  if (token.split(".").length !== 3) return false;
  try {
    return decodeJwt(token).iss === SECRET_TOKEN_ISSUER;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return false;
    throw error;
  }
}

export class SecretTokens {
  /** Signatures are checked once, all else on every use. */
  private readonly verified = new Map<string, Claims>();

  constructor(
    private readonly env: Env,
    private readonly options: { readonly keys: ServiceAccountKeys; readonly client: Client },
  ) {}

  async verify(token: string): Promise<SecretTokenVerdict> {
    const claims = this.verified.get(token) ?? (await this.readClaims(token));
    if (claims === undefined) return { ok: false, message: "invalid signature or claims" };
    const { namespace, account: name } = claims;
    const { client } = this.options;
    const secret = await ignoreNotFound(client.get(secrets, { namespace, name: claims.secret }));
    if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) return { ok: false, message: "Token has been invalidated" };
    if (atob(secret.data?.["token"] ?? "") !== token) return { ok: false, message: "Token does not match server's copy" };
    const account = await ignoreNotFound(client.get(serviceAccounts, { namespace, name }));
    if (account === undefined || account.metadata.deletionTimestamp !== undefined)
      return { ok: false, message: `ServiceAccount ${namespace}/${name} has been deleted` };
    if (account.metadata.uid !== claims.accountUid)
      return { ok: false, message: `ServiceAccount UID (${account.metadata.uid}) does not match claim (${claims.accountUid})` };
    await this.noteUse(namespace, claims.secret, secret.metadata.labels?.[LAST_USED], secret.metadata.uid);
    if ((secret.metadata.labels?.[INVALID_SINCE] ?? "") !== "") {
      const text = `the token in secret ${namespace}/${claims.secret} for service account ${namespace}/${name} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${INVALID_SINCE}' label from the secret to temporarily allow use of this token`;
      return { ok: false, message: text };
    }
    return { ok: true, user: { name: serviceAccountUserName(namespace, name), uid: claims.accountUid, groups: serviceAccountGroups(namespace) } };
  }

  private async readClaims(token: string): Promise<Claims | undefined> {
    for (const { key, algorithm } of this.options.keys.verification) {
      try {
        const { payload } = await jwtVerify(token, key, { algorithms: [algorithm], currentDate: new Date(this.env.clock.now()) });
        const claims = asClaims(payload);
        if (claims !== undefined) this.remember(token, claims);
        return claims;
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw error;
      }
    }
    return undefined;
  }

  private remember(token: string, claims: Claims): void {
    const [oldest] = this.verified.keys();
    if (this.verified.size >= VERIFIED_TOKENS_KEPT && oldest !== undefined) this.verified.delete(oldest);
    this.verified.set(token, claims);
  }

  /** At most once a day; clocks of several servers may differ about which day it is. */
  private async noteUse(namespace: string, name: string, lastUsed: string | undefined, uid: string | undefined): Promise<void> {
    const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
    const nowMs = this.env.clock.now();
    if (lastUsed === day(nowMs) || lastUsed === day(nowMs + DAY_MS)) return;
    const body = { metadata: { uid: uid ?? "", labels: { [LAST_USED]: day(nowMs) } } };
    await this.options.client
      .patch(secrets, { namespace, name }, { type: "merge", body })
      .catch((error: unknown) => this.env.log.warn("could not note the use of a token", { secret: `${namespace}/${name}`, error: String(error) }));
  }
}

function asClaims(payload: Readonly<Record<string, unknown>>): Claims | undefined {
  const read = (name: string): string | undefined => {
    const value = payload[`${CLAIM}${name}`];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [namespace, secret, account, accountUid] = [read("namespace"), read("secret.name"), read("service-account.name"), read("service-account.uid")];
  if (namespace === undefined || secret === undefined || account === undefined || accountUid === undefined) return undefined;
  return payload["sub"] === serviceAccountUserName(namespace, account) ? { namespace, secret, account, accountUid } : undefined;
}
