import { describe, expect, it } from "vitest";
import { IPV4, IPV6 } from "./family.ts";
import { planService } from "./plan.ts";
import { Ruleset } from "./ruleset.ts";
import { servicePort, testService, testSlice } from "./testing.ts";

const options = { family: IPV4, nodeName: "node", clusterCidr: "10.244.0.0/16" };
const ports = [servicePort("TCP", 80)];
const slice = (...ips: string[]) =>
  testSlice(
    "web",
    ports,
    ips.map((ip) => ({ ip })),
  );
const claims = (spec: Parameters<typeof testService>[1], ...ips: string[]) =>
  planService(testService("web", { ports, ...spec }), [slice(...ips)], options).claims;

/** Applies what is pending and returns its lines. */
function settle(ruleset: Ruleset, succeeded = true): string[] {
  const transaction = ruleset.transaction();
  transaction?.settled(succeeded);
  return transaction?.script.trim().split("\n") ?? [];
}

describe("the ruleset", () => {
  it("starts with the whole table, even an empty one", () => {
    const ruleset = new Ruleset(IPV4);
    expect(settle(ruleset).slice(0, 3)).toEqual(["add table ip kubets-proxy", "delete table ip kubets-proxy", "table ip kubets-proxy {"]);
    expect(settle(ruleset)).toEqual([]);
  });

  it("touches only what changed", () => {
    const ruleset = new Ruleset(IPV4);
    ruleset.set("default/web", claims({ clusterIP: "10.96.0.20" }, "10.244.0.2", "10.244.0.3"));
    ruleset.set("default/other", claims({ clusterIP: "10.96.0.21" }, "10.244.0.4", "10.244.0.5"));
    settle(ruleset);
    ruleset.set("default/web", claims({ clusterIP: "10.96.0.20" }, "10.244.0.2", "10.244.0.6"));
    expect(settle(ruleset)).toEqual([
      "delete element ip kubets-proxy hairpin { 10.244.0.3 . 10.244.0.3 }",
      "delete element ip kubets-proxy ip-endpoint-1 { 10.96.0.20 . tcp . 80 }",
      "add element ip kubets-proxy ip-endpoint-1 { 10.96.0.20 . tcp . 80 : 10.244.0.6 . 8080 }",
      "add element ip kubets-proxy hairpin { 10.244.0.6 . 10.244.0.6 }",
    ]);
    ruleset.set("default/web", claims({ clusterIP: "10.96.0.20" }, "10.244.0.2", "10.244.0.6"));
    expect(settle(ruleset)).toEqual([]);
  });

  it("lets the first by name have what two services claim, and the second when the first goes", () => {
    const ruleset = new Ruleset(IPV4);
    const claiming = (clusterIP: string, ip: string) => claims({ clusterIP, externalIPs: ["198.51.100.1"] }, ip);
    ruleset.set("default/b", claiming("10.96.0.21", "10.244.0.3"));
    ruleset.set("default/a", claiming("10.96.0.20", "10.244.0.2"));
    expect(settle(ruleset).join("\n")).toContain("198.51.100.1 . tcp . 80 : 10.244.0.2 . 8080");
    ruleset.set("default/a", new Map());
    expect(settle(ruleset).join("\n")).toContain("198.51.100.1 . tcp . 80 : 10.244.0.3 . 8080");
  });

  it("replaces the table after a failure", () => {
    const ruleset = new Ruleset(IPV4);
    settle(ruleset);
    ruleset.set("default/web", claims({ clusterIP: "10.96.0.20" }, "10.244.0.2"));
    expect(settle(ruleset, false)[0]).not.toContain("table ip");
    const again = settle(ruleset).join("\n");
    expect(again).toContain("delete table ip kubets-proxy");
    expect(again).toContain("10.96.0.20 . tcp . 80 : goto cluster-ip-1");
  });

  it("does not serve headless services, names, or those of another proxy", () => {
    expect(claims({ clusterIP: "None" }, "10.244.0.2").size).toBe(0);
    expect(claims({ type: "ExternalName", externalName: "example.com" }).size).toBe(0);
    const service = testService("web", { clusterIP: "10.96.0.20", ports });
    const elsewhere = { ...service, metadata: { ...service.metadata, labels: { "service.kubernetes.io/service-proxy-name": "mine" } } };
    expect(planService(elsewhere, [slice("10.244.0.2")], options).claims.size).toBe(0);
  });

  it("keeps each family's addresses in its own table", () => {
    const service = testService("web", { clusterIP: "10.96.0.20", clusterIPs: ["10.96.0.20", "fd00:96::20"], ports });
    const slices = [slice("10.244.0.2"), { ...slice("fd00:244::2"), addressType: "IPv6" }];
    const ruleset = new Ruleset(IPV6);
    ruleset.set("default/web", planService(service, slices, { family: IPV6, nodeName: "node", clusterCidr: "fd00:244::/56" }).claims);
    const script = settle(ruleset).join("\n");
    expect(script).toContain("table ip6 kubets-proxy {");
    expect(script).toContain("add element ip6 kubets-proxy ip-endpoint-0 { fd00:96::20 . tcp . 80 : fd00:244::2 . 8080 }");
    expect(script).not.toContain("10.");
  });

  it("knows its shape, so that the work of others is found", () => {
    const ruleset = new Ruleset(IPV4);
    expect(ruleset.shape()).toBeUndefined();
    ruleset.set("default/web", claims({ clusterIP: "10.96.0.20" }, "10.244.0.2"));
    settle(ruleset);
    const shape = ruleset.shape();
    expect([shape?.chains.get("refuse"), shape?.chains.get("postrouting"), shape?.chains.get("cluster-ip-1")]).toEqual([3, 5, 2]);
    expect(shape?.probe).toContain("get element ip kubets-proxy service-ips { 10.96.0.20 . tcp . 80 }");
    ruleset.distrust();
    expect(settle(ruleset)[1]).toBe("delete table ip kubets-proxy");
  });

  it("answers on a node's own ports for load balancers that it holds, to whom they are open", () => {
    const service = testService("web", { type: "LoadBalancer", clusterIP: "10.96.0.20", ports, loadBalancerSourceRanges: ["10.0.0.0/8", "10.1.0.0/16"] });
    const plan = planService(service, [slice("10.244.0.2")], { ...options, balancerPorts: new Set(["TCP/80"]) });
    const verdict = plan.claims.get("element balancer-ports tcp . 80") ?? "";
    expect(plan.claims.get(`chain ${verdict.slice("goto ".length)}`)?.split("\n")).toEqual([
      "ip saddr 10.0.0.0/8 goto external-port-1",
      "ip saddr 10.1.0.0/16 goto external-port-1",
      "drop",
    ]);
    expect(planService(service, [], { ...options, balancerPorts: new Set(["TCP/80"]) }).claims.has("element refused-balancer-ports tcp . 80")).toBe(true);
    expect([...planService(service, [slice("10.244.0.2")], options).claims.keys()].some((name) => name.includes("balancer"))).toBe(false);
  });
});
