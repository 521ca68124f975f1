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
  networks: [
    { podCidr: `10.244.${third}.0/24`, gateway: `10.244.${third}.1`, prefixLength: 24 },
    { podCidr: `fd00:244:0:${third + 1}::/64`, gateway: `fd00:244:0:${third + 1}::1`, prefixLength: 64 },
  ],
  routes,
});
const toB = { destination: "10.244.5.0/24", via: "192.0.2.2" };
const toC = { destination: "10.244.6.0/24", via: "192.0.2.3" };

describe.skipIf(!hasTools)("the pod network in the kernel (needs root, nft and ip)", () => {
  let folder: string;
  let options: Parameters<typeof createLinuxNetwork>[0];
  const on = (...args: string[]): string => execFileSync("nsenter", [`--net=/run/netns/${NAME}`, ...args], { stdio: "pipe" }).toString();
  const routesOf = (option: string): string[] =>
    (JSON.parse(on("ip", "-json", option, "route", "show", "proto", "236") || "[]") as { dst: string }[]).map(({ dst }) => dst).sort();
  /** Those to other nodes. */
  const routes = (): string[] => routesOf("-4").filter((destination) => destination !== "10.96.0.0/16");
  const addresses = (): string => on("ip", "-oneline", "address", "show", "dev", "kubets0");

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "kubets-network-"));
    execFileSync("ip", ["netns", "add", NAME]);
    on("ip", "link", "add", "eth0", "type", "bridge");
    on("ip", "address", "add", "192.0.2.1/24", "dev", "eth0");
    on("ip", "link", "set", "eth0", "up");
    options = {
      cniConfigFolder: join(folder, "config"),
      cniStateFolder: join(folder, "state"),
      clusterCidrs: ["10.244.0.0/16", "fd00:244::/56"],
      serviceCidrs: ["10.96.0.0/16", "fd00:96::/108"],
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
    for (const family of ["ip", "ip6"]) expect(on("nft", "list", "table", family, "kubets-network")).toContain("masquerade");
    expect(addresses()).toContain("fd00:244:0:1::1/64");
    expect([...routesOf("-4"), ...routesOf("-6")]).toEqual(expect.arrayContaining(["10.96.0.0/16", "fd00:96::/108"]));
    expect(await network.isIntact(plan(0))).toBe(true);
    on("nft", "flush", "table", "ip6", "kubets-network");
    expect(await network.isIntact(plan(0))).toBe(false);
    expect(readFileSync(join(folder, "config", "10-kubets.conflist"), "utf8")).toContain("10.244.0.0/24");
    await network.apply(plan(1, [toC]));
    expect(addresses()).not.toContain("10.244.0.1");
    expect(routes()).toEqual(["10.244.6.0/24"]);
    await removeLinuxNetwork(options);
    await removeLinuxNetwork(options);
    expect(on("ip", "link", "show")).not.toContain("kubets0");
    expect(on("nft", "list", "tables")).not.toContain("kubets");
    expect([...routesOf("-4"), ...routesOf("-6")]).toEqual([]);
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
