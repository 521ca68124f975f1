// Applies the pod network on Linux with `ip` and `nft`, and takes it away again. What it makes: the bridge, routes marked with
// a protocol number of ours, an nft table of each address family, the CNI configuration file.
import { execFile } from "node:child_process";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ipFamilyOf } from "../api/index.ts";
import { cniConfig, POD_BRIDGE } from "./cni.ts";
import type { NetworkApplier } from "./node-network.ts";
import type { NetworkPlan } from "./plan.ts";

const run = promisify(execFile);
const TABLE = "kubets-network";
/** Marks our routes, so that only ours are removed. */
const ROUTE_PROTOCOL = "236";
/** The option of `ip`, and the family of a table, by address family. */
const FAMILIES = { IPv4: { option: "-4", header: "ip" }, IPv6: { option: "-6", header: "ip6" } } as const;

type Family = keyof typeof FAMILIES;

export interface LinuxNetworkOptions {
  /** Folder that containerd reads its CNI configuration from. */
  readonly cniConfigFolder: string;
  /** Folder of the address allocations. */
  readonly cniStateFolder: string;
  /** All pods of the cluster, a range of each address family: traffic to them keeps its source address. */
  readonly clusterCidrs: readonly string[];
  /** Addresses of services: they lead to the bridge, so that a machine without a default route reaches them too. */
  readonly serviceCidrs: readonly string[];
  /** Path of the node's network namespace; absent: this process's own. */
  readonly networkNamespace?: string;
}

type Removal = Pick<LinuxNetworkOptions, "cniConfigFolder" | "cniStateFolder" | "networkNamespace">;

export function createLinuxNetwork(options: LinuxNetworkOptions): NetworkApplier {
  const machine = new NetworkNamespace(options.networkNamespace);
  return {
    apply: async (plan) => {
      await makeBridge(machine, plan);
      await machine.nft(options.clusterCidrs.map(masquerade).join(""));
      // With it the runtime's network is ready. Before the routes: another node out of reach does not keep this one's pods from starting.
      await writeConfig(options, plan, await machine.mtu());
      await setRoutes(machine, plan, options.serviceCidrs);
    },
    isIntact: async ({ networks }) => {
      const addresses = await machine.addresses();
      if (!networks.every(({ gateway, prefixLength }) => addresses.includes(`${gateway}/${prefixLength}`))) return false;
      for (const cidr of options.clusterCidrs) if (!(await machine.hasChain(FAMILIES[ipFamilyOf(cidr)].header))) return false;
      return true;
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

  /** Whether the family's rules are there, and not only an empty table. */
  async hasChain(header: string): Promise<boolean> {
    return run(...this.command("nft", ["list", "chain", header, TABLE, "postrouting"])).then(
      ({ stdout }) => stdout.includes("masquerade"),
      () => false,
    );
  }

  async hasTable(header: string): Promise<boolean> {
    return run(...this.command("nft", ["list", "table", header, TABLE])).then(
      () => true,
      () => false,
    );
  }

  async hasBridge(): Promise<boolean> {
    const links = JSON.parse((await this.ip("-json", "link", "show")) || "[]") as { ifname?: string }[];
    return links.some(({ ifname }) => ifname === POD_BRIDGE);
  }

  /** The bridge's, with their prefix lengths; none when there is no bridge. */
  async addresses(): Promise<string[]> {
    if (!(await this.hasBridge())) return [];
    const [bridge] = JSON.parse(await this.ip("-json", "address", "show", "dev", POD_BRIDGE)) as {
      addr_info?: { local: string; prefixlen: number; scope: string }[];
    }[];
    return (bridge?.addr_info ?? []).filter(({ scope }) => scope === "global").map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  }

  /** That of the interface with the default route. */
  async mtu(): Promise<number | undefined> {
    const [route] = JSON.parse((await this.ip("-json", "-4", "route", "show", "default")) || "[]") as { dev?: string }[];
    if (route?.dev === undefined) return undefined;
    const [link] = JSON.parse(await this.ip("-json", "link", "show", "dev", route.dev)) as { mtu?: number }[];
    return link?.mtu;
  }

  async setSysctl(name: string, value: string): Promise<void> {
    await run(...this.command("sh", ["-c", `echo ${value} > /proc/sys/${name}`]));
  }

  private command(file: string, args: readonly string[]): [string, string[]] {
    return this.path === undefined ? [file, [...args]] : ["nsenter", [`--net=${this.path}`, file, ...args]];
  }
}

async function makeBridge(machine: NetworkNamespace, { networks }: NetworkPlan): Promise<void> {
  if (!(await machine.hasBridge())) await machine.ip("link", "add", POD_BRIDGE, "type", "bridge");
  const wanted = networks.map(({ gateway, prefixLength }) => `${gateway}/${prefixLength}`);
  for (const address of await machine.addresses()) if (!wanted.includes(address)) await machine.ip("address", "del", address, "dev", POD_BRIDGE);
  // Nobody else can have an IPv6 address of the bridge: it is usable at once, not after a second of looking for a duplicate.
  for (const address of wanted) await machine.ip("address", "replace", address, "dev", POD_BRIDGE, ...(ipFamilyOf(address) === "IPv6" ? ["nodad"] : []));
  await machine.ip("link", "set", POD_BRIDGE, "up");
  // A host port on 127.0.0.1 leads there; the proxy keeps others from reaching loopback this way.
  await machine.setSysctl(`net/ipv4/conf/${POD_BRIDGE}/route_localnet`, "1");
}

/** Pods leave the cluster with their node's address. */
function masquerade(clusterCidr: string): string {
  const { header } = FAMILIES[ipFamilyOf(clusterCidr)];
  return `table ${header} ${TABLE} {}
delete table ${header} ${TABLE}
table ${header} ${TABLE} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ${header} saddr ${clusterCidr} ${header} daddr != ${clusterCidr} oifname != "${POD_BRIDGE}" masquerade
  }
}
`;
}

/** A route that cannot be set does not keep others from being set. */
async function setRoutes(machine: NetworkNamespace, plan: NetworkPlan, serviceCidrs: readonly string[]): Promise<void> {
  const wanted = new Map<string, readonly string[]>([
    ...plan.routes.map(({ destination, via }) => [destination, ["via", via]] as const),
    // Translation comes first; what it leaves is refused on its way to the bridge.
    ...serviceCidrs
      .filter((cidr) => plan.networks.some(({ podCidr }) => ipFamilyOf(podCidr) === ipFamilyOf(cidr)))
      .map((cidr) => [cidr, ["dev", POD_BRIDGE]] as const),
  ]);
  const failures: unknown[] = [];
  const attempt = (family: Family, ...args: string[]): Promise<unknown> =>
    machine.ip(FAMILIES[family].option, "route", ...args, "proto", ROUTE_PROTOCOL).catch((error: unknown) => failures.push(error));
  for (const family of new Set(plan.networks.map(({ podCidr }) => ipFamilyOf(podCidr)))) {
    const present = JSON.parse((await machine.ip("-json", FAMILIES[family].option, "route", "show", "proto", ROUTE_PROTOCOL)) || "[]") as { dst: string }[];
    for (const { dst } of present) if (!wanted.has(dst)) await attempt(family, "del", dst);
  }
  for (const [destination, way] of wanted) await attempt(ipFamilyOf(destination), "replace", destination, ...way);
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} routes to pods of other nodes could not be set: ${String(failures[0])}`);
}

async function writeConfig(options: LinuxNetworkOptions, plan: NetworkPlan, mtu: number | undefined): Promise<void> {
  await mkdir(options.cniConfigFolder, { recursive: true, mode: 0o755 });
  const file = join(options.cniConfigFolder, "10-kubets.conflist");
  await writeFile(`${file}.next`, cniConfig(plan, { stateFolder: options.cniStateFolder, ...(mtu === undefined ? {} : { mtu }) }));
  await rename(`${file}.next`, file);
}

/** Takes away what `apply` made, and the addresses given out. Nothing happens to what is not there. */
export async function removeLinuxNetwork(options: Removal): Promise<void> {
  const machine = new NetworkNamespace(options.networkNamespace);
  for (const { header, option } of Object.values(FAMILIES)) {
    if (await machine.hasTable(header)) await machine.nft(`delete table ${header} ${TABLE}\n`);
    await machine.ip(option, "route", "flush", "proto", ROUTE_PROTOCOL);
  }
  if (await machine.hasBridge()) await machine.ip("link", "del", POD_BRIDGE);
  await rm(options.cniConfigFolder, { recursive: true, force: true });
  await rm(options.cniStateFolder, { recursive: true, force: true });
}
