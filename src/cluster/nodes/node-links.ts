// How nodes on one machine are joined: a bridge on the machine, and a link from it into each node. Pure: the commands of `ip` and the rules
// of `nft` that make it so.
import { ipFamilyOf } from "../../api/index.ts";

/** The bridge on the machine. */
export const NODE_BRIDGE = "kubets-nodes";
/** Fixed, for nodes are told it: the machine's other addresses are found behind it without asking. */
export const BRIDGE_MAC = "02:6b:75:62:65:74";
/** The node's end of its link. */
export const NODE_INTERFACE = "eth0";
const TABLE = "kubets-nodes";
const HEADERS = { IPv4: "ip", IPv6: "ip6" } as const;

/** The machine's end of a node's link. */
export function linkName(number: number): string {
  return `kubets-n${number}`;
}

/** For `ip -batch`, once the bridge is there. */
export function bridgeCommands(gateways: readonly string[], ranges: readonly string[]): string[] {
  return [...gateways.map((gateway, index) => addAddress(`${gateway}/${lengthOf(ranges[index])}`, NODE_BRIDGE)), `link set ${NODE_BRIDGE} up`];
}

/** Nodes reach the world with the machine's address, and pods on the machine with their own. */
export function masqueradeRules(ranges: readonly string[], podBridge: string): string {
  return ranges
    .map((range) => {
      const header = HEADERS[ipFamilyOf(range)];
      return `table ${header} ${TABLE} {}
delete table ${header} ${TABLE}
table ${header} ${TABLE} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ${header} saddr ${range} ${header} daddr != ${range} oifname != { "${NODE_BRIDGE}", "${podBridge}" } masquerade
  }
}
`;
    })
    .join("");
}

export function removalOfMasquerade(range: string): string {
  const header = HEADERS[ipFamilyOf(range)];
  return `table ${header} ${TABLE} {}\ndelete table ${header} ${TABLE}\n`;
}

export interface NodeCabling {
  readonly addresses: readonly string[];
  /** The machine's addresses on the bridge, in the order of the ranges. */
  readonly gateways: readonly string[];
  readonly ranges: readonly string[];
  /** Addresses of the first node: the ways to its pods lead there. */
  readonly machineIps: readonly string[];
}

/** For `ip -batch` in the node's network. Running it twice changes nothing. */
export function nodeCommands({ addresses, gateways, ranges, machineIps }: NodeCabling): string[] {
  const families = gateways.map(ipFamilyOf);
  const others = machineIps.filter((ip) => !gateways.includes(ip) && !isLoopback(ip) && families.includes(ipFamilyOf(ip)));
  return [
    "link set lo up",
    ...addresses.map((address, index) => addAddress(`${address}/${lengthOf(ranges[index])}`, NODE_INTERFACE)),
    `link set ${NODE_INTERFACE} up`,
    ...gateways.map((gateway) => `route replace ${ipFamilyOf(gateway) === "IPv6" ? "::/0" : "0.0.0.0/0"} via ${gateway}`),
    // On the link, so that routes may lead there; and known, for over IPv6 nobody answers for an address of another interface.
    ...others.flatMap((ip) => [
      `route replace ${ip}/${ipFamilyOf(ip) === "IPv6" ? 128 : 32} dev ${NODE_INTERFACE}`,
      `neigh replace ${ip} lladdr ${BRIDGE_MAC} dev ${NODE_INTERFACE} nud permanent`,
    ]),
  ];
}

/** Nobody else can have an IPv6 address of ours: it is usable at once, not after a second of looking for a duplicate. */
function addAddress(address: string, device: string): string {
  return `address replace ${address} dev ${device}${ipFamilyOf(address) === "IPv6" ? " nodad" : ""}`;
}

function lengthOf(range: string | undefined): string {
  return range?.split("/")[1] ?? "";
}

function isLoopback(ip: string): boolean {
  return ip.startsWith("127.") || ip === "::1";
}
