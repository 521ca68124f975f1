import { describe, expect, it } from "vitest";
import type { EndpointSlice, Service, ServiceSpec } from "../api/index.ts";
import { answerFromZone, serviceNameOf, type ZoneSource } from "./records.ts";

const service = (name: string, spec: ServiceSpec): Service => ({ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec });
const slice = (of: string, endpoints: EndpointSlice["endpoints"], ports: EndpointSlice["ports"] = []): EndpointSlice => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: `${of}-1`, namespace: "shop", labels: { "kubernetes.io/service-name": of } },
  addressType: "IPv4",
  endpoints,
  ports,
});

const SERVICES = [
  service("web", { clusterIP: "10.96.0.7", clusterIPs: ["10.96.0.7"], ports: [{ name: "http", port: 80, protocol: "TCP" }] }),
  service("db", { clusterIP: "None", clusterIPs: ["None"], ports: [{ name: "sql", port: 5432, protocol: "TCP" }] }),
  service("empty", { clusterIP: "None", clusterIPs: ["None"] }),
  service("away", { type: "ExternalName", externalName: "example.com" }),
];
const SLICES = [
  slice(
    "db",
    [
      { addresses: ["10.244.0.5"], hostname: "db-0", conditions: { ready: true } },
      { addresses: ["10.244.0.6"], conditions: {} },
      { addresses: ["10.244.0.9"], conditions: { ready: false } },
    ],
    [{ name: "sql", port: 5432, protocol: "TCP" }],
  ),
];
const SOURCE: ZoneSource = {
  service: (namespace, name) => SERVICES.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  serviceByClusterIp: (ip) => SERVICES.find(({ spec }) => spec.clusterIP === ip),
  slicesOf: (namespace, name) => SLICES.filter((one) => one.metadata.namespace === namespace && serviceNameOf(one) === name),
  slicesWithAddress: (ip) => SLICES.filter((one) => one.endpoints?.some(({ addresses }) => addresses.includes(ip))),
  hasNamespace: (name) => name === "shop",
};
/** Answers as `TYPE data`, or the kind when there are none to show. */
const ask = (name: string, type = "A"): string[] | string => {
  const answer = answerFromZone(SOURCE, "cluster.local", { name, type });
  if (answer.kind !== "found") return answer.kind;
  return answer.answers.map(({ type: of, data }) => `${of} ${typeof data === "string" ? data : `${data.port} ${data.target}`}`).sort();
};

describe("the cluster's zone", () => {
  it.each([
    ["web.shop.svc.cluster.local", "A", ["A 10.96.0.7"]],
    ["WEB.Shop.svc.Cluster.local.", "A", ["A 10.96.0.7"]],
    ["web.shop.svc.cluster.local", "AAAA", []],
    ["web.shop.svc.cluster.local", "SRV", ["SRV 80 web.shop.svc.cluster.local"]],
    ["_http._tcp.web.shop.svc.cluster.local", "SRV", ["SRV 80 web.shop.svc.cluster.local"]],
    ["_http._udp.web.shop.svc.cluster.local", "SRV", "noSuchName"],
    ["db.shop.svc.cluster.local", "A", ["A 10.244.0.5", "A 10.244.0.6"]],
    ["db-0.db.shop.svc.cluster.local", "A", ["A 10.244.0.5"]],
    ["10-244-0-6.db.shop.svc.cluster.local", "A", ["A 10.244.0.6"]],
    ["db-7.db.shop.svc.cluster.local", "A", "noSuchName"],
    ["_sql._tcp.db.shop.svc.cluster.local", "SRV", ["SRV 5432 10-244-0-6.db.shop.svc.cluster.local", "SRV 5432 db-0.db.shop.svc.cluster.local"]],
    ["empty.shop.svc.cluster.local", "A", "noSuchName"],
    ["missing.shop.svc.cluster.local", "A", "noSuchName"],
    ["web.elsewhere.svc.cluster.local", "A", "noSuchName"],
    ["shop.svc.cluster.local", "A", []],
    ["svc.cluster.local", "A", []],
    ["cluster.local", "A", []],
    ["10-1-2-3.shop.pod.cluster.local", "A", ["A 10.1.2.3"]],
    ["ten.shop.pod.cluster.local", "A", "noSuchName"],
    ["10-1-2-999.shop.pod.cluster.local", "A", "noSuchName"],
    ["2001-db8--1.shop.pod.cluster.local", "AAAA", ["AAAA 2001:db8::1"]],
    ["2001-db8-0-0-0-0-0-1.shop.pod.cluster.local", "AAAA", ["AAAA 2001:db8::1"]],
    [`${"z.".repeat(32)}ip6.arpa`, "PTR", "elsewhere"],
    ["10-1-2-3.elsewhere.pod.cluster.local", "A", "noSuchName"],
    ["dns-version.cluster.local", "TXT", ["TXT 1.1.0"]],
    ["7.0.96.10.in-addr.arpa", "PTR", ["PTR web.shop.svc.cluster.local"]],
    ["5.0.244.10.in-addr.arpa", "PTR", ["PTR db-0.db.shop.svc.cluster.local"]],
    ["1.1.1.1.in-addr.arpa", "PTR", "elsewhere"],
    ["example.com", "A", "elsewhere"],
    ["notcluster.local", "A", "elsewhere"],
  ])("answers %s %s", (name, type, expected) => {
    expect(ask(name, type)).toEqual(expected);
  });

  it("gives an external name as an alias to follow", () => {
    expect(answerFromZone(SOURCE, "cluster.local", { name: "away.shop.svc.cluster.local", type: "A" })).toMatchObject({
      alias: "example.com",
      answers: [{ type: "CNAME", data: "example.com" }],
    });
  });

  it("adds the addresses of SRV targets", () => {
    expect(answerFromZone(SOURCE, "cluster.local", { name: "_sql._tcp.db.shop.svc.cluster.local", type: "SRV" })).toMatchObject({
      additionals: [
        { type: "A", name: "db-0.db.shop.svc.cluster.local", data: "10.244.0.5" },
        { type: "A", name: "10-244-0-6.db.shop.svc.cluster.local", data: "10.244.0.6" },
      ],
    });
  });
});
