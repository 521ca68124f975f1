import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endpointSlices, services } from "../api/index.ts";
import { createVirtualEnv } from "../base/index.ts";
import { createFakeClient } from "../client/testing.ts";
import { type Flow, parseFlows } from "./conntrack.ts";
import { IPV4 } from "./family.ts";
import { createProxy, type ServiceProxy } from "./proxy.ts";
import { Ruleset } from "./ruleset.ts";
import { servicePort, testService, testSlice } from "./testing.ts";

const ports = [servicePort("TCP", 80), servicePort("UDP", 53)];
const service = testService("web", { clusterIP: "10.96.0.20", ports });

const listing = `udp      17 170 src=10.244.0.9 dst=10.96.0.20 sport=4000 dport=53 src=10.244.0.2 dst=10.244.0.9 sport=8080 dport=4000 [ASSURED] mark=0 use=1
udp      17 20 src=10.244.0.9 dst=10.96.0.20 sport=4001 dport=53 [UNREPLIED] src=10.96.0.20 dst=10.244.0.9 sport=53 dport=4001 mark=0 use=1
udp      17 20 src=10.244.0.9 dst=8.8.8.8 sport=4002 dport=53 src=8.8.8.8 dst=10.244.0.9 sport=53 dport=4002 mark=0 use=1
`;

/** The chains of a table without services. */
function fixedChains(): ReadonlyMap<string, number> | undefined {
  const ruleset = new Ruleset(IPV4);
  ruleset.transaction()?.settled(true);
  return ruleset.shape()?.chains;
}

describe("the service proxy", () => {
  const { env, clock } = createVirtualEnv();
  let client: ReturnType<typeof createFakeClient>;
  let proxy: ServiceProxy;
  let scripts: string[];
  let failures: number;
  let flows: Flow[];
  let ended: Flow[];
  let kernelChains: ReadonlyMap<string, number> | undefined;
  /** Scripts with this text are refused. */
  let poison: string;

  beforeEach(() => {
    client = createFakeClient(env);
    scripts = [];
    failures = 0;
    flows = [];
    kernelChains = fixedChains();
    poison = "poison";
    ended = [];
    const applier = {
      apply: async (script: string) => {
        if (failures-- > 0 || script.includes(poison)) throw new Error("nft ended with 1");
        scripts.push(script);
      },
      wouldApply: async (script: string) => !script.includes(poison),
      chainNames: async () => new Set(kernelChains?.keys()),
      chains: async () => kernelChains,
      finds: async () => true,
      udpFlows: async () => flows,
      endFlow: async (flow: Flow) => {
        ended.push(flow);
      },
      isLocalAddress: (ip: string) => ip === "192.0.2.1",
    };
    proxy = createProxy(env, client, applier, { nodeName: "node", clusterCidrs: ["10.244.0.0/16"] });
  });
  afterEach(() => proxy.stop());

  const start = async () => {
    const starting = proxy.start();
    await clock.advance(100);
    await starting;
  };

  it("sets the rules of what is there in one transaction, and then follows", async () => {
    await client.create(services, service);
    const slice = await client.create(endpointSlices, testSlice("web", ports, [{ ip: "10.244.0.2" }]));
    await start();
    expect(scripts).toHaveLength(1);
    expect(scripts[0]).toContain("10.96.0.20 . tcp . 80 : 10.244.0.2 . 8080");

    await client.update(endpointSlices, { ...slice, endpoints: [{ addresses: ["10.244.0.3"], nodeName: "node" }] });
    await client.create(services, testService("another", { clusterIP: "10.96.0.21", ports }));
    await clock.advance(100);
    expect(scripts).toHaveLength(2);
    expect(scripts[1]).toContain("10.96.0.20 . tcp . 80 : 10.244.0.3 . 8080");
    expect(scripts[1]).toContain("refused-ips { 10.96.0.21 . tcp . 80");

    await client.delete(services, { namespace: "default", name: "web" });
    await clock.advance(100);
    expect(scripts[2]).not.toContain("add ");
  });

  it("tries again, with the whole table, when the rules could not be set", async () => {
    await client.create(services, service);
    failures = 2;
    await start();
    expect(scripts).toHaveLength(0);
    await clock.advance(2_000);
    expect(scripts).toHaveLength(1);
    expect(scripts[0]).toContain("delete table ip kubets-proxy");
    await clock.advance(60_000);
    expect(scripts).toHaveLength(1);
  });

  it("leaves out the one service that the kernel does not take, until it changes", async () => {
    await client.create(services, service);
    const bad = await client.create(services, testService("bad", { clusterIP: "10.96.0.66", ports }));
    await client.create(services, testService("another", { clusterIP: "10.96.0.21", ports }));
    poison = "10.96.0.66";
    await start();
    await clock.advance(5000);
    expect(scripts).toHaveLength(1);
    for (const ip of ["10.96.0.20", "10.96.0.21"]) expect(scripts[0]).toContain(`${ip} . tcp . 80`);
    await client.update(services, { ...bad, spec: { ...bad.spec, clusterIP: "10.96.0.67" } });
    await clock.advance(5000);
    expect(scripts[1]).toContain("10.96.0.67 . tcp . 80");
  });

  it("puts the table back when somebody took it away", async () => {
    await client.create(services, service);
    await start();
    await clock.advance(31_000);
    expect(scripts).toHaveLength(1);
    kernelChains = undefined;
    await clock.advance(31_000);
    expect(scripts).toHaveLength(2);
    expect(scripts[1]).toContain("refused-ips { 10.96.0.20 . tcp . 80");
  });

  it("ends UDP flows that lead to endpoints that are gone", async () => {
    await client.create(services, service);
    const slice = await client.create(endpointSlices, testSlice("web", ports, [{ ip: "10.244.0.2" }]));
    await start();
    flows = parseFlows(listing);
    expect(flows).toHaveLength(3);
    await client.update(endpointSlices, { ...slice, endpoints: [{ addresses: ["10.244.0.3"], nodeName: "node" }] });
    await clock.advance(100);
    expect(ended.map(({ sourcePort }) => sourcePort)).toEqual(["4000", "4001"]);
    ended = [];
    await client.delete(services, { namespace: "default", name: "web" });
    await clock.advance(100);
    // Nobody answers there any more; the flow that was never translated is left to be refused.
    expect(ended.map(({ sourcePort }) => sourcePort)).toEqual(["4000"]);
  });
});
