// What becomes of objects when their owners go, over the real API server and on virtual time
// (https://kubernetes.io/docs/concepts/architecture/garbage-collection/).
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ConfigMap, configMaps, type DeleteOptions, events, namespaces, type OwnerReference } from "../src/api/index.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
});
afterEach(async () => {
  await plane.stop();
});

function reference(owner: ConfigMap, more: Partial<OwnerReference> = {}): OwnerReference {
  return { apiVersion: "v1", kind: "ConfigMap", name: owner.metadata.name, uid: owner.metadata.uid ?? "", ...more };
}
function make(name: string, owners: readonly OwnerReference[] = [], namespace = "default", finalizers?: readonly string[]): Promise<ConfigMap> {
  const metadata = { name, namespace, ownerReferences: owners, ...(finalizers === undefined ? {} : { finalizers }) };
  return plane.client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata });
}
async function names(namespace = "default"): Promise<string[]> {
  const { items } = await plane.client.list(configMaps, { namespace });
  return items.map(({ metadata }) => metadata.name).filter((name) => name !== "kube-root-ca.crt");
}
function remove(name: string, options: Partial<DeleteOptions> = {}): Promise<void> {
  return plane.client.delete(configMaps, { namespace: "default", name }, options);
}
function until(predicate: () => Promise<boolean>): Promise<void> {
  return plane.clock.runUntil(predicate);
}
/** Long enough for anything that is to happen. */
function settle(): Promise<void> {
  return plane.clock.advance(10_000);
}

describe("when an owner is deleted", () => {
  it("in the background it goes first, and its dependents after it", async () => {
    const owner = await make("owner");
    const child = await make("child", [reference(owner)]);
    await make("grandchild", [reference(child)]);
    await remove("owner", { propagationPolicy: "Background" });
    expect(await names()).not.toContain("owner");
    await until(async () => (await names()).length === 0);
  });

  it("in the foreground it waits for those that block it, and they for theirs", async () => {
    const owner = await make("owner");
    const child = await make("child", [reference(owner, { blockOwnerDeletion: true })], "default", ["example.com/hold"]);
    await make("free", [reference(owner)], "default", ["example.com/hold"]);
    await make("grandchild", [reference(child, { blockOwnerDeletion: true })]);
    await remove("owner", { propagationPolicy: "Foreground" });
    await until(async () => !(await names()).includes("grandchild"));
    await settle();
    expect(await names()).toEqual(["child", "free", "owner"]);
    const body = { metadata: { finalizers: null } };
    await plane.client.patch(configMaps, { namespace: "default", name: "child" }, { type: "merge", body });
    // What does not block is not waited for.
    await until(async () => (await names()).join() === "free");
  });

  it("with orphaning its dependents are set free and stay", async () => {
    const owner = await make("owner");
    await make("child", [reference(owner)]);
    await remove("owner", { propagationPolicy: "Orphan" });
    await until(async () => (await names()).join() === "child");
    expect((await plane.client.get(configMaps, { namespace: "default", name: "child" })).metadata.ownerReferences ?? []).toEqual([]);
  });

  it("a dependent with another owner stays and forgets the one", async () => {
    const [one, two] = [await make("one"), await make("two")];
    await make("child", [reference(one), reference(two)]);
    await remove("one");
    const owners = async () => (await plane.client.get(configMaps, { namespace: "default", name: "child" })).metadata.ownerReferences?.map(({ name }) => name);
    await until(async () => (await owners())?.join() === "two");
    expect(await names()).toEqual(["child", "two"]);
  });
});

describe("an object goes", () => {
  it("when its owner never was", async () => {
    await make("child", [{ apiVersion: "v1", kind: "ConfigMap", name: "none", uid: "none" }]);
    await until(async () => (await names()).length === 0);
  });

  it("when its owner is of another name than it says, and leaves its sister alone", async () => {
    const owner = await make("owner");
    await make("mistaken", [reference(owner, { name: "other" })]);
    await make("right", [reference(owner)]);
    await until(async () => (await names()).join() === "owner,right");
    await settle();
    expect(await names()).toEqual(["owner", "right"]);
  });

  it("when its owner lives in another namespace, and an event says so", async () => {
    await plane.client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "far" }, spec: {} });
    const owner = await make("owner", [], "far");
    await make("child", [reference(owner)]);
    await until(async () => (await names()).length === 0);
    expect(await names("far")).toEqual(["owner"]);
    await until(async () => (await plane.client.list(events, { namespace: "default" })).items.some(({ reason }) => reason === "OwnerRefInvalidNamespace"));
  });

  it("not when its owner's kind is unknown", async () => {
    await make("child", [{ apiVersion: "example.com/v1", kind: "Thing", name: "none", uid: "none" }]);
    await settle();
    expect(await names()).toEqual(["child"]);
  });
});
