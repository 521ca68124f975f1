// Who makes a request (https://kubernetes.io/docs/reference/access-authn-authz/authentication/): the client certificate first, then the
// bearer token (static, bootstrap, service account), else the anonymous user. A bearer token that nobody knows is refused, never
// taken for anonymous. As upstream's default, anonymous requests are let in and RBAC allows them health, version and little else.
import { badRequestError, type SelfSubjectReview, type TokenReview, unauthorizedError } from "../../api/index.ts";
import { type Env, formatTime } from "../../base/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { Authenticator, Credentials, UserInfo } from "../user.ts";
import { authenticateBootstrapToken } from "./bootstrap-tokens.ts";
import { isSecretToken, type SecretTokens } from "./secret-tokens.ts";
import type { ServiceAccountTokens } from "./service-account-tokens.ts";
import { anonymousUser, authenticated, extraKeys } from "./well-known-users.ts";

export interface AuthenticatorOptions {
  readonly objects: ObjectReader;
  readonly serviceAccountTokens: ServiceAccountTokens;
  /** Absent: tokens kept in secrets are refused. */
  readonly secretTokens?: SecretTokens;
  /** Users by bearer token. */
  readonly staticTokens?: ReadonlyMap<string, UserInfo>;
  /** Accept bootstrap tokens; by default they are, as kubeadm configures it. */
  readonly bootstrapTokens?: boolean;
  /** By default true. */
  readonly anonymous?: boolean;
}

export interface ServerAuthenticator extends Authenticator {
  /** Always someone: throws Unauthorized when the credentials fail, or when there are none and nobody may be anonymous. */
  authenticate(credentials: Credentials): Promise<UserInfo>;
  /** Answers a TokenReview. */
  reviewToken(review: TokenReview): Promise<TokenReview>;
}

type TokenAnswer = { readonly user: UserInfo; readonly audiences: readonly string[] } | { readonly problem: string } | undefined;

/** Answers a SelfSubjectReview, with the time of the answer. */
export function reviewSelfSubject(env: Env, user: UserInfo, review: SelfSubjectReview): SelfSubjectReview {
  return { ...review, metadata: { ...review.metadata, creationTimestamp: formatTime(env.clock.now()) }, status: { userInfo: userInfoOf(user) } };
}

function userInfoOf({ name, uid, groups, extra }: UserInfo): { username: string; uid?: string; groups: readonly string[]; extra?: UserInfo["extra"] } {
  return { username: name, ...(uid === undefined || uid === "" ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) };
}

export function createAuthenticator(env: Env, options: AuthenticatorOptions): ServerAuthenticator {
  const { objects, serviceAccountTokens, secretTokens, staticTokens, bootstrapTokens = true, anonymous = true } = options;

  async function authenticateToken(token: string, audiences: readonly string[]): Promise<TokenAnswer> {
    // Tokens that say nothing of an audience are meant for this server.
    const implicit = serviceAccountTokens.audiences.filter((audience) => audiences.includes(audience));
    const forUs = (user: UserInfo): TokenAnswer =>
      implicit.length === 0 ? { problem: "token is not valid for the target audiences" } : { user, audiences: implicit };
    const plainUser = staticTokens?.get(token) ?? (bootstrapTokens ? authenticateBootstrapToken(env, objects, token) : undefined);
    if (plainUser !== undefined) return forUs(plainUser);
    if (secretTokens !== undefined && isSecretToken(token)) {
      const kept = await secretTokens.verify(token);
      return kept.ok ? forUs(kept.user) : { problem: kept.message };
    }
    const verdict = await serviceAccountTokens.verify(token, audiences);
    if (verdict.ok) return verdict;
    return verdict.reason === "foreign" ? undefined : { problem: verdict.message };
  }

  return {
    async authenticate({ clientCertificate, bearerToken }) {
      if (clientCertificate !== undefined && clientCertificate.commonName !== "") {
        const { commonName, organizations, fingerprint } = clientCertificate;
        const extra = fingerprint === undefined ? {} : { extra: { [extraKeys.credentialId]: [`X509SHA256=${fingerprint}`] } };
        return authenticated({ name: commonName, groups: organizations, ...extra });
      }
      if (bearerToken !== undefined && bearerToken !== "") {
        const answer = await authenticateToken(bearerToken, serviceAccountTokens.audiences);
        if (answer !== undefined && "user" in answer) return authenticated(answer.user);
        if (answer !== undefined) env.log.info("refused a bearer token", { reason: answer.problem });
        throw unauthorizedError();
      }
      if (!anonymous) throw unauthorizedError();
      return anonymousUser;
    },

    async reviewToken(review) {
      const { token = "", audiences = [] } = review.spec;
      if (token === "") throw badRequestError("token is required for TokenReview in authentication");
      const answer = await authenticateToken(token, audiences.length === 0 ? serviceAccountTokens.audiences : audiences);
      if (answer === undefined) return { ...review, status: { user: {}, error: "invalid bearer token" } };
      if ("problem" in answer) return { ...review, status: { user: {}, error: answer.problem } };
      return { ...review, status: { authenticated: true, user: userInfoOf(authenticated(answer.user)), audiences: answer.audiences } };
    },
  };
}
