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
      const families = [...new Set(plan.networks.map(({ podCidr }) => ipFamilyOf(podCidr)))];
      const [links, ownRoutes, way] = await Promise.all([machine.links(), machine.ownRoutes(families), machine.defaultRoute()]);
      await Promise.all([makeBridge(machine, plan, links), machine.nft(options.clusterCidrs.map(masquerade).join(""))]);
      // With it the runtime's network is ready. Before the routes: another node out of reach does not keep this one's pods from starting.
      await writeConfig(options, plan, mtuOf(links, way));
      await setRoutes(machine, plan, options.serviceCidrs, ownRoutes);
    },
    isIntact: async ({ networks }) => {
      const addresses = addressesOfBridge(await machine.links());
      if (!networks.every(({ gateway, prefixLength }) => addresses.includes(`${gateway}/${prefixLength}`))) return false;
      for (const cidr of options.clusterCidrs) if (!(await machine.hasChain(FAMILIES[ipFamilyOf(cidr)].header))) return false;
      return true;
    },
  };
}

/** What `ip -json address show` tells of an interface, as far as it is used here. */
interface Link {
  readonly ifname?: string;
  readonly mtu?: number;
  readonly addr_info?: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[];
}

/** The same of `ip -json route show`. */
interface Route {
  readonly dst: string;
  readonly dev?: string;
}

/** Runs the commands that look at and change a network namespace. */
class NetworkNamespace {
  constructor(private readonly path: string | undefined) {}

  async ip(...args: string[]): Promise<string> {
    return (await run(...this.command("ip", args))).stdout;
  }

  /** One process for all changes, in order; the first that fails ends it. */
  async change(commands: readonly string[]): Promise<void> {
    if (commands.length > 0) await this.fed("ip", ["-batch", "-"], `${commands.join("\n")}\n`);
  }

  /** As `change`, but what fails does not keep the rest from being tried. Returns what `ip` says of the failures, a text for each. */
  async attempt(commands: readonly string[]): Promise<string[]> {
    if (commands.length === 0) return [];
    try {
      await this.fed("ip", ["-force", "-batch", "-"], `${commands.join("\n")}\n`);
      return [];
    } catch (error) {
      const { stderr = "" } = error as { readonly stderr?: string };
      // Each failure is told of in a line or more, the last of which names the command's place.
      const failures = stderr.split(/^Command failed -:\d+\n?/m).filter((text) => text !== "");
      return failures.length > 0 ? failures.map((text) => text.trim()) : [String(error)];
    }
  }

  async nft(rules: string): Promise<void> {
    await this.fed("nft", ["-f", "-"], rules);
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

  async links(): Promise<readonly Link[]> {
    return JSON.parse((await this.ip("-json", "address", "show")) || "[]") as Link[];
  }

  /** Those that an earlier plan set. */
  async ownRoutes(families: readonly Family[]): Promise<ReadonlyMap<Family, readonly Route[]>> {
    const listings = families.map(async (family) => [family, await this.routes(FAMILIES[family].option, "proto", ROUTE_PROTOCOL)] as const);
    return new Map(await Promise.all(listings));
  }

  /** That of IPv4, if there is one. */
  async defaultRoute(): Promise<Route | undefined> {
    return (await this.routes("-4", "default"))[0];
  }

  private async routes(family: string, ...selection: string[]): Promise<readonly Route[]> {
    return JSON.parse((await this.ip("-json", family, "route", "show", ...selection)) || "[]") as Route[];
  }

  async setSysctl(name: string, value: string): Promise<void> {
    const file = `/proc/sys/${name}`;
    if (this.path === undefined) await writeFile(file, value);
    else await run(...this.command("sh", ["-c", `echo ${value} > ${file}`]));
  }

  private async fed(file: string, args: readonly string[], input: string): Promise<void> {
    const child = run(...this.command(file, args));
    // A write to a command that ended already fails; its exit says why.
    child.child.stdin?.on("error", () => undefined);
    child.child.stdin?.end(input);
    await child;
  }

  private command(file: string, args: readonly string[]): [string, string[]] {
    return this.path === undefined ? [file, [...args]] : ["nsenter", [`--net=${this.path}`, file, ...args]];
  }
}

function bridgeOf(links: readonly Link[]): Link | undefined {
  return links.find(({ ifname }) => ifname === POD_BRIDGE);
}

/** With their prefix lengths; none when there is no bridge. */
function addressesOfBridge(links: readonly Link[]): string[] {
  const addresses = bridgeOf(links)?.addr_info ?? [];
  return addresses.filter(({ scope }) => scope === "global").map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

async function makeBridge(machine: NetworkNamespace, { networks }: NetworkPlan, links: readonly Link[]): Promise<void> {
  const wanted = networks.map(({ gateway, prefixLength }) => `${gateway}/${prefixLength}`);
  const unwanted = addressesOfBridge(links).filter((address) => !wanted.includes(address));
  await machine.change([
    ...(bridgeOf(links) === undefined ? [`link add ${POD_BRIDGE} type bridge`] : []),
    ...unwanted.map((address) => `address del ${address} dev ${POD_BRIDGE}`),
    // Nobody else can have an IPv6 address of the bridge: it is usable at once, not after a second of looking for a duplicate.
    ...wanted.map((address) => `address replace ${address} dev ${POD_BRIDGE}${ipFamilyOf(address) === "IPv6" ? " nodad" : ""}`),
    `link set ${POD_BRIDGE} up`,
  ]);
  // A host port on 127.0.0.1 leads there; the proxy keeps others from reaching loopback this way.
  await machine.setSysctl(`net/ipv4/conf/${POD_BRIDGE}/route_localnet`, "1");
}

/** Largest packet that leaves by this machine's default route; undefined without one. */
export async function machineMtu(): Promise<number | undefined> {
  const machine = new NetworkNamespace(undefined);
  const [links, way] = await Promise.all([machine.links(), machine.defaultRoute()]);
  return mtuOf(links, way);
}

function mtuOf(links: readonly Link[], way: Route | undefined): number | undefined {
  return links.find(({ ifname }) => ifname === way?.dev)?.mtu;
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
async function setRoutes(
  machine: NetworkNamespace,
  plan: NetworkPlan,
  serviceCidrs: readonly string[],
  ownRoutes: ReadonlyMap<Family, readonly Route[]>,
): Promise<void> {
  const wanted = new Map<string, string>([
    ...plan.routes.map(({ destination, via }) => [destination, `via ${via}`] as const),
    // Translation comes first; what it leaves is refused on its way to the bridge.
    ...serviceCidrs.filter((cidr) => ownRoutes.has(ipFamilyOf(cidr))).map((cidr) => [cidr, `dev ${POD_BRIDGE}`] as const),
  ]);
  const failures = await machine.attempt([
    ...[...ownRoutes.values()]
      .flat()
      .filter(({ dst }) => !wanted.has(dst))
      .map(({ dst }) => `route del ${dst} proto ${ROUTE_PROTOCOL}`),
    ...[...wanted].map(([destination, way]) => `route replace ${destination} ${way} proto ${ROUTE_PROTOCOL}`),
  ]);
  if (failures.length > 0) throw new Error(`${failures.length} routes to pods of other nodes could not be set: ${failures.join("; ")}`);
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
  if (bridgeOf(await machine.links()) !== undefined) await machine.ip("link", "del", POD_BRIDGE);
  await rm(options.cniConfigFolder, { recursive: true, force: true });
  await rm(options.cniStateFolder, { recursive: true, force: true });
}
