import { describe, expect, it } from "vitest";
import { configMaps, namespaces, type Pod, pods, serviceAccounts, services } from "../api/index.ts";
import { createVirtualEnv } from "../base/index.ts";
import { createMemoryStore } from "../store/index.ts";
import { createApiServer } from "./index.ts";

const admin = { name: "admin", groups: ["system:masters", "system:authenticated"] };

async function startServer() {
  const { env, clock } = createVirtualEnv();
  const server = createApiServer(env, { store: createMemoryStore(env) });
  await server.start();
  return { env, clock, server, client: server.localClient(admin) };
}

describe("the API server in a process", () => {
  it("starts with the system's namespaces", async () => {
    const { client } = await startServer();
    const { items } = await client.list(namespaces);
    expect(items.map(({ metadata }) => metadata.name)).toEqual(["default", "kube-node-lease", "kube-public", "kube-system"]);
  });

  it("starts again on what an earlier server left", async () => {
    const { env, clock } = createVirtualEnv();
    const store = createMemoryStore(env);
    const first = createApiServer(env, { store, advertise: { address: "192.0.2.1", port: 6443 } });
    await first.start();
    // The record of the `kubernetes` service's address follows in the background.
    await clock.settle();
    await first.stop();
    const before = store.revision();
    const second = createApiServer(env, { store, advertise: { address: "192.0.2.1", port: 6443 } });
    await second.start();
    expect(second.ready()).toBe(true);
    // It finds everything in place: a restart writes nothing.
    expect(store.revision()).toBe(before);
    await second.stop();
  });

  it("brings the kubernetes service back when somebody deletes it", async () => {
    const { client, clock, server } = await startServer();
    const { spec } = await client.get(services, { namespace: "default", name: "kubernetes" });
    await client.delete(services, { namespace: "default", name: "kubernetes" });
    await clock.advance(10_000);
    expect((await client.get(services, { namespace: "default", name: "kubernetes" })).spec?.clusterIP).toBe(spec?.clusterIP);
    await server.stop();
  });

  it("creates, shows, updates, watches and deletes an object", async () => {
    const { client } = await startServer();
    const seen: string[] = [];
    client.watch(
      configMaps,
      { namespace: "default" },
      {
        event: (event) => seen.push(event.type === "BOOKMARK" ? "BOOKMARK" : `${event.type} ${event.object.data?.["a"]}`),
        ended: () => undefined,
      },
    );
    const created = await client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default" }, data: { a: "1" } });
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    await client.update(configMaps, { ...created, data: { a: "2" } });
    await expect(client.update(configMaps, { ...created, data: { a: "3" } })).rejects.toMatchObject({ reason: "Conflict", code: 409 });
    await client.patch(configMaps, { namespace: "default", name: "c" }, { type: "merge", body: { data: { a: "4" } } });
    expect((await client.get(configMaps, { namespace: "default", name: "c" })).data).toEqual({ a: "4" });
    await client.delete(configMaps, { namespace: "default", name: "c" });
    await expect(client.get(configMaps, { namespace: "default", name: "c" })).rejects.toMatchObject({ code: 404 });
    await Promise.resolve();
    expect(seen).toEqual(["ADDED 1", "MODIFIED 2", "MODIFIED 4", "DELETED 4"]);
  });

  it("binds a pod once, and deletes it gracefully", async () => {
    const { client } = await startServer();
    await client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "default" } });
    const spec = { containers: [{ name: "c", image: "i" }] };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default" }, spec } as unknown as Pod;
    await client.create(pods, pod);
    const binding = { apiVersion: "v1", kind: "Binding", metadata: { name: "p" }, target: { kind: "Node", name: "n" } } as never;
    await client.createSubresource(pods, { namespace: "default", name: "p" }, "binding", binding);
    const bound = await client.get(pods, { namespace: "default", name: "p" });
    expect(bound.spec.nodeName).toBe("n");
    await expect(client.createSubresource(pods, { namespace: "default", name: "p" }, "binding", binding)).rejects.toMatchObject({ code: 409 });
    await client.delete(pods, { namespace: "default", name: "p" });
    const deleted = await client.get(pods, { namespace: "default", name: "p" });
    expect(deleted.metadata.deletionGracePeriodSeconds).toBe(30);
    await client.delete(pods, { namespace: "default", name: "p" }, { gracePeriodSeconds: 0 });
    await expect(client.get(pods, { namespace: "default", name: "p" })).rejects.toMatchObject({ code: 404 });
  });
});
