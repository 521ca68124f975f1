import { describe, expect, it } from "vitest";
import { type ClusterOptions, DEFAULT_OPTIONS, OptionsError } from "../options.ts";
import { checkNodeName, lastNumber, machineAddresses, nextName, nodeRecord } from "./node-record.ts";

const options = (more: Partial<ClusterOptions> = {}): ClusterOptions => ({ ...DEFAULT_OPTIONS, dataDir: "/data", nodeName: "laptop", ...more });
const DUAL = options({ podCidr: "fd00:244::/56,10.244.0.0/16", serviceCidr: "fd00:96::/108,10.96.0.0/16" });

describe("the record of a further node", () => {
  it("has an address of each family of the cluster, the default family's first, and the server's in that family", () => {
    expect(nodeRecord(options(), 2, { nodeName: "a" })).toMatchObject({ addresses: ["10.245.0.2"], server: "https://10.245.0.1:6443" });
    expect(nodeRecord(DUAL, 7, { nodeName: "a" })).toMatchObject({
      addresses: ["fd6b:7562:6574:73::7", "10.245.0.7"],
      server: "https://[fd6b:7562:6574:73::1]:6443",
    });
    expect(machineAddresses(DUAL)).toEqual(["fd6b:7562:6574:73::1", "10.245.0.1"]);
  });

  it("takes what concerns every node from the cluster, and what was said of the first one from nobody", () => {
    const cluster = options({ nodeLabels: { disk: "ssd" }, registerWithTaints: [{ key: "a", effect: "NoSchedule" }], podManifestPath: "/m", maxPods: 20 });
    const { options: own } = nodeRecord(cluster, 2, { nodeName: "b", nodeLabels: { disk: "hdd" } });
    expect(own).toMatchObject({ nodeName: "b", nodeLabels: { disk: "hdd" }, maxPods: 20, podCidr: "10.244.0.0/16" });
    expect(own.registerWithTaints).toBeUndefined();
    expect(own.podManifestPath).toBeUndefined();
  });

  it("has a number for as many nodes as the narrowest range has addresses", () => {
    expect(lastNumber(options())).toBe(254);
    expect(lastNumber(options({ nodeNetworkCidr: "10.245.0.0/29" }))).toBe(6);
  });

  it.each(["a", "laptop-2", "rack.1"])("may be called %s", (name) => {
    expect(() => checkNodeName(name)).not.toThrow();
  });
  it.each(["", "A", "-a", "a-", ".numbers", "a..b", "a.-b", "a/b", "a".repeat(64)])("may not be called %s", (name) => {
    expect(() => checkNodeName(name)).toThrow(OptionsError);
  });

  it("is called after the first node and the next free number", () => {
    expect(nextName("laptop", new Set())).toBe("laptop-2");
    expect(nextName("laptop", new Set(["laptop-2", "laptop-4"]))).toBe("laptop-3");
  });
});
