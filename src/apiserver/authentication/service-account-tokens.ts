// Service account tokens: issued through TokenRequest, verified on every request
// (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens).
//
// Invariants: a token is good only while the service account, and the pod, secret or node that it is bound to, exist with the
// uids in its claims; a signature is checked once per token, everything else on every use.
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import {
  badRequestError,
  conflictError,
  FieldPath,
  invalid,
  invalidError,
  isStatus,
  type Kind,
  type KubeObject,
  nodes,
  pods,
  secrets,
  serviceAccounts,
  type TokenRequest,
} from "../../api/index.ts";
import { type Env, formatTime, parseTime, randomUuid } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { UserInfo } from "../user.ts";
import { asServiceAccountClaims, claimedUser, type ObjectClaim, type ServiceAccountClaims } from "./service-account-claims.ts";
import type { ServiceAccountKeys } from "./service-account-keys.ts";
import { serviceAccountUserName } from "./well-known-users.ts";

const MINIMUM_SECONDS = 600;
const MAXIMUM_SECONDS = 2 ** 32;
const DEFAULT_SECONDS = 3600;
/** What the ServiceAccount admission plugin asks for; such tokens live longer than they say, for clients that do not renew them. */
export const INJECTED_TOKEN_SECONDS = 3607;
const EXTENDED_SECONDS = 24 * 365 * 3600;
/** Clocks differ. */
const LEEWAY_MS = 60_000;
const VERIFIED_TOKENS_KEPT = 4096;

export interface ServiceAccountTokenOptions {
  readonly keys: ServiceAccountKeys;
  /** The `iss` claim, e.g. `https://kubernetes.default.svc.cluster.local`. */
  readonly issuer: string;
  /** What the server itself accepts as `aud`; by default the issuer. */
  readonly audiences?: readonly string[];
  readonly objects: ObjectReader;
  /** Reads objects that the watch caches do not have yet, as the server itself. */
  readonly client: Client;
}

export type TokenVerdict =
  | { readonly ok: true; readonly user: UserInfo; readonly audiences: readonly string[] }
  /** Not a token of ours: another authenticator may know it. */
  | { readonly ok: false; readonly reason: "foreign" }
  | { readonly ok: false; readonly reason: "invalid"; readonly message: string };

interface Binding {
  readonly pod?: ObjectClaim;
  readonly secret?: ObjectClaim;
  readonly node?: ObjectClaim;
}

export class ServiceAccountTokens {
  readonly audiences: readonly string[];
  private readonly verified = new Map<string, ServiceAccountClaims>();
  private readonly env: Env;
  private readonly options: ServiceAccountTokenOptions;

  constructor(env: Env, options: ServiceAccountTokenOptions) {
    this.env = env;
    this.options = options;
    this.audiences = options.audiences ?? [options.issuer];
  }

  /** Answers POST `serviceaccounts/<name>/token`. Throws the API failures of that call. */
  async request(namespace: string, name: string, request: TokenRequest): Promise<TokenRequest> {
    checkAddress(request, namespace, name);
    const { client } = this.options;
    const account = await client.get(serviceAccounts, { namespace, name });
    const uid = account.metadata.uid ?? "";
    const askedUid = request.metadata?.uid ?? "";
    if (askedUid !== "" && askedUid !== uid) throw conflictError(TOKEN_REQUEST, name, uidMismatch("token request", askedUid, "service account", uid));
    const askedAudiences = request.spec?.audiences ?? [];
    const audiences = askedAudiences.length === 0 ? this.audiences : askedAudiences;
    const seconds = request.spec?.expirationSeconds ?? DEFAULT_SECONDS;
    checkDuration(seconds);
    const binding = await this.bind(namespace, name, request);
    const isExtended = binding.pod !== undefined && seconds === INJECTED_TOKEN_SECONDS && audiences.every((audience) => this.audiences.includes(audience));
    const now = Math.floor(this.env.clock.now() / 1000);
    const token = await this.sign({
      iss: this.options.issuer,
      sub: serviceAccountUserName(namespace, name),
      aud: audiences,
      iat: now,
      nbf: now,
      exp: now + (isExtended ? EXTENDED_SECONDS : seconds),
      jti: randomUuid(this.env.random),
      "kubernetes.io": { namespace, serviceaccount: { name, uid }, ...binding, ...(isExtended ? { warnafter: now + seconds } : {}) },
    });
    return {
      ...request,
      metadata: { ...request.metadata, name, namespace, uid, creationTimestamp: formatTime(now * 1000) },
      spec: { ...request.spec, audiences, expirationSeconds: seconds },
      status: { token, expirationTimestamp: formatTime((now + seconds) * 1000) },
    };
  }

  /** Whom `token` stands for. `audiences`: those it must be meant for, at least one of them; by default the server's. */
  async verify(token: string, audiences: readonly string[] = this.audiences): Promise<TokenVerdict> {
    if (!this.isOwn(token)) return { ok: false, reason: "foreign" };
    const claims = await this.verifySignature(token);
    if (claims === undefined) return { ok: false, reason: "invalid", message: "invalid signature" };
    const shared = claims.aud.filter((audience) => audiences.includes(audience));
    if (shared.length === 0) {
      const message = `token audiences ${JSON.stringify(claims.aud)} is invalid for the target audiences ${JSON.stringify(audiences)}`;
      return { ok: false, reason: "invalid", message };
    }
    const problem = this.checkTimes(claims) ?? (await this.checkLiveness(claims));
    return problem === undefined ? { ok: true, user: claimedUser(claims), audiences: shared } : { ok: false, reason: "invalid", message: problem };
  }

  private async sign(claims: ServiceAccountClaims): Promise<string> {
    const { key, keyId, algorithm } = this.options.keys.signing;
    const { aud, ...rest } = claims;
    return new SignJWT({ ...rest, aud: [...aud] }).setProtectedHeader({ alg: algorithm, kid: keyId }).sign(key);
  }

  private async bind(namespace: string, name: string, request: TokenRequest): Promise<Binding> {
    const reference = request.spec?.boundObjectRef;
    if (reference === undefined || reference === null) return {};
    const { kind = "", apiVersion = "", name: boundName = "", uid = "" } = reference;
    const { client } = this.options;
    const check = (object: KubeObject): ObjectClaim => {
      const actual = object.metadata.uid ?? "";
      if (uid !== "" && uid !== actual) {
        const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
        throw conflictError({ group: "", resource: kind }, boundName, why);
      }
      return { name: boundName, uid: actual };
    };
    switch (apiVersion === "" || apiVersion === "v1" ? kind : "") {
      case "Pod": {
        const pod = await client.get(pods, { namespace, name: boundName });
        if (pod.spec.serviceAccountName !== name) {
          throw badRequestError(`cannot bind token for serviceaccount ${JSON.stringify(name)} to pod running with different serviceaccount name.`);
        }
        const node = pod.spec.nodeName ?? "";
        return { pod: check(pod), ...(node === "" ? {} : { node: await this.nodeClaim(node) }) };
      }
      case "Secret":
        return { secret: check(await client.get(secrets, { namespace, name: boundName })) };
      case "Node":
        return { node: check(await client.get(nodes, { name: boundName })) };
      default:
        throw badRequestError(`cannot bind token to object of type ${apiVersion}, Kind=${kind}`);
    }
  }

  /** The node of a pod is told even when there is no such Node. */
  private async nodeClaim(name: string): Promise<ObjectClaim> {
    const node = await this.find(nodes, "", name);
    return node?.metadata.uid === undefined ? { name } : { name, uid: node.metadata.uid };
  }

  /** Tokens of other issuers are none of our business. */
  private isOwn(token: string): boolean {
    if (this.verified.has(token)) return true;
    if (token.split(".").length !== 3) return false;
    try {
      return decodeJwt(token).iss === this.options.issuer;
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof TypeError) return false;
      throw error;
    }
  }

  private async verifySignature(token: string): Promise<ServiceAccountClaims | undefined> {
    const known = this.verified.get(token);
    if (known !== undefined) return known;
    const { kid } = decodeProtectedHeader(token);
    for (const { key, keyId, algorithm } of this.options.keys.verification) {
      if (kid !== undefined && kid !== keyId) continue;
      try {
        // Times are checked against our own clock, on every use.
        const { payload } = await jwtVerify(token, key, { algorithms: [algorithm], currentDate: new Date(this.notBeforeMs(token)) });
        const claims = asServiceAccountClaims(payload);
        if (claims !== undefined) this.remember(token, claims);
        return claims;
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw error;
      }
    }
    return undefined;
  }

  private notBeforeMs(token: string): number {
    const { nbf = 0 } = decodeJwt(token);
    return nbf * 1000;
  }

  private remember(token: string, claims: ServiceAccountClaims): void {
    if (this.verified.size >= VERIFIED_TOKENS_KEPT) {
      const oldest = this.verified.keys().next();
      if (oldest.done !== true) this.verified.delete(oldest.value);
    }
    this.verified.set(token, claims);
  }

  private checkTimes({ exp, nbf, iat }: ServiceAccountClaims): string | undefined {
    const now = this.env.clock.now();
    if (exp !== undefined && now - LEEWAY_MS > exp * 1000) return "service account token has expired";
    if (nbf !== undefined && now + LEEWAY_MS < nbf * 1000) return "service account token is not valid yet";
    if (iat !== undefined && now + LEEWAY_MS < iat * 1000) return "service account token is issued in the future";
    return undefined;
  }

  private async checkLiveness(claims: ServiceAccountClaims): Promise<string | undefined> {
    const { namespace, serviceaccount, pod, secret, node } = claims["kubernetes.io"];
    const account = await this.find(serviceAccounts, namespace, serviceaccount.name, serviceaccount.uid);
    if (account === undefined) return `serviceaccounts ${JSON.stringify(serviceaccount.name)} not found`;
    const actual = account.metadata.uid ?? "";
    if (actual !== serviceaccount.uid) return `service account UID (${actual}) does not match claim (${serviceaccount.uid})`;
    if (this.isGone(account)) return `service account ${namespace}/${serviceaccount.name} has been deleted`;
    if (secret !== undefined) return this.checkBound(secrets, namespace, secret, "secret");
    if (pod !== undefined) return this.checkBound(pods, namespace, pod, "pod");
    return node === undefined ? undefined : this.checkBound(nodes, "", node, "node");
  }

  private async checkBound<T extends KubeObject>(kind: Kind<T>, namespace: string, claim: ObjectClaim, what: string): Promise<string | undefined> {
    const object = await this.find(kind, namespace, claim.name, claim.uid);
    if (object === undefined || this.isGone(object)) return "service account token has been invalidated";
    const actual = object.metadata.uid ?? "";
    return actual === claim.uid ? undefined : `${what} UID (${actual}) does not match service account ${what} ref claim (${claim.uid})`;
  }

  /** Deleted for longer than clocks may differ. */
  private isGone({ metadata }: KubeObject): boolean {
    const deletedMs = parseTime(metadata.deletionTimestamp);
    return deletedMs !== undefined && deletedMs < this.env.clock.now() - LEEWAY_MS;
  }

  /** Out of the watch cache, or, when it is not there or is another one than `uid` says, out of the store. */
  private async find<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string, uid?: string): Promise<T | undefined> {
    const cached = this.options.objects.get(kind, namespace, name);
    if (cached !== undefined && (uid === undefined || cached.metadata.uid === uid)) return cached;
    try {
      return await this.options.client.get(kind, namespace === "" ? { name } : { namespace, name });
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }
}

const TOKEN_REQUEST = { group: "authentication.k8s.io", resource: "TokenRequest" };

function uidMismatch(first: string, firstUid: string, second: string, secondUid: string): string {
  return `the UID in the ${first} (${firstUid}) does not match the UID of the ${second} (${secondUid})`;
}

/** Name and namespace in the body may be left out, or must be those of the path. */
function checkAddress({ metadata }: TokenRequest, namespace: string, name: string): void {
  const path = FieldPath.root("metadata");
  const wrong =
    (metadata?.name || name) !== name
      ? invalid(path.child("name"), metadata.name, "must match the service account name if specified")
      : (metadata?.namespace || namespace) !== namespace
        ? invalid(path.child("namespace"), metadata.namespace, "must match the service account namespace if specified")
        : undefined;
  if (wrong !== undefined) throw invalidError({ group: "authentication.k8s.io", kind: "TokenRequest" }, name, [wrong]);
}

function checkDuration(seconds: number): void {
  const path = FieldPath.root("spec").child("expirationSeconds");
  const problem =
    seconds < MINIMUM_SECONDS
      ? "may not specify a duration less than 10 minutes"
      : seconds > MAXIMUM_SECONDS
        ? "may not specify a duration larger than 2^32 seconds"
        : undefined;
  if (problem !== undefined) throw invalidError({ group: "authentication.k8s.io", kind: "TokenRequest" }, "", [invalid(path, seconds, problem)]);
}
