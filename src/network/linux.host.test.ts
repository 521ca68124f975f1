// The pod network in a network namespace of the test's own, with the kernel's bridge, routes and nftables.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLinuxNetwork, removeLinuxNetwork } from "./linux.host.ts";
import type { NetworkPlan } from "./plan.ts";

const hasTools =
  process.getuid?.() === 0 && process.platform === "linux" && ["nft", "ip"].every((tool) => existsSync(`/usr/sbin/${tool}`) || existsSync(`/sbin/${tool}`));
const NAME = `kubets-t${process.pid}-network`;

const plan = (third: number, routes: NetworkPlan["routes"] = []): NetworkPlan => ({
  podCidr: `10.244.${third}.0/24`,
  gateway: `10.244.${third}.1`,
  prefixLength: 24,
  routes,
});
const toB = { destination: "10.244.5.0/24", via: "192.0.2.2" };
const toC = { destination: "10.244.6.0/24", via: "192.0.2.3" };

describe.skipIf(!hasTools)("the pod network in the kernel (needs root, nft and ip)", () => {
  let folder: string;
  let options: Parameters<typeof createLinuxNetwork>[0];
  const on = (...args: string[]): string => execFileSync("nsenter", [`--net=/run/netns/${NAME}`, ...args], { stdio: "pipe" }).toString();
  const routes = (): string[] => (JSON.parse(on("ip", "-json", "route", "show", "proto", "236") || "[]") as { dst: string }[]).map(({ dst }) => dst).sort();
  const addresses = (): string => on("ip", "-4", "-oneline", "address", "show", "dev", "kubets0");

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "kubets-network-"));
    execFileSync("ip", ["netns", "add", NAME]);
    on("ip", "link", "add", "eth0", "type", "bridge");
    on("ip", "address", "add", "192.0.2.1/24", "dev", "eth0");
    on("ip", "link", "set", "eth0", "up");
    options = {
      cniConfigFolder: join(folder, "config"),
      cniStateFolder: join(folder, "state"),
      clusterCidr: "10.244.0.0/16",
      networkNamespace: `/run/netns/${NAME}`,
    };
  });
  afterEach(() => {
    execFileSync("ip", ["netns", "del", NAME]);
    rmSync(folder, { recursive: true, force: true });
  });

  it("makes a plan true, changes it into another, and takes it away", async () => {
    const network = createLinuxNetwork(options);
    await network.apply(plan(0, [toB, toC]));
    await network.apply(plan(0, [toB, toC]));
    expect(addresses()).toContain("10.244.0.1/24");
    expect(routes()).toEqual(["10.244.5.0/24", "10.244.6.0/24"]);
    expect(on("nft", "list", "table", "ip", "kubets-network")).toContain("masquerade");
    expect(readFileSync(join(folder, "config", "10-kubets.conflist"), "utf8")).toContain("10.244.0.0/24");
    await network.apply(plan(1, [toC]));
    expect(addresses()).not.toContain("10.244.0.1");
    expect(routes()).toEqual(["10.244.6.0/24"]);
    await removeLinuxNetwork(options);
    await removeLinuxNetwork(options);
    expect(on("ip", "link", "show")).not.toContain("kubets0");
    expect(on("nft", "list", "tables")).not.toContain("kubets");
    expect(routes()).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("sets up this node's pods and the other routes when one node is out of reach, and says so", async () => {
    const network = createLinuxNetwork(options);
    const lost = { destination: "10.244.4.0/24", via: "198.51.100.9" };
    await expect(network.apply(plan(0, [lost, toB]))).rejects.toThrow("1 routes to pods of other nodes could not be set");
    expect(routes()).toEqual(["10.244.5.0/24"]);
    expect(existsSync(join(folder, "config", "10-kubets.conflist"))).toBe(true);
  });
});
