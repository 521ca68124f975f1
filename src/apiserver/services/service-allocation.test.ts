import { describe, expect, it } from "vitest";
import { type Service, services } from "../../api/index.ts";
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
    await expect(client.create(services, service("f", {}))).rejects.toMatchObject({ code: 422, message: expect.stringContaining("range is full") });
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
    await expect(client.create(services, service("far", { clusterIP: "10.97.0.1" }))).rejects.toMatchObject({ code: 422 });
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
});
