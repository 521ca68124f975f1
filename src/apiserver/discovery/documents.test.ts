import { describe, expect, it } from "vitest";
import { builtInKinds } from "../../api/index.ts";
import { contentHash } from "./content-hash.ts";
import { discoveryDocuments } from "./documents.ts";
import { compareVersions } from "./version-order.ts";

const documents = discoveryDocuments(builtInKinds);

describe("plain discovery", () => {
  it("tells the core's versions and where the server is", () => {
    expect(documents.coreVersions("10.0.0.1:6443")).toEqual({
      kind: "APIVersions",
      versions: ["v1"],
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: "10.0.0.1:6443" }],
    });
  });
  it("lists the groups, the preferred version first", () => {
    const groups = documents.groups().groups;
    expect(groups.map((group) => group.name)).toContain("apps");
    expect(groups.find((group) => group.name === "autoscaling")).toEqual({
      name: "autoscaling",
      versions: [
        { groupVersion: "autoscaling/v2", version: "v2" },
        { groupVersion: "autoscaling/v1", version: "v1" },
      ],
      preferredVersion: { groupVersion: "autoscaling/v2", version: "v2" },
    });
    expect(documents.group("apps")).toMatchObject({ kind: "APIGroup", apiVersion: "v1", name: "apps" });
    expect(documents.group("")).toBeUndefined();
    expect(documents.group("nope")).toBeUndefined();
  });
  it("lists resources with their subresources", () => {
    const list = documents.resources("v1");
    expect(list?.groupVersion).toBe("v1");
    const find = (name: string) => list?.resources.find((resource) => resource.name === name);
    expect(find("pods")).toEqual({
      name: "pods",
      singularName: "pod",
      namespaced: true,
      kind: "Pod",
      verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
      shortNames: ["po"],
      categories: ["all"],
    });
    expect(find("pods/eviction")).toEqual({
      name: "pods/eviction",
      singularName: "",
      namespaced: true,
      group: "policy",
      version: "v1",
      kind: "Eviction",
      verbs: ["create"],
    });
    expect(find("pods/status")).not.toHaveProperty("group");
    expect(documents.resources("apps/v1")?.groupVersion).toBe("apps/v1");
    expect(documents.resources("apps/v2")).toBeUndefined();
  });
});

describe("aggregated discovery", () => {
  it("tells all of it at once", () => {
    const list = documents.aggregatedGroups("v2");
    expect(list.apiVersion).toBe("apidiscovery.k8s.io/v2");
    const deployments = list.items
      .find((item) => item.metadata.name === "apps")
      ?.versions[0]?.resources.find((resource) => resource.resource === "deployments");
    expect(deployments).toMatchObject({
      responseKind: { group: "apps", version: "v1", kind: "Deployment" },
      scope: "Namespaced",
      singularResource: "deployment",
      shortNames: ["deploy"],
      subresources: [
        { subresource: "scale", responseKind: { group: "autoscaling", version: "v1", kind: "Scale" }, verbs: ["get", "patch", "update"] },
        { subresource: "status", responseKind: { group: "apps", version: "v1", kind: "Deployment" } },
      ],
    });
    expect(documents.aggregatedCore("v2beta1")).toMatchObject({
      apiVersion: "apidiscovery.k8s.io/v2beta1",
      items: [{ versions: [{ version: "v1", freshness: "Current" }] }],
    });
  });
});

it("orders versions as Kubernetes prefers them", () => {
  const sorted = ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"];
  expect([...sorted].reverse().sort(compareVersions)).toEqual(sorted);
});

it("names contents", () => {
  expect(contentHash("a")).toMatch(/^[0-9a-f]{32}$/);
  expect(contentHash("a")).not.toBe(contentHash("b"));
  expect(new Set(Array.from({ length: 10_000 }, (_, number) => contentHash(`document ${number}`))).size).toBe(10_000);
});
