import { describe, expect, it } from "vitest";
import { BRIDGE_MAC, bridgeCommands, masqueradeRules, nodeCommands } from "./node-links.ts";

const V4 = { addresses: ["10.245.0.3"], gateways: ["10.245.0.1"], ranges: ["10.245.0.0/24"] };
const V6 = "fd6b:7562:6574:73::";
const DUAL = { addresses: [...V4.addresses, `${V6}3`], gateways: [...V4.gateways, `${V6}1`], ranges: [...V4.ranges, `${V6}/64`] };

describe("the links of nodes on one machine", () => {
  it("give the machine the first address of each range", () => {
    expect(bridgeCommands(DUAL.gateways, DUAL.ranges)).toEqual([
      "address replace 10.245.0.1/24 dev kubets-nodes",
      `address replace ${V6}1/64 dev kubets-nodes nodad`,
      "link set kubets-nodes up",
    ]);
  });

  it("give a node its address, the machine as its way out, and a way to the first node's address", () => {
    expect(nodeCommands({ ...V4, machineIps: ["192.0.2.2"] })).toEqual([
      "link set lo up",
      "address replace 10.245.0.3/24 dev eth0",
      "link set eth0 up",
      "route replace 0.0.0.0/0 via 10.245.0.1",
      "route replace 192.0.2.2/32 dev eth0",
      `neigh replace 192.0.2.2 lladdr ${BRIDGE_MAC} dev eth0 nud permanent`,
    ]);
  });

  it("do so for each family of the cluster", () => {
    const commands = nodeCommands({ ...DUAL, machineIps: ["192.0.2.2", "2001:db8::2"] });
    expect(commands).toContain(`route replace ::/0 via ${V6}1`);
    expect(commands).toContain("route replace 2001:db8::2/128 dev eth0");
    expect(commands).toContain(`address replace ${V6}3/64 dev eth0 nodad`);
  });

  it.each([
    ["of another family than the cluster's", "2001:db8::2"],
    ["that is loopback", "127.0.0.1"],
    ["that the node reaches anyway", "10.245.0.1"],
  ])("make no way of their own to an address %s", (_which, address) => {
    expect(nodeCommands({ ...V4, machineIps: [address] }).filter((command) => command.startsWith("neigh"))).toEqual([]);
  });

  it("hide nodes behind the machine on their way out, and neither from each other nor from its pods", () => {
    const rules = masqueradeRules(DUAL.ranges, "kubets0");
    expect(rules).toContain('ip saddr 10.245.0.0/24 ip daddr != 10.245.0.0/24 oifname != { "kubets-nodes", "kubets0" } masquerade');
    expect(rules).toContain(`ip6 saddr ${V6}/64 ip6 daddr != ${V6}/64`);
  });
});
