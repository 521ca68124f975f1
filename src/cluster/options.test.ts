import { describe, expect, it } from "vitest";
import { type ClusterOptions, checkNodeNetwork, checkOptions, DEFAULT_OPTIONS } from "./options.ts";

const options = (more: Partial<ClusterOptions>): ClusterOptions => ({ ...DEFAULT_OPTIONS, dataDir: "/data", nodeName: "node", ...more });
const DUAL = { podCidr: "10.244.0.0/16,fd00:244::/56", serviceCidr: "10.96.0.0/16,fd00:96::/108" };

describe("the options of a cluster", () => {
  it.each<[string, Partial<ClusterOptions>]>([
    ["the defaults", {}],
    ["both families", { ...DUAL, nodeIp: "192.0.2.1,fd00::1" }],
    ["IPv6 first", { podCidr: "fd00:244::/56,10.244.0.0/16", serviceCidr: "fd00:96::/108,10.96.0.0/16" }],
    ["IPv6 alone", { podCidr: "fd00:244::/56", serviceCidr: "fd00:96::/108" }],
    ["another piece for a node", { nodeCidrMaskSizeIpv4: 22 }],
  ])("take %s", (_what, more) => {
    expect(() => checkOptions(options(more))).not.toThrow();
  });

  it.each<[string, Partial<ClusterOptions>, string]>([
    ["what is no range", { podCidr: "10.244.0.0" }, "--pod-network-cidr must be a range"],
    ["a range with bits beyond its prefix", { podCidr: "10.244.0.1/16" }, "--pod-network-cidr must be a range"],
    ["two ranges of one family", { serviceCidr: "10.96.0.0/16,10.97.0.0/16" }, "--service-cidr must be a range"],
    ["families that differ", { podCidr: DUAL.podCidr }, "must be of the same families in the same order"],
    ["a piece larger than the whole", { nodeCidrMaskSizeIpv4: 12 }, "--node-cidr-mask-size-ipv4 must be from 16 to 30"],
    ["too many pieces", { ...DUAL, podCidr: "10.244.0.0/16,fd00::/32" }, "--node-cidr-mask-size-ipv6 must be from 32 to 48"],
    ["a range of services without room", { serviceCidr: "10.96.0.0/30" }, "too small"],
    ["a node address that is none", { nodeIp: "here" }, "--node-ip must be an address"],
    ["etcd's port where the API server's is", { etcdPort: 6443 }, "--etcd-port must be"],
    ["a node port range that is none", { serviceNodePortRange: "9-1" }, "--service-node-port-range"],
  ])("refuse %s", (_what, more, text) => {
    expect(() => checkOptions(options(more))).toThrow(text);
  });

  it.each<[string, Partial<ClusterOptions>]>([
    ["the defaults", {}],
    ["both families", DUAL],
    ["a range of one's own", { nodeNetworkCidr: "172.30.0.0/24" }],
  ])("take %s for further nodes", (_what, more) => {
    expect(() => checkNodeNetwork(options(more))).not.toThrow();
  });

  it.each<[string, Partial<ClusterOptions>, string]>([
    ["a range within that of the pods", { nodeNetworkCidr: "10.244.7.0/24" }, "overlaps with 10.244.0.0/16"],
    ["a range around that of the services", { nodeNetworkCidr: "10.96.0.0/12" }, "overlaps with 10.96.0.0/16"],
    ["a range of another family alone", { nodeNetworkCidr: "fd00:9::/64" }, "no range of the pods' family IPv4"],
    ["what is no range", { nodeNetworkCidr: "many" }, "--node-network-cidr must be a range"],
  ])("refuse %s for further nodes", (_what, more, text) => {
    expect(() => checkNodeNetwork(options(more))).toThrow(text);
  });
});
