import { describe, expect, it } from "vitest";
import type { LocalSubjectAccessReview, SelfSubjectAccessReview, SubjectAccessReview } from "../../api/index.ts";
import { reviewLocalSubjectAccess, reviewSelfSubjectAccess, reviewSubjectAccess } from "./access-reviews.ts";
import type { AuthorizationAttributes, Authorizer } from "./authorizer.ts";

const apiVersion = "authorization.k8s.io/v1";
const metadata = { name: "" };

/** Allows jane everything, and remembers what it was asked. */
function authorizer(): Authorizer & { asked: AuthorizationAttributes[] } {
  const asked: AuthorizationAttributes[] = [];
  return {
    asked,
    authorize(attributes) {
      asked.push(attributes);
      return attributes.user.name === "jane" ? { decision: "allow", reason: "she may" } : { decision: "noOpinion", reason: "" };
    },
  };
}

describe("access reviews", () => {
  it("ask for the user of the review", () => {
    const asker = authorizer();
    const review: SubjectAccessReview = {
      apiVersion,
      kind: "SubjectAccessReview",
      metadata,
      spec: { user: "jane", groups: ["dev"], resourceAttributes: { verb: "get", resource: "pods", namespace: "ns", fieldSelector: { rawSelector: "a=b" } } },
    };
    expect(reviewSubjectAccess(asker, review).status).toEqual({ allowed: true, reason: "she may" });
    expect(asker.asked[0]).toEqual({
      user: { name: "jane", groups: ["dev"] },
      verb: "get",
      path: "",
      resource: { group: "", version: "*", resource: "pods", subresource: "", namespace: "ns", name: "", fieldSelector: "a=b" },
    });
    expect(reviewSubjectAccess(asker, { ...review, spec: { ...review.spec, user: "joe" } }).status).toEqual({ allowed: false });
  });

  it("ask for the one who asks", () => {
    const review: SelfSubjectAccessReview = {
      apiVersion,
      kind: "SelfSubjectAccessReview",
      metadata,
      spec: { nonResourceAttributes: { verb: "get", path: "/x" } },
    };
    expect(reviewSelfSubjectAccess(authorizer(), { name: "jane", groups: [] }, review).status?.allowed).toBe(true);
  });

  it("refuse questions without a subject or a matter, and local ones about elsewhere", () => {
    const empty: SubjectAccessReview = { apiVersion, kind: "SubjectAccessReview", metadata, spec: { user: "jane" } };
    expect(() => reviewSubjectAccess(authorizer(), empty)).toThrow("exactly one of nonResourceAttributes or resourceAttributes must be specified");
    const nobody: SubjectAccessReview = { ...empty, spec: { nonResourceAttributes: { verb: "get", path: "/" } } };
    expect(() => reviewSubjectAccess(authorizer(), nobody)).toThrow("at least one of user or group must be specified");
    const local: LocalSubjectAccessReview = {
      apiVersion,
      kind: "LocalSubjectAccessReview",
      metadata,
      spec: { user: "jane", resourceAttributes: { verb: "get", resource: "pods", namespace: "other" } },
    };
    expect(() => reviewLocalSubjectAccess(authorizer(), "ns", local)).toThrow("must match metadata.namespace");
  });
});
