import { decodeJwt } from "jose";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Pod, pods, type Secret, type ServiceAccount, secrets, serviceAccounts, type TokenRequest } from "../../api/index.ts";
import { createVirtualEnv } from "../../base/index.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import { createMemoryClient } from "../memory-client.ts";
import { createMemoryObjectReader, type MemoryObjectReader } from "../memory-object-reader.ts";
import type { UserInfo } from "../user.ts";
import { createAuthenticator, reviewSelfSubject, type ServerAuthenticator } from "./create-authenticator.ts";
import { impersonate } from "./impersonation.ts";
import { jsonWebKeySet, openIdConfiguration } from "./openid.ts";
import { generateServiceAccountKeys, type ServiceAccountKeys } from "./service-account-keys.ts";
import { ServiceAccountTokens } from "./service-account-tokens.ts";

const issuer = "https://kubernetes.default.svc.cluster.local";
const account: ServiceAccount = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "sa", namespace: "ns", uid: "u1" } };
const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "ns", uid: "pod-uid" },
  spec: { containers: [], serviceAccountName: "sa", nodeName: "n1" },
};

let keys: ServiceAccountKeys;
let virtual: ReturnType<typeof createVirtualEnv>;
let objects: MemoryObjectReader;
let tokens: ServiceAccountTokens;
let authenticator: ServerAuthenticator;

beforeAll(async () => {
  keys = await generateServiceAccountKeys();
});

beforeEach(() => {
  virtual = createVirtualEnv({ seed: "authenticator", startMs: Date.UTC(2026, 0, 1) });
  objects = createMemoryObjectReader();
  objects.put(serviceAccounts, account);
  objects.put(pods, pod);
  tokens = new ServiceAccountTokens(virtual.env, { keys, issuer, objects, client: createMemoryClient(objects) });
  authenticator = createAuthenticator(virtual.env, { objects, serviceAccountTokens: tokens });
});

async function issue(spec: TokenRequest["spec"] = {}): Promise<string> {
  const answer = await tokens.request("ns", "sa", { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: { name: "" }, spec });
  return answer.status?.token ?? "";
}

describe("service account tokens", () => {
  it("stand for their account, with the groups of its namespace", async () => {
    const user = await authenticator.authenticate({ bearerToken: await issue() });
    expect(user).toMatchObject({
      name: "system:serviceaccount:ns:sa",
      uid: "u1",
      groups: ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"],
    });
    expect(user.extra?.["authentication.kubernetes.io/credential-id"]?.[0]).toMatch(/^JTI=[0-9a-f-]{36}$/);
  });

  it("say to whom and how long", async () => {
    const answer = await tokens.request("ns", "sa", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: { name: "sa" },
      spec: { expirationSeconds: 600, audiences: ["vault"] },
    });
    expect(answer.status?.expirationTimestamp).toBe("2026-01-01T00:10:00Z");
    expect(decodeJwt(answer.status?.token ?? "")).toMatchObject({
      iss: issuer,
      sub: "system:serviceaccount:ns:sa",
      aud: ["vault"],
      exp: Date.UTC(2026, 0, 1) / 1000 + 600,
      "kubernetes.io": { namespace: "ns", serviceaccount: { name: "sa", uid: "u1" } },
    });
  });

  it("die with their time, their account and their pod", async () => {
    const token = await issue({ expirationSeconds: 600, boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "p", uid: "pod-uid" } });
    const user = await authenticator.authenticate({ bearerToken: token });
    expect(user.extra).toMatchObject({ "authentication.kubernetes.io/pod-name": ["p"], "authentication.kubernetes.io/node-name": ["n1"] });
    objects.remove(pods, "ns", "p");
    await expect(authenticator.authenticate({ bearerToken: token })).rejects.toMatchObject({ code: 401, message: "Unauthorized" });
    objects.put(pods, { ...pod, metadata: { ...pod.metadata, uid: "other" } });
    await expect(authenticator.authenticate({ bearerToken: token })).rejects.toMatchObject({ code: 401 });
    objects.put(pods, pod);
    await expect(authenticator.authenticate({ bearerToken: token })).resolves.toMatchObject({ name: "system:serviceaccount:ns:sa" });
    await virtual.clock.advance(700_000);
    await expect(authenticator.authenticate({ bearerToken: token })).rejects.toMatchObject({ code: 401 });
  });

  it("live on past their hour when a pod got them injected", async () => {
    const token = await issue({ expirationSeconds: 3607, boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "p" } });
    await virtual.clock.advance(86_400_000);
    await expect(authenticator.authenticate({ bearerToken: token })).resolves.toMatchObject({ uid: "u1" });
  });

  it("are refused for other audiences, other keys and changed claims", async () => {
    await expect(authenticator.authenticate({ bearerToken: await issue({ audiences: ["vault"] }) })).rejects.toMatchObject({ code: 401 });
    const others = new ServiceAccountTokens(virtual.env, { keys: await generateServiceAccountKeys(), issuer, objects, client: createMemoryClient(objects) });
    const forged = await others.request("ns", "sa", { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: { name: "" }, spec: {} });
    await expect(authenticator.authenticate({ bearerToken: forged.status?.token })).rejects.toMatchObject({ code: 401 });
    const [header, , signature] = (await issue()).split(".");
    const payload = btoa(JSON.stringify({ iss: issuer, sub: "system:serviceaccount:kube-system:admin" })).replaceAll("=", "");
    await expect(authenticator.authenticate({ bearerToken: `${header}.${payload}.${signature}` })).rejects.toMatchObject({ code: 401 });
    await expect(authenticator.authenticate({ bearerToken: "nonsense" })).rejects.toMatchObject({ code: 401 });
  });

  it("are not issued for too short a time, an unknown account or somebody else's pod", async () => {
    await expect(issue({ expirationSeconds: 60 })).rejects.toMatchObject({
      code: 422,
      message: 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
    });
    const request: TokenRequest = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: { name: "" }, spec: {} };
    await expect(tokens.request("ns", "nobody", request)).rejects.toMatchObject({ code: 404 });
    objects.put(serviceAccounts, { ...account, metadata: { ...account.metadata, name: "other" } });
    const bound = { ...request, spec: { boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "p" } } };
    await expect(tokens.request("ns", "other", bound)).rejects.toMatchObject({ code: 400 });
  });

  it("are reviewed for others", async () => {
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", metadata: { name: "" } };
    const good = await authenticator.reviewToken({ ...review, spec: { token: await issue() } });
    expect(good.status).toMatchObject({ authenticated: true, audiences: [issuer], user: { username: "system:serviceaccount:ns:sa" } });
    const bad = await authenticator.reviewToken({ ...review, spec: { token: await issue(), audiences: ["vault"] } });
    expect(bad.status?.authenticated).toBeUndefined();
    expect(bad.status?.error).toContain("is invalid for the target audiences");
  });

  it("can be verified by anyone who reads the key set", () => {
    const configuration = openIdConfiguration(issuer, keys, "10.0.0.1:6443");
    expect(configuration).toMatchObject({ issuer, jwks_uri: "https://10.0.0.1:6443/openid/v1/jwks", id_token_signing_alg_values_supported: ["ES256"] });
    const [key] = jsonWebKeySet(keys).keys;
    expect(key).toMatchObject({ kty: "EC", crv: "P-256", use: "sig", alg: "ES256", kid: keys.signing.keyId });
    expect(key).not.toHaveProperty("d");
  });
});

describe("other credentials", () => {
  it("takes a client certificate's subject for the user", async () => {
    const user = await authenticator.authenticate({ clientCertificate: { commonName: "jane", organizations: ["dev"], fingerprint: "ab" } });
    expect(user).toEqual({ name: "jane", groups: ["dev", "system:authenticated"], extra: { "authentication.kubernetes.io/credential-id": ["X509SHA256=ab"] } });
    expect(
      reviewSelfSubject(virtual.env, user, { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview", metadata: { name: "" } }).status?.userInfo
        ?.username,
    ).toBe("jane");
  });

  it("lets in who says nothing as anonymous, unless told not to", async () => {
    await expect(authenticator.authenticate({})).resolves.toEqual({ name: "system:anonymous", groups: ["system:unauthenticated"] });
    const strict = createAuthenticator(virtual.env, { objects, serviceAccountTokens: tokens, anonymous: false });
    await expect(strict.authenticate({})).rejects.toMatchObject({ code: 401 });
  });

  it("knows bootstrap tokens until they expire", async () => {
    const secret: Secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "bootstrap-token-abcdef", namespace: "kube-system" },
      type: "bootstrap.kubernetes.io/token",
      data: {
        "token-id": btoa("abcdef"),
        "token-secret": btoa("0123456789abcdef"),
        "usage-bootstrap-authentication": btoa("true"),
        expiration: btoa("2026-01-01T01:00:00Z"),
        "auth-extra-groups": btoa("system:bootstrappers:kubeadm:default-node-token"),
      },
    };
    objects.put(secrets, secret);
    const credentials = { bearerToken: "abcdef.0123456789abcdef" };
    await expect(authenticator.authenticate(credentials)).resolves.toEqual({
      name: "system:bootstrap:abcdef",
      groups: ["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token", "system:authenticated"],
    });
    await expect(authenticator.authenticate({ bearerToken: "abcdef.0123456789abcdee" })).rejects.toMatchObject({ code: 401 });
    await virtual.clock.advance(3_700_000);
    await expect(authenticator.authenticate(credentials)).rejects.toMatchObject({ code: 401 });
  });
});

describe("impersonation", () => {
  const jane: UserInfo = { name: "jane", groups: [] };
  const listPods = { verb: "list", path: "", resource: { group: "", version: "v1", resource: "pods", subresource: "", namespace: "ns", name: "" } };
  /** Lets through what is listed, as `verb resource/subresource name`. */
  const allowing = (...rights: readonly string[]): Authorizer => ({
    authorize: ({ verb, resource }) => {
      const text = `${verb} ${resource?.resource}/${resource?.subresource} ${resource?.name}`;
      return { decision: rights.includes(text) ? "allow" : "noOpinion", reason: "" };
    },
  });
  const account = { "impersonate-user": "system:serviceaccount:ns:sa" };
  const groups = ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"];

  it("without bounds needs a right on each thing, and gives the groups of the one impersonated", () => {
    const headers = { ...account, "impersonate-extra-acme.com%2fproject": ["a", "b"] };
    const rights = ["impersonate serviceaccounts/ sa", "impersonate userextras/acme.com/project a", "impersonate userextras/acme.com/project b"];
    const user = { name: "system:serviceaccount:ns:sa", groups, extra: { "acme.com/project": ["a", "b"] } };
    expect(impersonate(jane, headers, allowing(...rights), listPods)).toEqual(user);
    expect(() => impersonate(jane, headers, allowing(...rights.slice(1)), listPods)).toThrow("is forbidden");
  });

  it.each([
    ["a service account", account, ["impersonate-on:serviceaccount:list pods/ ", "impersonate:serviceaccount serviceaccounts/ sa"], groups],
    [
      "a node",
      { "impersonate-user": "system:node:n1" },
      ["impersonate-on:arbitrary-node:list pods/ ", "impersonate:arbitrary-node nodes/ n1"],
      ["system:nodes", "system:authenticated"],
    ],
    [
      "a user",
      { "impersonate-user": "joe", "impersonate-group": "dev" },
      ["impersonate-on:user-info:list pods/ ", "impersonate:user-info users/ joe", "impersonate:user-info groups/ dev"],
      ["dev", "system:authenticated"],
    ],
  ])("of %s can be constrained to what is then done", (_what, headers, rights, expected) => {
    expect(impersonate(jane, headers, allowing(...rights), listPods)).toEqual({ name: headers["impersonate-user"], groups: expected });
    const other = { ...listPods, verb: "delete" };
    expect(() => impersonate(jane, headers, allowing(...rights), other)).toThrow('in the namespace "ns"');
    expect(() => impersonate(jane, headers, allowing(...rights.slice(0, -1)), listPods)).toThrow("is forbidden");
  });

  it("of a node is for the service account that is used on it", () => {
    const agent: UserInfo = { name: "system:serviceaccount:ns:agent", groups: [], extra: { "authentication.kubernetes.io/node-name": ["n1"] } };
    const rights = allowing("impersonate-on:associated-node:list pods/ ", "impersonate:associated-node nodes/ *");
    expect(impersonate(agent, { "impersonate-user": "system:node:n1" }, rights, listPods).groups).toEqual(["system:nodes", "system:authenticated"]);
    expect(() => impersonate(agent, { "impersonate-user": "system:node:n2" }, rights, listPods)).toThrow("is forbidden");
  });

  it("within bounds never gives all there is", () => {
    const headers = { "impersonate-user": "joe", "impersonate-group": "system:masters" };
    const rights = ["impersonate-on:user-info:list pods/ ", "impersonate:user-info users/ joe", "impersonate:user-info groups/ system:masters"];
    expect(() => impersonate(jane, headers, allowing(...rights), listPods)).toThrow("impersonating the system:masters group is not allowed");
  });

  it("is refused with the least that is missing, and without a user", () => {
    expect(() => impersonate(jane, { "impersonate-user": "joe" }, allowing(), listPods)).toThrow(
      'pods is forbidden: User "jane" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "ns"',
    );
    expect(() => impersonate(jane, { "impersonate-group": "dev" }, allowing(), listPods)).toThrow("without impersonating a user");
    expect(impersonate(jane, {}, allowing(), listPods)).toBe(jane);
  });
});
