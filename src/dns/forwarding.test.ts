import { describe, expect, it } from "vitest";
import type { ConfigMap } from "../api/index.ts";
import { parseForwarding, serversFor } from "./forwarding.ts";

const config = (data: Record<string, string>): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kube-dns" }, data });

describe("the way of questions out of the cluster", () => {
  it("leads to the machine's resolvers when nothing else is said", () => {
    expect(serversFor(parseForwarding(undefined), "example.com")).toBeUndefined();
    expect(parseForwarding(config({})).problems).toEqual([]);
  });

  it("leads to the servers of the longest domain, else to those of everything", () => {
    const forwarding = parseForwarding(
      config({
        stubDomains: '{"corp": ["10.0.0.1"], "Lab.Corp.": ["10.0.0.2:5353", "[fd00::2]:5353"]}',
        upstreamNameservers: '["fd00::1"]',
      }),
    );
    expect(serversFor(forwarding, "a.corp")).toEqual([{ address: "10.0.0.1", port: 53 }]);
    expect(serversFor(forwarding, "x.LAB.corp.")).toEqual([
      { address: "10.0.0.2", port: 5353 },
      { address: "fd00::2", port: 5353 },
    ]);
    expect(serversFor(forwarding, "acorp")).toEqual([{ address: "fd00::1", port: 53 }]);
  });

  it("leaves out what cannot be read, and says so", () => {
    const forwarding = parseForwarding(config({ stubDomains: '{"corp": ["nowhere", "10.0.0.1:0"], "lab": "10.0.0.1"}', upstreamNameservers: "1.1.1.1" }));
    expect([forwarding.stubDomains.size, forwarding.upstream]).toEqual([0, undefined]);
    expect(forwarding.problems).toEqual([
      'stubDomains corp: "nowhere" is no address of a server',
      'stubDomains corp: "10.0.0.1:0" is no address of a server',
      "stubDomains lab: must be a list of addresses",
      expect.stringContaining("upstreamNameservers: "),
    ]);
  });
});
