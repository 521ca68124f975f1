import { expect, it } from "vitest";
import { leases, type Namespace, namespaces, serviceAccounts } from "../api/index.ts";
import { createVirtualEnv } from "../base/index.ts";
import type { Client } from "../client/index.ts";
import { createFakeClient } from "../client/testing.ts";
import { createControllerManager } from "./manager.ts";

const LEASE = { namespace: "kube-system", name: "kube-controller-manager" };

it("lets one manager of several work, and the next one when it stops", async () => {
  const { env, clock } = createVirtualEnv();
  const client = createFakeClient(env);
  const manager = (identity: string) => createControllerManager(env, client, { leaderElection: { identity } });
  const [first, second] = [manager("first"), manager("second")];
  const hasAccount = async (namespace: string): Promise<boolean> =>
    (await client.list(serviceAccounts, { namespace })).items.some(({ metadata }) => metadata.name === "default");
  const make = (name: string): Promise<Namespace> => client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name }, spec: {} });
  await Promise.all([first.start(), second.start()]);
  await make("one");
  await clock.runUntil(() => hasAccount("one"));
  await first.stop();
  await make("two");
  await clock.runUntil(() => hasAccount("two"), 30_000);
  await second.stop();
  await make("three");
  await clock.advance(60_000);
  expect(await hasAccount("three")).toBe(false);
});

it("stops, and lets another lead, while its caches cannot be filled", async () => {
  const { env, clock } = createVirtualEnv();
  const client = createFakeClient(env);
  // The leases can be reached, the watches hang.
  const silent: Client = { ...client, watch: () => ({ stop: () => undefined }) };
  const stuck = createControllerManager(env, silent, { leaderElection: { identity: "stuck" } });
  const next = createControllerManager(env, client, { leaderElection: { identity: "next" } });
  await stuck.start();
  await clock.advance(5000);
  expect((await client.get(leases, LEASE)).spec.holderIdentity).toBe("stuck");
  await stuck.stop();
  await next.start();
  await clock.advance(5000);
  expect((await client.get(leases, LEASE)).spec.holderIdentity).toBe("next");
  await next.stop();
});
