import { describe, expect, it } from "vitest";
import { type Lease, leases, StatusError, serviceUnavailableError } from "../api/index.ts";
import { createVirtualEnv } from "../base/index.ts";
import { createInformer } from "./informer.ts";
import { createInformerFactory } from "./informer-factory.ts";
import { createFakeClient } from "./testing.ts";

function lease(name: string, holderIdentity = "nobody", namespace = "default"): Lease {
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace }, spec: { holderIdentity } };
}

function setUp() {
  const { env, clock } = createVirtualEnv();
  const client = createFakeClient(env);
  const informer = createInformer(env, client, leases);
  const seen: string[] = [];
  informer.addHandler({
    added: (object, initial) => seen.push(`${initial ? "initial" : "added"} ${object.metadata.name}`),
    updated: (object, old) => seen.push(`updated ${object.metadata.name} ${old.spec.holderIdentity}->${object.spec.holderIdentity}`),
    deleted: (object) => seen.push(`deleted ${object.metadata.name}`),
  });
  return { clock, client, informer, seen };
}

describe("informer", () => {
  it("delivers the initial state, then each change with its old state", async () => {
    const { clock, client, informer, seen } = setUp();
    const created = await client.create(leases, lease("a"));
    informer.start();
    expect(informer.hasSynced()).toBe(false);
    await informer.synced();
    await client.update(leases, { ...created, spec: { holderIdentity: "me" } });
    await client.create(leases, lease("b"));
    await client.delete(leases, { namespace: "default", name: "a" });
    await clock.settle();
    expect(seen).toEqual(["initial a", "updated a nobody->me", "added b", "deleted a"]);
    expect(informer.list().map(({ metadata }) => metadata.name)).toEqual(["b"]);
  });

  it("goes on from where it was when the server ends the watch", async () => {
    const { clock, client, informer, seen } = setUp();
    informer.start();
    await informer.synced();
    await clock.advance(5000);
    client.dropWatches();
    await client.create(leases, lease("a"));
    await clock.settle();
    expect(seen).toEqual(["added a"]);
    expect(client.requests.filter((request) => request === "watch leases")).toHaveLength(2);
  });

  it("reads everything again after 410 and delivers the difference", async () => {
    const { clock, client, informer, seen } = setUp();
    await client.create(leases, lease("gone"));
    const kept = await client.create(leases, lease("kept"));
    await client.create(leases, lease("same"));
    informer.start();
    await informer.synced();
    seen.length = 0;
    client.dropWatches(serviceUnavailableError("restarting"));
    await client.delete(leases, { namespace: "default", name: "gone" });
    await client.update(leases, { ...kept, spec: { holderIdentity: "me" } });
    await client.create(leases, lease("new"));
    client.compact();
    await clock.runUntil(() => informer.get("default/new") !== undefined);
    expect(seen).toEqual(["deleted gone", "updated kept nobody->me", "added new"]);
  });

  it("takes an object deleted and made anew during a gap for two objects", async () => {
    const { clock, client, informer, seen } = setUp();
    await client.create(leases, lease("a"));
    informer.start();
    await informer.synced();
    seen.length = 0;
    client.dropWatches(serviceUnavailableError("restarting"));
    await client.delete(leases, { namespace: "default", name: "a" });
    await client.create(leases, lease("a"));
    client.compact();
    await clock.runUntil(() => seen.length === 2);
    expect(seen).toEqual(["deleted a", "added a"]);
  });

  it("comes back ever later while the server is away", async () => {
    const { clock, client, informer } = setUp();
    client.failNext("watch", serviceUnavailableError("away"), 100);
    informer.start();
    await clock.advance(600_000);
    const attempts = client.requests.length;
    expect(attempts).toBeGreaterThan(10);
    expect(attempts).toBeLessThan(40);
  });

  it("falls back to list and watch where initial events are refused", async () => {
    const { clock, client, informer, seen } = setUp();
    client.refuseInitialEvents();
    await client.create(leases, lease("a"));
    informer.start();
    await informer.synced();
    await clock.settle();
    await client.create(leases, lease("b"));
    await clock.settle();
    expect(seen).toEqual(["initial a", "added b"]);
  });

  it("lists where a server fails to send the initial events", async () => {
    const { clock, client, informer, seen } = setUp();
    client.failNext("watch", new StatusError({ reason: "InternalError", code: 500, message: "storage tells no progress" }));
    await client.create(leases, lease("a"));
    informer.start();
    await informer.synced();
    await client.create(leases, lease("b"));
    await clock.settle();
    expect(seen).toEqual(["initial a", "added b"]);
  });

  it("finds objects by index, whenever the index is added", async () => {
    const { clock, client, informer } = setUp();
    informer.addIndex("holder", (object) => [object.spec.holderIdentity ?? ""]);
    const created = await client.create(leases, lease("a", "x"));
    await client.create(leases, lease("b", "y", "other"));
    informer.start();
    await informer.synced();
    expect(informer.byIndex("holder", "x")).toHaveLength(1);
    await client.update(leases, { ...created, spec: { holderIdentity: "y" } });
    await clock.settle();
    informer.addIndex("late", (object) => [object.metadata.name]);
    expect(informer.byIndex("holder", "x")).toEqual([]);
    expect(informer.byIndex("holder", "y")).toHaveLength(2);
    expect(informer.byIndex("late", "b")).toHaveLength(1);
    expect(informer.inNamespace("other")).toHaveLength(1);
  });

  it("is shared per kind and selection by a factory, which gives late handlers what is there", async () => {
    const { env } = createVirtualEnv();
    const client = createFakeClient(env);
    await client.create(leases, lease("a"));
    const factory = createInformerFactory(env, client);
    factory.start();
    const informer = factory.informer(leases);
    expect(factory.informer(leases)).toBe(informer);
    expect(factory.informer(leases, { namespace: "default" })).not.toBe(informer);
    await factory.synced();
    const late: string[] = [];
    informer.addHandler({ added: (object) => late.push(object.metadata.name) });
    expect(late).toEqual(["a"]);
    factory.stop();
  });
});
