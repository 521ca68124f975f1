import { describe, expect, it } from "vitest";
import type { Node } from "../api/index.ts";
import { cniConfig } from "./cni.ts";
import { planNetwork } from "./plan.ts";

const node = (name: string, podCIDR: string | undefined, address?: string): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name },
  spec: podCIDR === undefined ? {} : { podCIDR, podCIDRs: [podCIDR] },
  status:
    address === undefined
      ? {}
      : {
          addresses: [
            { type: "Hostname", address: name },
            { type: "InternalIP", address },
          ],
        },
});

describe("the pod network's plan", () => {
  it("waits for the node's pod CIDR", () => {
    expect(planNetwork("a", [])).toBeUndefined();
    expect(planNetwork("a", [node("a", undefined)])).toBeUndefined();
  });

  it("bridges the node's own pods and routes to those of other nodes that are reachable", () => {
    const nodes = [
      node("c", "10.244.2.0/24", "192.0.2.3"),
      node("a", "10.244.0.0/24", "192.0.2.1"),
      node("b", "10.244.1.0/24", "192.0.2.2"),
      node("d", "10.244.3.0/24"),
      node("e", undefined, "192.0.2.5"),
      node("former-name", "10.244.4.0/24", "192.0.2.1"),
    ];
    expect(planNetwork("a", nodes)).toEqual({
      networks: [{ podCidr: "10.244.0.0/24", gateway: "10.244.0.1", prefixLength: 24 }],
      routes: [
        { destination: "10.244.1.0/24", via: "192.0.2.2" },
        { destination: "10.244.2.0/24", via: "192.0.2.3" },
      ],
    });
  });

  it("carries over into the next octet", () => {
    expect(planNetwork("a", [node("a", "10.0.0.255/32")])?.networks[0]?.gateway).toBe("10.0.1.0");
  });

  it("becomes a CNI configuration with the bridge's range", () => {
    const plan = planNetwork("a", [node("a", "10.244.0.0/24")]);
    if (plan === undefined) throw new Error("no plan");
    expect(JSON.parse(cniConfig(plan, { stateFolder: "/run/x" }))).toMatchObject({
      plugins: [{ type: "bridge", isGateway: true, ipam: { dataDir: "/run/x", ranges: [[{ subnet: "10.244.0.0/24", gateway: "10.244.0.1" }]] } }],
    });
  });

  it("has a network and routes of each family", () => {
    const dual = (name: string, third: number): Node => ({
      ...node(name, undefined),
      spec: { podCIDRs: [`10.244.${third}.0/24`, `fd00:244:0:${third}::/64`] },
      status: {
        addresses: [
          { type: "InternalIP", address: `192.0.2.${third}` },
          { type: "InternalIP", address: `fd00::${third}` },
        ],
      },
    });
    const plan = planNetwork("a", [dual("a", 1), dual("b", 2)]);
    expect(plan?.networks.map(({ gateway, prefixLength }) => `${gateway}/${prefixLength}`)).toEqual(["10.244.1.1/24", "fd00:244:0:1::1/64"]);
    expect(plan?.routes).toEqual([
      { destination: "10.244.2.0/24", via: "192.0.2.2" },
      { destination: "fd00:244:0:2::/64", via: "fd00::2" },
    ]);
    expect(JSON.parse(cniConfig(plan ?? { networks: [], routes: [] }, { stateFolder: "/run/x", mtu: 1400 })).plugins[0]).toMatchObject({
      mtu: 1400,
      ipam: { ranges: [[{ subnet: "10.244.1.0/24" }], [{ subnet: "fd00:244:0:1::/64" }]], routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] },
    });
  });
});
