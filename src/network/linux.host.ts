// Applies the pod network on Linux with `ip` and `nft`, and takes it away again. What it makes: the bridge, routes marked with
// a protocol number of ours, one nft table, the CNI configuration file.
import { execFile } from "node:child_process";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
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
  /** Path of the node's network namespace; absent: this process's own. */
  readonly networkNamespace?: string;
}

type Removal = Pick<LinuxNetworkOptions, "cniConfigFolder" | "cniStateFolder" | "networkNamespace">;

export function createLinuxNetwork(options: LinuxNetworkOptions): NetworkApplier {
  const machine = new NetworkNamespace(options.networkNamespace);
  return {
    apply: async (plan) => {
      await makeBridge(machine, plan);
      await masquerade(machine, options.clusterCidr);
      // With it the runtime's network is ready. Before the routes: another node out of reach does not keep this one's pods from starting.
      await writeConfig(options, plan);
      await setRoutes(machine, plan);
    },
  };
}

/** Runs the commands that look at and change a network namespace. */
class NetworkNamespace {
  constructor(private readonly path: string | undefined) {}

  async ip(...args: string[]): Promise<string> {
    return (await run(...this.command("ip", args))).stdout;
  }

  async nft(rules: string): Promise<void> {
    const child = run(...this.command("nft", ["-f", "-"]));
    // A write to a command that ended already fails; its exit says why.
    child.child.stdin?.on("error", () => undefined);
    child.child.stdin?.end(rules);
    await child;
  }

  async hasBridge(): Promise<boolean> {
    const links = JSON.parse((await this.ip("-json", "link", "show")) || "[]") as { ifname?: string }[];
    return links.some(({ ifname }) => ifname === POD_BRIDGE);
  }

  async setSysctl(name: string, value: string): Promise<void> {
    await run(...this.command("sh", ["-c", `echo ${value} > /proc/sys/${name}`]));
  }

  private command(file: string, args: readonly string[]): [string, string[]] {
    return this.path === undefined ? [file, [...args]] : ["nsenter", [`--net=${this.path}`, file, ...args]];
  }
}

async function makeBridge(machine: NetworkNamespace, plan: NetworkPlan): Promise<void> {
  if (!(await machine.hasBridge())) await machine.ip("link", "add", POD_BRIDGE, "type", "bridge");
  const [bridge] = JSON.parse(await machine.ip("-json", "-4", "address", "show", "dev", POD_BRIDGE)) as {
    addr_info?: { local: string; prefixlen: number }[];
  }[];
  const wanted = `${plan.gateway}/${plan.prefixLength}`;
  const present = (bridge?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  for (const address of present) if (address !== wanted) await machine.ip("address", "del", address, "dev", POD_BRIDGE);
  await machine.ip("address", "replace", wanted, "dev", POD_BRIDGE);
  await machine.ip("link", "set", POD_BRIDGE, "up");
  // A host port on 127.0.0.1 leads there; the proxy keeps others from reaching loopback this way.
  await machine.setSysctl(`net/ipv4/conf/${POD_BRIDGE}/route_localnet`, "1");
}

/** Pods leave the cluster with their node's address. */
async function masquerade(machine: NetworkNamespace, clusterCidr: string): Promise<void> {
  await machine.nft(`table ip ${TABLE} {}
delete table ip ${TABLE}
table ip ${TABLE} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${clusterCidr} ip daddr != ${clusterCidr} oifname != "${POD_BRIDGE}" masquerade
  }
}
`);
}

/** A route that cannot be set does not keep others from being set. */
async function setRoutes(machine: NetworkNamespace, plan: NetworkPlan): Promise<void> {
  const present = JSON.parse((await machine.ip("-json", "route", "show", "proto", ROUTE_PROTOCOL)) || "[]") as { dst: string }[];
  const wanted = new Map(plan.routes.map(({ destination, via }) => [destination, via]));
  const failures: unknown[] = [];
  const attempt = (...args: string[]): Promise<unknown> =>
    machine.ip("route", ...args, "proto", ROUTE_PROTOCOL).catch((error: unknown) => failures.push(error));
  for (const { dst } of present) if (!wanted.has(dst)) await attempt("del", dst);
  for (const [destination, via] of wanted) await attempt("replace", destination, "via", via);
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} routes to pods of other nodes could not be set: ${String(failures[0])}`);
}

async function writeConfig(options: LinuxNetworkOptions, plan: NetworkPlan): Promise<void> {
  await mkdir(options.cniConfigFolder, { recursive: true, mode: 0o755 });
  const file = join(options.cniConfigFolder, "10-kubets.conflist");
  await writeFile(`${file}.next`, cniConfig(plan, options.cniStateFolder));
  await rename(`${file}.next`, file);
}

/** Takes away what `apply` made, and the addresses given out. Nothing happens to what is not there. */
export async function removeLinuxNetwork(options: Removal): Promise<void> {
  const machine = new NetworkNamespace(options.networkNamespace);
  await machine.nft(`table ip ${TABLE} {}\ndelete table ip ${TABLE}\n`);
  await machine.ip("route", "flush", "proto", ROUTE_PROTOCOL);
  if (await machine.hasBridge()) await machine.ip("link", "del", POD_BRIDGE);
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
