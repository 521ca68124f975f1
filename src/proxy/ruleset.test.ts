import { describe, expect, it } from "vitest";
import { planService } from "./plan.ts";
import { Ruleset } from "./ruleset.ts";
import { servicePort, testService, testSlice } from "./testing.ts";

const options = { nodeName: "node", clusterCidr: "10.244.0.0/16" };
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
    const ruleset = new Ruleset();
    expect(settle(ruleset).slice(0, 3)).toEqual(["add table ip kubets-proxy", "delete table ip kubets-proxy", "table ip kubets-proxy {"]);
    expect(settle(ruleset)).toEqual([]);
  });

  it("touches only what changed", () => {
    const ruleset = new Ruleset();
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
    const ruleset = new Ruleset();
    const claiming = (clusterIP: string, ip: string) => claims({ clusterIP, externalIPs: ["198.51.100.1"] }, ip);
    ruleset.set("default/b", claiming("10.96.0.21", "10.244.0.3"));
    ruleset.set("default/a", claiming("10.96.0.20", "10.244.0.2"));
    expect(settle(ruleset).join("\n")).toContain("198.51.100.1 . tcp . 80 : 10.244.0.2 . 8080");
    ruleset.set("default/a", new Map());
    expect(settle(ruleset).join("\n")).toContain("198.51.100.1 . tcp . 80 : 10.244.0.3 . 8080");
  });

  it("replaces the table after a failure", () => {
    const ruleset = new Ruleset();
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
});
