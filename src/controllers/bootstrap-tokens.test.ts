import { describe, expect, it } from "vitest";
import type { Secret } from "../api/index.ts";
import { detachedSignature, planTokenCleaning, signedData, signingTokens } from "./bootstrap-tokens.ts";
import { ago, brief, NOW_MS } from "./testing.ts";

const ID = "abcdef";
const KEY = "0123456789abcdef";

function token(data: Readonly<Record<string, string>> = {}, more: Partial<Secret> = {}): Secret {
  const contents = { "token-id": ID, "token-secret": KEY, "usage-bootstrap-signing": "true", ...data };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `bootstrap-token-${ID}`, namespace: "kube-system" },
    type: "bootstrap.kubernetes.io/token",
    data: Object.fromEntries(Object.entries(contents).map(([key, value]) => [key, btoa(value)])),
    ...more,
  };
}

describe("bootstrap tokens", () => {
  it.each<[string, Secret, boolean]>([
    ["sign", token(), true],
    ["until they end", token({ expiration: ago(-60) }), true],
    ["not after", token({ expiration: ago(0) }), false],
    ["not with an end that can't be read", token({ expiration: "soon" }), false],
    ["only where they are meant to", token({ "usage-bootstrap-signing": "false" }), false],
    ["only under their own name", token({ "token-id": "ghijkl" }), false],
    ["only with a secret", token({ "token-secret": "" }), false],
    ["only in kube-system", token({}, { metadata: { name: `bootstrap-token-${ID}`, namespace: "default" } }), false],
    ["only as what they are", token({}, { type: "Opaque" }), false],
  ])("%s", (_what, secret, signs) => {
    expect(signingTokens([secret], NOW_MS)).toEqual(signs ? [{ id: ID, secret: KEY }] : []);
  });

  // What kubeadm compares with, as RFC 7515 gives it.
  it("make a detached signature that openssl makes too", async () => {
    // printf '%s' "$header.$(printf content | basenc --base64url)" | openssl dgst -sha256 -hmac 0123456789abcdef -binary | basenc --base64url
    expect(await detachedSignature("content", { id: ID, secret: KEY })).toBe(
      "eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiY2RlZiJ9..psz1NayrXM3IaFzKZGsb5n_mBl7MjtlsZ1xE8MRmF_4",
    );
  });

  it("leave just their signatures on the kubeconfig", async () => {
    const data = { kubeconfig: "k", other: "o", "jws-kubeconfig-gone00": "old" };
    const signed = await signedData(data, [{ id: ID, secret: KEY }]);
    expect(Object.keys(signed).sort()).toEqual(["jws-kubeconfig-abcdef", "kubeconfig", "other"]);
    expect(await signedData(signed, [{ id: ID, secret: KEY }])).toBe(signed);
    expect(await signedData({ other: "o" }, [{ id: ID, secret: KEY }])).toEqual({ other: "o" });
  });

  it("are deleted at their end", () => {
    expect(planTokenCleaning(token(), NOW_MS)).toEqual({ actions: [] });
    expect(planTokenCleaning(token({ expiration: ago(-60) }), NOW_MS).requeueAfterMs).toBe(60_000);
    expect(brief(planTokenCleaning(token({ expiration: ago(0) }), NOW_MS).actions)).toEqual(["delete secrets bootstrap-token-abcdef"]);
  });
});
