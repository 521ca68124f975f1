import { describe, expect, it } from "vitest";
import { ipAddresses, type Service, serviceCIDRs, services } from "../../api/index.ts";
import { startTestServer } from "../testing.ts";

function service(name: string, spec: object): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" }, spec: { ports: [{ port: 80 }], ...spec } } as unknown as Service;
}

describe("services", () => {
  it("get addresses of the range, each one its own, and give them back", async () => {
    const { client } = await startTestServer({ serviceCidr: "10.0.0.0/29" });
    // Six addresses; one is the `kubernetes` service's.
    const created = await Promise.all(["a", "b", "c", "d", "e"].map((name) => client.create(services, service(name, {}))));
    const addresses = created.map(({ spec }) => spec.clusterIP ?? "");
    expect([...addresses].sort()).toEqual(["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
    await expect(client.create(services, service("f", {}))).rejects.toMatchObject({
      code: 500,
      message: 'Internal error occurred: failed to allocate a serviceIP for Service "f": range is full',
    });
    await client.delete(services, { namespace: "default", name: "c" });
    expect((await client.create(services, service("f", {}))).spec.clusterIP).toBe(addresses[2]);
  });

  it("may ask for an address that is free and in the range", async () => {
    const { client } = await startTestServer();
    expect((await client.create(services, service("dns", { clusterIP: "10.96.0.10" }))).spec.clusterIPs).toEqual(["10.96.0.10"]);
    const taken = client.create(services, service("other", { clusterIP: "10.96.0.10" }));
    await expect(taken).rejects.toMatchObject({
      message: 'Service "other" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    });
    await expect(client.create(services, service("far", { clusterIP: "10.97.0.1" }))).rejects.toMatchObject({
      message: expect.stringContaining("failed to allocate IP 10.97.0.1: the provided network does not match the current range"),
    });
    await expect(client.create(services, service("first", { clusterIP: "10.96.0.0" }))).rejects.toMatchObject({
      message: expect.stringContaining("the provided IP (10.96.0.0) is not in the valid range. The range of valid IPs is 10.96.0.0/16"),
    });
  });

  it("keep what they were given through updates that do not mention it, and lose it with their type", async () => {
    const { client } = await startTestServer();
    const created = await client.create(services, service("a", { type: "NodePort" }));
    const [port] = created.spec.ports ?? [];
    expect(port?.nodePort).toBeGreaterThanOrEqual(30_000);
    const replaced = await client.update(services, service("a", { type: "NodePort", selector: { x: "y" } }));
    expect([replaced.spec.clusterIP, replaced.spec.ports?.[0]?.nodePort]).toEqual([created.spec.clusterIP, port?.nodePort]);
    const plain = await client.update(services, { ...replaced, spec: { ...replaced.spec, type: "ClusterIP" } });
    expect([plain.spec.clusterIP, plain.spec.ports?.[0]?.nodePort]).toEqual([created.spec.clusterIP, undefined]);
    const other = await client.create(services, service("b", { type: "NodePort", ports: [{ port: 80, nodePort: port?.nodePort }] }));
    expect(other.spec.ports?.[0]?.nodePort).toBe(port?.nodePort);
    const external = await client.update(services, { ...plain, spec: { ...plain.spec, type: "ExternalName", externalName: "a.example" } });
    expect(external.spec.clusterIP).toBeUndefined();
  });

  it("share a node port among protocols, and refuse one that is taken or out of range", async () => {
    const { client } = await startTestServer();
    const ports = [
      { name: "udp", port: 53, protocol: "UDP" },
      { name: "tcp", port: 53, protocol: "TCP" },
    ];
    const dns = await client.create(services, service("dns", { type: "NodePort", ports }));
    const [udp, tcp] = dns.spec.ports ?? [];
    expect(udp?.nodePort).toBe(tcp?.nodePort);
    const taken = client.create(services, service("a", { type: "NodePort", ports: [{ port: 80, nodePort: udp?.nodePort }] }));
    await expect(taken).rejects.toMatchObject({ message: expect.stringContaining("provided port is already allocated") });
    const outside = client.create(services, service("a", { type: "NodePort", ports: [{ port: 80, nodePort: 80 }] }));
    await expect(outside).rejects.toMatchObject({ message: expect.stringContaining("The range of valid ports is 30000-32767") });
  });

  it("of type LoadBalancer may do without node ports, and still ask for one", async () => {
    const { client } = await startTestServer();
    const spec = { type: "LoadBalancer", allocateLoadBalancerNodePorts: false };
    const without = await client.create(services, service("without", spec));
    expect(without.spec.ports?.[0]?.nodePort).toBeUndefined();
    await client.create(services, service("asking", { ...spec, ports: [{ port: 80, nodePort: 30_500 }] }));
    const taken = client.create(services, service("late", { type: "NodePort", ports: [{ port: 80, nodePort: 30_500 }] }));
    await expect(taken).rejects.toMatchObject({ message: expect.stringContaining("provided port is already allocated") });
  });

  it("take nothing when they are refused or only tried", async () => {
    const { client } = await startTestServer();
    await expect(client.create(services, service("Bad_Name", { clusterIP: "10.96.0.10" }))).rejects.toMatchObject({ code: 422 });
    await client.create(services, service("tried", { clusterIP: "10.96.0.10" }), { dryRun: true });
    await client.create(services, service("real", { clusterIP: "10.96.0.10" }));
  });

  it("may be without address", async () => {
    const { client } = await startTestServer();
    const headless = await client.create(services, service("headless", { clusterIP: "None", selector: { a: "b" } }));
    expect([headless.spec.clusterIPs, headless.spec.ipFamilies]).toEqual([["None"], ["IPv4"]]);
  });

  it("have a record of each address, which follows them", async () => {
    const { client, clock } = await startTestServer();
    const records = async () => (await client.list(ipAddresses)).items.map(({ metadata, spec }) => `${metadata.name} ${spec.parentRef?.name}`);
    await clock.settle();
    expect(await records()).toEqual(["10.96.0.1 kubernetes"]);
    await client.create(services, service("dns", { clusterIP: "10.96.0.10" }));
    await clock.advance(1000);
    const [, record] = (await client.list(ipAddresses)).items;
    expect([record?.metadata.labels, record?.spec.parentRef]).toEqual([
      { "ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io" },
      { resource: "services", namespace: "default", name: "dns" },
    ]);
    await client.delete(ipAddresses, { name: "10.96.0.10" });
    await clock.advance(1000);
    expect(await records()).toContain("10.96.0.10 dns");
    await client.delete(services, { namespace: "default", name: "dns" });
    // Somebody else's record takes an address out of the range, and stays.
    const parentRef = { group: "example.com", resource: "things", name: "x" };
    await client.create(ipAddresses, { apiVersion: "networking.k8s.io/v1", kind: "IPAddress", metadata: { name: "10.96.0.11" }, spec: { parentRef } });
    await clock.advance(1000);
    expect(await records()).toEqual(["10.96.0.1 kubernetes", "10.96.0.11 x"]);
    await expect(client.create(services, service("other", { clusterIP: "10.96.0.11" }))).rejects.toMatchObject({
      message: expect.stringContaining("provided IP is already allocated"),
    });
  });

  it("get addresses of a ServiceCIDR once it is ready", async () => {
    const { client } = await startTestServer();
    const range = { apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: "more" }, spec: { cidrs: ["10.200.0.0/24"] } };
    const created = await client.create(serviceCIDRs, range);
    await expect(client.create(services, service("a", { clusterIP: "10.200.0.9" }))).rejects.toMatchObject({ code: 422 });
    const condition = { type: "Ready", status: "True", reason: "", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" };
    await client.update(serviceCIDRs, { ...created, status: { conditions: [condition] } }, { subresource: "status" });
    expect((await client.create(services, service("a", { clusterIP: "10.200.0.9" }))).spec.clusterIP).toBe("10.200.0.9");
  });
});

describe("services of two families", () => {
  const start = () => startTestServer({ serviceCidr: "10.96.0.0/16,fd00:96::/108" });
  const familyOf = (address: string): string => (address.includes(":") ? "IPv6" : "IPv4");

  it.each<[string, object, object]>([
    ["nothing asked", {}, { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4"], addresses: ["IPv4"] }],
    ["the other family", { ipFamilies: ["IPv6"] }, { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv6"], addresses: ["IPv6"] }],
    ["both preferred", { ipFamilyPolicy: "PreferDualStack" }, { ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv4", "IPv6"], addresses: ["IPv4", "IPv6"] }],
    [
      "both required, the other first",
      { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6"] },
      { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6", "IPv4"], addresses: ["IPv6", "IPv4"] },
    ],
    ["an address of the other family", { clusterIP: "fd00:96::7" }, { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv6"], addresses: ["IPv6"] }],
    [
      "headless",
      { clusterIP: "None", selector: { a: "b" }, ipFamilyPolicy: "PreferDualStack" },
      { ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv4", "IPv6"], addresses: ["IPv4"] },
    ],
  ])("with %s", async (_what, spec, expected) => {
    const { client } = await start();
    const { spec: result } = await client.create(services, service("web", spec));
    const addresses = (result.clusterIPs ?? []).map(familyOf);
    expect({ ipFamilyPolicy: result.ipFamilyPolicy, ipFamilies: result.ipFamilies, addresses }).toEqual(expected);
    expect(result.clusterIP).toBe(result.clusterIPs?.[0]);
  });

  it("have an address once, however it is written", async () => {
    const { client, clock } = await start();
    const web = await client.create(services, service("web", { clusterIP: "FD00:96:0::7" }));
    expect(web.spec.clusterIP).toBe("FD00:96:0::7");
    await expect(client.create(services, service("other", { clusterIP: "fd00:96::7" }))).rejects.toMatchObject({
      message: expect.stringContaining("provided IP is already allocated"),
    });
    await clock.advance(1000);
    expect((await client.get(ipAddresses, { name: "fd00:96::7" })).spec.parentRef?.name).toBe("web");
    await client.delete(services, { namespace: "default", name: "web" });
    expect((await client.create(services, service("other", { clusterIP: "fd00:96::7" }))).spec.clusterIP).toBe("fd00:96::7");
  });

  it("get a second address and give it back", async () => {
    const { client } = await start();
    const single = await client.create(services, service("web", {}));
    const dual = await client.update(services, { ...single, spec: { ...single.spec, ipFamilyPolicy: "PreferDualStack" } });
    expect([dual.spec.clusterIPs?.length, dual.spec.clusterIP, dual.spec.ipFamilies]).toEqual([2, single.spec.clusterIP, ["IPv4", "IPv6"]]);
    const [, second = ""] = dual.spec.clusterIPs ?? [];
    const halved = client.update(services, { ...dual, spec: { ...dual.spec, clusterIPs: [single.spec.clusterIP ?? ""], ipFamilies: ["IPv4"] } });
    await expect(halved).rejects.toMatchObject({ message: expect.stringContaining("must be 'SingleStack' to release the secondary cluster IP") });
    const again = await client.update(services, { ...dual, spec: { ...dual.spec, ipFamilyPolicy: "SingleStack" } });
    expect([again.spec.clusterIPs, again.spec.ipFamilies]).toEqual([[single.spec.clusterIP], ["IPv4"]]);
    expect((await client.create(services, service("other", { clusterIP: second }))).spec.clusterIPs).toEqual([second]);
  });

  it("are refused where the cluster has one", async () => {
    const { client } = await startTestServer();
    const refused = async (spec: object, text: string) =>
      await expect(client.create(services, service("web", spec))).rejects.toMatchObject({ code: 422, message: expect.stringContaining(text) });
    await refused(
      { ipFamilyPolicy: "RequireDualStack" },
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    );
    await refused({ ipFamilies: ["IPv6"] }, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster');
    await refused({ clusterIP: "fd00:96::7" }, "IPv6 is not configured on this cluster");
    await refused(
      { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "SingleStack" },
      "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
    );
    expect((await client.create(services, service("web", { ipFamilyPolicy: "PreferDualStack" }))).spec.ipFamilies).toEqual(["IPv4"]);
  });

  it("have both families when they are headless and nobody's pods are asked for", async () => {
    const { client } = await startTestServer();
    const open = await client.create(services, service("open", { clusterIP: "None" }));
    expect([open.spec.ipFamilyPolicy, open.spec.ipFamilies, open.spec.clusterIPs]).toEqual(["RequireDualStack", ["IPv4", "IPv6"], ["None"]]);
  });
});
