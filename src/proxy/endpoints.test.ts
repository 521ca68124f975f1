import { describe, expect, it } from "vitest";
import type { EndpointSlice } from "../api/index.ts";
import { localReadyCount, portBackends } from "./endpoints.ts";
import { IPV4, IPV6 } from "./family.ts";
import { servicePort, type TestEndpoint, testSlice } from "./testing.ts";

const port = servicePort("TCP", 80);
const node = { family: IPV4, nodeName: "node", zone: "a" };
const ips = (list: readonly { readonly ip: string }[]) => list.map(({ ip }) => ip);
const chosen = (endpoints: readonly TestEndpoint[]) => {
  const { cluster, local, hasAny } = portBackends(port, [testSlice("web", [port], endpoints)], node);
  return { cluster: ips(cluster), local: ips(local), hasAny };
};

describe("endpoints of a service port", () => {
  it.each<[string, TestEndpoint[], { cluster: string[]; local: string[]; hasAny: boolean }]>([
    ["none", [], { cluster: [], local: [], hasAny: false }],
    ["conditions that are not given mean ready", [{ ip: "1.0.0.1" }], { cluster: ["1.0.0.1"], local: ["1.0.0.1"], hasAny: true }],
    [
      "only ready ones",
      [
        { ip: "1.0.0.1", ready: true },
        { ip: "1.0.0.2", ready: false },
      ],
      { cluster: ["1.0.0.1"], local: ["1.0.0.1"], hasAny: true },
    ],
    [
      "serving ones that terminate, when none is ready",
      [
        { ip: "1.0.0.1", ready: false, serving: true, terminating: true },
        { ip: "1.0.0.2", ready: false, serving: false, terminating: true },
      ],
      { cluster: ["1.0.0.1"], local: ["1.0.0.1"], hasAny: true },
    ],
    [
      "the node's own ones fall back by themselves",
      [
        { ip: "1.0.0.1", node: "other" },
        { ip: "1.0.0.2", ready: false, serving: true, terminating: true },
      ],
      { cluster: ["1.0.0.1"], local: ["1.0.0.2"], hasAny: true },
    ],
    ["unready ones are nobody", [{ ip: "1.0.0.1", ready: false, serving: false }], { cluster: [], local: [], hasAny: false }],
  ])("uses %s", (_name, endpoints, expected) => {
    expect(chosen(endpoints)).toEqual(expected);
  });

  it("takes the slices of the port's name, protocol and family, each endpoint once", () => {
    const other = { ...servicePort("TCP", 81), name: "other" };
    const slices: EndpointSlice[] = [
      testSlice("web", [port], [{ ip: "1.0.0.2" }, { ip: "1.0.0.1", ready: false }], "1"),
      testSlice("web", [port], [{ ip: "1.0.0.1" }], "2"),
      testSlice("web", [other], [{ ip: "1.0.0.9" }], "3"),
      { ...testSlice("web", [port], [{ ip: "2001:db8::1" }], "4"), addressType: "IPv6" },
    ];
    expect(ips(portBackends(port, slices, node).cluster)).toEqual(["1.0.0.1", "1.0.0.2"]);
    expect(ips(portBackends(port, slices, { ...node, family: IPV6 }).cluster)).toEqual(["2001:db8::1"]);
  });

  it("follows zone hints when every endpoint has some and one is for this zone", () => {
    const hinted = (zones: readonly (string | undefined)[]): EndpointSlice => ({
      ...testSlice("web", [port], []),
      endpoints: zones.map((zone, index) => ({ addresses: [`1.0.0.${index + 1}`], ...(zone === undefined ? {} : { hints: { forZones: [{ name: zone }] } }) })),
    });
    expect(ips(portBackends(port, [hinted(["a", "b"])], node).cluster)).toEqual(["1.0.0.1"]);
    expect(ips(portBackends(port, [hinted(["a", undefined])], node).cluster)).toHaveLength(2);
    expect(ips(portBackends(port, [hinted(["b", "c"])], node).cluster)).toHaveLength(2);
    expect(ips(portBackends(port, [hinted(["a", "b"])], { family: IPV4, nodeName: "node" }).cluster)).toHaveLength(2);
  });

  it("follows node hints before zone hints", () => {
    const hinted = (names: readonly (string | undefined)[]): EndpointSlice => ({
      ...testSlice("web", [port], []),
      endpoints: names.map((name, index) => ({
        addresses: [`1.0.0.${index + 1}`],
        hints: { forZones: [{ name: "a" }], ...(name === undefined ? {} : { forNodes: [{ name }] }) },
      })),
    });
    expect(ips(portBackends(port, [hinted(["other", "node"])], node).cluster)).toEqual(["1.0.0.2"]);
    expect(ips(portBackends(port, [hinted(["other", "another"])], node).cluster)).toHaveLength(2);
    expect(ips(portBackends(port, [hinted([undefined, "node"])], node).cluster)).toHaveLength(2);
  });

  it("counts the node's ready endpoints over all ports and slices", () => {
    const slices = [
      testSlice("web", [port], [{ ip: "1.0.0.1" }, { ip: "1.0.0.2", node: "other" }, { ip: "1.0.0.3", ready: false }]),
      testSlice("web", [port], [{ ip: "1.0.0.1" }], "2"),
    ];
    expect(localReadyCount(slices, node)).toBe(1);
  });
});
