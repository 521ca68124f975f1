import { describe, expect, it } from "vitest";
import { type ConfigMap, configMaps, type Deployment, deployments, type KubeObject, roleBindings, roles } from "../api/index.ts";
import { createVirtualEnv } from "../base/index.ts";
import type { Client } from "../client/index.ts";
import { createMemoryStore } from "../store/index.ts";
import { createApiServer } from "./index.ts";

const NAMESPACE = "default";

async function startServer() {
  const { env, clock } = createVirtualEnv();
  const server = createApiServer(env, { store: createMemoryStore(env) });
  await server.start();
  return { clock, server, client: server.localClient({ name: "admin", groups: ["system:masters"] }) };
}

function configMap(data: Record<string, string>) {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data };
}

function apply(client: Client, body: object, fieldManager: string, more: { force?: boolean; dryRun?: boolean } = {}): Promise<ConfigMap> {
  const { force = false, dryRun = false } = more;
  return client.patch(configMaps, { namespace: NAMESPACE, name: "c" }, { type: "apply", body: body as never, force }, { fieldManager, dryRun });
}

function managers(object: KubeObject): (string | undefined)[] {
  return (object.metadata.managedFields ?? []).map((entry) => entry.manager);
}

describe("server-side apply", () => {
  it("creates what is missing, changes what is there, and writes nothing when nothing changes", async () => {
    const { client, clock } = await startServer();
    const created = await apply(client, configMap({ a: "1", b: "2" }), "me");
    expect(created).toMatchObject({ data: { a: "1", b: "2" }, metadata: { namespace: NAMESPACE, managedFields: [{ manager: "me", operation: "Apply" }] } });
    await clock.advance(5_000);
    expect((await apply(client, configMap({ a: "1", b: "2" }), "me")).metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    const changed = await apply(client, configMap({ a: "3" }), "me");
    expect(changed.data).toEqual({ a: "3" });
    expect(changed.metadata.uid).toBe(created.metadata.uid);
  });

  it("meets writers of other kinds", async () => {
    const { client } = await startServer();
    const created = await client.create(configMaps, { ...configMap({ a: "1" }), metadata: { name: "c", namespace: NAMESPACE } }, { fieldManager: "creator" });
    expect(managers(created)).toEqual(["creator"]);
    await expect(apply(client, configMap({ a: "2" }), "me")).rejects.toMatchObject({
      code: 409,
      message: 'Apply failed with 1 conflict: conflict with "creator" using v1: .data.a',
    });
    const forced = await apply(client, configMap({ a: "2" }), "me", { force: true });
    expect(managers(forced)).toEqual(["me", "creator"]);
    const patched = await client.patch(
      configMaps,
      { namespace: NAMESPACE, name: "c" },
      { type: "merge", body: { data: { a: "3" } } },
      { fieldManager: "patcher" },
    );
    expect(patched.metadata.managedFields?.find((entry) => entry.manager === "patcher")?.fieldsV1).toEqual({ "f:data": { "f:a": {} } });
  });

  it("shows without storing on a dry run", async () => {
    const { client } = await startServer();
    expect((await apply(client, configMap({ a: "1" }), "me", { dryRun: true })).data).toEqual({ a: "1" });
    await expect(client.get(configMaps, { namespace: NAMESPACE, name: "c" })).rejects.toMatchObject({ code: 404 });
  });

  it("goes to the status by its subresource", async () => {
    const { client } = await startServer();
    const spec = { selector: { matchLabels: { a: "b" } }, template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } } };
    const base = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d", namespace: NAMESPACE } };
    await client.create(deployments, { ...base, spec } as unknown as Deployment);
    const of = { namespace: NAMESPACE, name: "d" };
    const applied = await client.patch(
      deployments,
      of,
      { type: "apply", body: { ...base, spec: { replicas: 9 }, status: { replicas: 3 } } },
      { subresource: "status", fieldManager: "me" },
    );
    expect([applied.spec.replicas, applied.status?.replicas]).toEqual([1, 3]);
    expect(applied.metadata.managedFields?.[0]).toMatchObject({ manager: "me", subresource: "status", fieldsV1: { "f:status": { "f:replicas": {} } } });
  });

  it("creates only for who may create", async () => {
    const { client, server } = await startServer();
    const metadata = { name: "patcher", namespace: NAMESPACE };
    await client.create(roles, {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata,
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["patch"] }],
    });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "patcher" };
    const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "jane" }];
    await client.create(roleBindings, { apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", metadata, roleRef, subjects });
    const jane = server.localClient({ name: "jane", groups: ["system:authenticated"] });
    await expect(apply(jane, configMap({ a: "1" }), "me")).rejects.toMatchObject({
      code: 403,
      message: expect.stringContaining('User "jane" cannot create resource "configmaps"'),
    });
    await apply(client, configMap({ a: "1" }), "admin");
    expect((await apply(jane, configMap({ b: "2" }), "me")).data).toEqual({ a: "1", b: "2" });
  });
});
