import { describe, expect, it } from "vitest";
import { type Node, nodes } from "../api/index.ts";
import { createVirtualEnv } from "../base/index.ts";
import { createInformer } from "../client/index.ts";
import { createFakeClient } from "../client/testing.ts";
import { createNodeNetwork } from "./node-network.ts";
import type { NetworkPlan } from "./plan.ts";

const node = (name: string, podCIDR: string, address: string): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name },
  spec: { podCIDR },
  status: { addresses: [{ type: "InternalIP", address }] },
});

function setUp() {
  const env = createVirtualEnv();
  const client = createFakeClient(env.env);
  return { client, ...startNetwork(env, client) };
}

function startNetwork({ env, clock }: ReturnType<typeof createVirtualEnv>, client: ReturnType<typeof createFakeClient>) {
  const informer = createInformer(env, client, nodes);
  const applied: string[] = [];
  const failures: Error[] = [];
  const state = { intact: true };
  const applier = {
    isIntact: async () => state.intact,
    apply: async ({ networks, routes }: NetworkPlan) => {
      const failure = failures.shift();
      applied.push(`${networks.map(({ podCidr }) => podCidr).join()} ${routes.map(({ via }) => via).join()}${failure === undefined ? "" : " failed"}`);
      if (failure !== undefined) throw failure;
    },
  };
  const network = createNodeNetwork(env, { nodeName: "a", nodes: informer, applier });
  informer.start();
  network.start();
  return { clock, network, applied, failures, state };
}

describe("a node's pod network", () => {
  it("follows the nodes, and is left alone when nothing of it changes", async () => {
    const { client, clock, network, applied } = setUp();
    const own = await client.create(nodes, node("a", "10.244.0.0/24", "192.0.2.1"));
    await clock.settle();
    await client.update(nodes, { ...own, metadata: { ...own.metadata, labels: { zone: "x" } } });
    await clock.settle();
    await client.create(nodes, node("b", "10.244.1.0/24", "192.0.2.2"));
    await clock.settle();
    await client.delete(nodes, { name: "b" });
    await clock.settle();
    expect(applied).toEqual(["10.244.0.0/24 ", "10.244.0.0/24 192.0.2.2", "10.244.0.0/24 "]);
    await network.stop();
    expect(clock.pending()).toBe(0);
  });

  it("is not set up before all nodes are known: the ways to those that come last stay", async () => {
    const env = createVirtualEnv();
    const client = createFakeClient(env.env);
    for (const [name, range, address] of [
      ["a", "10.244.0.0/24", "192.0.2.1"],
      ["b", "10.244.1.0/24", "192.0.2.2"],
      ["c", "10.244.2.0/24", "192.0.2.3"],
    ] as const)
      await client.create(nodes, node(name, range, address));
    const { clock, network, applied } = startNetwork(env, client);
    await clock.settle();
    expect(applied).toEqual(["10.244.0.0/24 192.0.2.2,192.0.2.3"]);
    await network.stop();
  });

  it("tries again what failed, and takes nothing for granted afterwards", async () => {
    const { client, clock, network, applied, failures } = setUp();
    await client.create(nodes, node("a", "10.244.0.0/24", "192.0.2.1"));
    await clock.settle();
    failures.push(new Error("planted"));
    await client.create(nodes, node("b", "10.244.1.0/24", "192.0.2.2"));
    await clock.settle();
    await client.delete(nodes, { name: "b" });
    await clock.advance(5000);
    expect(applied).toEqual(["10.244.0.0/24 ", "10.244.0.0/24 192.0.2.2 failed", "10.244.0.0/24 "]);
    await network.stop();
  });

  it("stops trying when it is stopped", async () => {
    const { client, clock, network, applied, failures } = setUp();
    failures.push(new Error("planted"));
    await client.create(nodes, node("a", "10.244.0.0/24", "192.0.2.1"));
    await clock.settle();
    await network.stop();
    await clock.advance(60_000);
    expect(applied).toEqual(["10.244.0.0/24  failed"]);
  });

  it("is put back when somebody took it away", async () => {
    const { client, clock, network, applied, state } = setUp();
    await client.create(nodes, node("a", "10.244.0.0/24", "192.0.2.1"));
    await clock.advance(31_000);
    expect(applied).toHaveLength(1);
    state.intact = false;
    await clock.advance(31_000);
    expect(applied).toHaveLength(2);
    await network.stop();
    expect(clock.pending()).toBe(0);
  });
});
