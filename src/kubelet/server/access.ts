// Who may use the kubelet's HTTP API: client certificates name a user directly, bearer tokens are reviewed by the API
// server, and every request is authorized by it (webhook mode of
// https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/).
//
// Invariant: without an answer of the API server nobody is let in. Answers are remembered for as long as upstream's
// defaults say, at most `maxRemembered` of them.
import { type SubjectAccessReview, subjectAccessReviews, type TokenReview, tokenReviews } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import type { NodePermission } from "./routes.ts";

export interface KubeletUser {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
}

export interface KubeletAccess {
  /** The user of a bearer token; undefined when it is not valid. */
  authenticateToken(token: string): Promise<KubeletUser | undefined>;
  authorize(user: KubeletUser, permission: NodePermission): Promise<boolean>;
}

const allowedMs = 5 * 60_000;
const deniedMs = 30_000;
const tokenMs = 2 * 60_000;
const maxRemembered = 1000;

export function createDelegatedAccess(env: Env, client: Client, nodeName: string): KubeletAccess {
  const tokens = new Memory<KubeletUser | undefined>(env);
  const decisions = new Memory<boolean>(env);
  const allowed = async (user: KubeletUser, verb: string, subresource: string): Promise<boolean> => {
    const key = JSON.stringify([user, verb, subresource]);
    const known = decisions.get(key);
    if (known !== undefined) return known.value;
    const review: SubjectAccessReview = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      metadata: { name: "" },
      spec: {
        user: user.name,
        uid: user.uid,
        groups: [...user.groups],
        resourceAttributes: { verb, version: "v1", resource: "nodes", subresource, name: nodeName },
      },
    };
    const answer = await client.create(subjectAccessReviews, review);
    const value = answer.status?.allowed === true;
    decisions.set(key, value, value ? allowedMs : deniedMs);
    return value;
  };
  return {
    async authenticateToken(token) {
      const known = tokens.get(token);
      if (known !== undefined) return known.value;
      const review: TokenReview = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", metadata: { name: "" }, spec: { token } };
      const { status } = await client.create(tokenReviews, review);
      const user = status?.authenticated === true ? { name: status.user?.username ?? "", uid: status.user?.uid, groups: status.user?.groups ?? [] } : undefined;
      tokens.set(token, user, tokenMs);
      return user;
    },
    async authorize(user, { verb, subresources }) {
      for (const subresource of subresources) if (await allowed(user, verb, subresource)) return true;
      return false;
    },
  };
}

/** Answers that expire; the oldest goes when there are too many. */
class Memory<Value> {
  private readonly entries = new Map<string, { readonly value: Value; readonly untilMs: number }>();

  constructor(private readonly env: Env) {}

  get(key: string): { readonly value: Value } | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || entry.untilMs > this.env.clock.monotonic()) return entry;
    this.entries.delete(key);
    return undefined;
  }

  set(key: string, value: Value, forMs: number): void {
    const [oldest] = this.entries.keys();
    if (this.entries.size >= maxRemembered && oldest !== undefined) this.entries.delete(oldest);
    this.entries.set(key, { value, untilMs: this.env.clock.monotonic() + forMs });
  }
}
