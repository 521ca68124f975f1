// Applies the pod network on Linux with `ip` and `nft`, and takes it away again. What it makes: the bridge, routes marked with
// a protocol number of ours, one nft table, the CNI configuration file.
import { execFile } from "node:child_process";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { cniConfig, POD_BRIDGE } from "./cni.ts";
import type { NetworkApplier } from "./node-network.ts";
import type { NetworkPlan } from "./plan.ts";

const run = promisify(execFile);
const TABLE = "kubets-network";
/** Marks our routes, so that only ours are removed. */
const ROUTE_PROTOCOL = "236";

export interface LinuxNetworkOptions {
  /** Folder that containerd reads its CNI configuration from. */
  readonly cniConfigFolder: string;
  /** Folder of the address allocations. */
  readonly cniStateFolder: string;
  /** All pods of the cluster: traffic to them keeps its source address. */
  readonly clusterCidr: string;
}

export function createLinuxNetwork(options: LinuxNetworkOptions): NetworkApplier {
  return {
    apply: async (plan) => {
      await makeBridge(plan);
      await masquerade(options.clusterCidr);
      await setRoutes(plan);
      // Last: with it the runtime's network is ready.
      await writeConfig(options, plan);
    },
  };
}

async function makeBridge(plan: NetworkPlan): Promise<void> {
  if (!(await bridgeExists())) await run("ip", ["link", "add", POD_BRIDGE, "type", "bridge"]);
  await run("ip", ["address", "replace", `${plan.gateway}/${plan.prefixLength}`, "dev", POD_BRIDGE]);
  await run("ip", ["link", "set", POD_BRIDGE, "up"]);
}

/** Asks for this process's own network namespace; /sys shows that of whoever mounted it. */
async function bridgeExists(): Promise<boolean> {
  return (await readFile("/proc/self/net/dev", "utf8")).split("\n").some((line) => line.trim().startsWith(`${POD_BRIDGE}:`));
}

/** Pods leave the cluster with their node's address. */
async function masquerade(clusterCidr: string): Promise<void> {
  const rules = `table ip ${TABLE} {}
delete table ip ${TABLE}
table ip ${TABLE} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${clusterCidr} ip daddr != ${clusterCidr} oifname != "${POD_BRIDGE}" masquerade
  }
}
`;
  await nft(rules);
}

async function nft(rules: string): Promise<void> {
  const child = run("nft", ["-f", "-"]);
  child.child.stdin?.end(rules);
  await child;
}

async function setRoutes(plan: NetworkPlan): Promise<void> {
  const { stdout } = await run("ip", ["-json", "route", "show", "proto", ROUTE_PROTOCOL]);
  const present = JSON.parse(stdout || "[]") as { dst: string; gateway?: string }[];
  const wanted = new Map(plan.routes.map(({ destination, via }) => [destination, via]));
  for (const { dst } of present) if (!wanted.has(dst)) await run("ip", ["route", "del", dst, "proto", ROUTE_PROTOCOL]);
  for (const [destination, via] of wanted) await run("ip", ["route", "replace", destination, "via", via, "proto", ROUTE_PROTOCOL]);
}

async function writeConfig(options: LinuxNetworkOptions, plan: NetworkPlan): Promise<void> {
  await mkdir(options.cniConfigFolder, { recursive: true, mode: 0o755 });
  const file = join(options.cniConfigFolder, "10-kubets.conflist");
  await writeFile(`${file}.next`, cniConfig(plan, options.cniStateFolder));
  await rename(`${file}.next`, file);
}

/** Takes away what `apply` made, and the addresses given out. Nothing happens to what is not there. */
export async function removeLinuxNetwork(options: Pick<LinuxNetworkOptions, "cniConfigFolder" | "cniStateFolder">): Promise<void> {
  await nft(`table ip ${TABLE} {}\ndelete table ip ${TABLE}\n`);
  await run("ip", ["route", "flush", "proto", ROUTE_PROTOCOL]);
  if (await bridgeExists()) await run("ip", ["link", "del", POD_BRIDGE]);
  await rm(options.cniConfigFolder, { recursive: true, force: true });
  await rm(options.cniStateFolder, { recursive: true, force: true });
}

/** This machine's address towards others: that of the interface with the default route, else any that is not loopback, else loopback. */
export async function findNodeAddress(): Promise<string> {
  const { stdout } = await run("ip", ["-json", "-4", "route", "show", "default"]);
  const [route] = JSON.parse(stdout || "[]") as { dev?: string; prefsrc?: string }[];
  if (route?.prefsrc !== undefined) return route.prefsrc;
  const all = networkInterfaces();
  const ofInterface = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : all[name]?.find(({ family, internal }) => family === "IPv4" && !internal)?.address;
  return (
    ofInterface(route?.dev) ??
    Object.keys(all)
      .filter((name) => name !== POD_BRIDGE)
      .map(ofInterface)
      .find((address) => address !== undefined) ??
    "127.0.0.1"
  );
}
