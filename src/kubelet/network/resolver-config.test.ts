import { describe, expect, it } from "vitest";
import type { Pod } from "../../api/index.ts";
import { resolverConfig } from "./resolver-config.ts";

const facts = { clusterDns: ["10.96.0.10"], clusterDomain: "cluster.local", resolvConf: "nameserver 9.9.9.9\nsearch example.com.\noptions timeout:2\n" };
const pod = (spec: object): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "shop" }, spec: { containers: [], ...spec } });

describe("a pod's resolver", () => {
  it("asks the cluster's DNS by default, searching its own namespace first", () => {
    expect(resolverConfig(pod({ dnsPolicy: "ClusterFirst" }), facts).config).toEqual({
      servers: ["10.96.0.10"],
      searches: ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com"],
      options: ["ndots:5"],
    });
  });
  it("is the node's with Default, and on the host network", () => {
    const expected = { servers: ["9.9.9.9"], searches: ["example.com"], options: ["timeout:2"] };
    expect(resolverConfig(pod({ dnsPolicy: "Default" }), facts).config).toEqual(expected);
    expect(resolverConfig(pod({ dnsPolicy: "ClusterFirst", hostNetwork: true }), facts).config).toEqual(expected);
  });
  it("asks the cluster's DNS on the host network when told so", () => {
    expect(resolverConfig(pod({ dnsPolicy: "ClusterFirstWithHostNet", hostNetwork: true }), facts).config.servers).toEqual(["10.96.0.10"]);
  });
  it("is exactly the pod's own with None", () => {
    const dnsConfig = { nameservers: ["1.1.1.1"], searches: ["a.b"], options: [{ name: "ndots", value: "2" }, { name: "edns0" }] };
    expect(resolverConfig(pod({ dnsPolicy: "None", dnsConfig }), facts).config).toEqual({
      servers: ["1.1.1.1"],
      searches: ["a.b"],
      options: ["ndots:2", "edns0"],
    });
  });
  it("leaves out servers past the third, and says so", () => {
    const dnsConfig = { nameservers: ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"] };
    const { config, warnings } = resolverConfig(pod({ dnsPolicy: "None", dnsConfig }), facts);
    expect(config.servers).toHaveLength(3);
    expect(warnings).toEqual(["Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1.1.1.1 2.2.2.2 3.3.3.3"]);
  });
});
