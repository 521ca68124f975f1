// Makes and removes the links that join nodes on one machine, with `ip` and `nft`.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { cidrContains, ipFamilyOf, parseCidr } from "../../api/index.ts";
import { machineMtu } from "../../network/index.host.ts";
import { POD_BRIDGE } from "../../network/index.ts";
import { OptionsError } from "../options.ts";
import {
  BRIDGE_MAC,
  bridgeCommands,
  linkName,
  masqueradeRules,
  NODE_BRIDGE,
  NODE_INTERFACE,
  type NodeCabling,
  nodeCommands,
  removalOfMasquerade,
} from "./node-links.ts";

const run = promisify(execFile);

/** The machine's side. Doing it again changes nothing. Throws `OptionsError` when the machine has other use for the addresses. */
export async function makeNodeBridge(ranges: readonly string[], gateways: readonly string[]): Promise<void> {
  if (!(await hasLink(NODE_BRIDGE))) {
    for (const range of ranges) await refuseTaken(range);
    await run("ip", ["link", "add", NODE_BRIDGE, "address", BRIDGE_MAC, "type", "bridge"]);
  }
  await batch("ip", [], bridgeCommands(gateways, ranges));
  await feed("nft", ["-f", "-"], masqueradeRules(ranges, POD_BRIDGE));
}

export async function removeNodeBridge(ranges: readonly string[]): Promise<void> {
  await feed("nft", ["-f", "-"], ranges.map(removalOfMasquerade).join(""));
  await removeNodeLinks();
}

/** The bridge; the nodes' links went with the nodes. */
export async function removeNodeLinks(): Promise<void> {
  if (await hasLink(NODE_BRIDGE)) await run("ip", ["link", "delete", NODE_BRIDGE]);
}

/** Joins the network namespace of a process to the bridge. */
export async function joinNode(number: number, pid: number, cabling: NodeCabling): Promise<void> {
  const link = linkName(number);
  await unlinkNode(number);
  const mtu = await machineMtu();
  const size = mtu === undefined ? [] : ["mtu", String(mtu)];
  await run("ip", ["link", "add", link, ...size, "type", "veth", "peer", "name", NODE_INTERFACE, ...size, "netns", String(pid)]);
  await run("ip", ["link", "set", link, "master", NODE_BRIDGE, "up"]);
  await cableNode(pid, cabling);
}

/** Addresses and routes in the node, also of one that runs: the machine's own address may have changed. */
export async function cableNode(pid: number, cabling: NodeCabling): Promise<void> {
  await batch("nsenter", ["--target", String(pid), "--net", "ip"], nodeCommands(cabling));
}

/** A link goes with either of its ends; the kernel takes its time when it is the node's that goes. */
export async function unlinkNode(number: number): Promise<void> {
  if (await hasLink(linkName(number))) await run("ip", ["link", "delete", linkName(number)]).catch(() => undefined);
}

function hasLink(name: string): Promise<boolean> {
  return run("ip", ["link", "show", "dev", name]).then(
    () => true,
    () => false,
  );
}

/** Somebody else's route into the range would be cut off. */
async function refuseTaken(range: string): Promise<void> {
  const family = ipFamilyOf(range) === "IPv6" ? "-6" : "-4";
  const { stdout } = await run("ip", ["-json", family, "route", "show", "table", "all"]);
  const routes = JSON.parse(stdout || "[]") as { dst: string; dev?: string }[];
  const other = routes.find(({ dst, dev }) => dst !== "default" && dev !== NODE_BRIDGE && overlap(range, dst));
  if (other === undefined) return;
  const problem = `this machine has a route to ${other.dst}${other.dev === undefined ? "" : ` (${other.dev})`}, which overlaps with its nodes' addresses ${range}`;
  throw new OptionsError(`${problem}; stop the cluster if it runs, and start it with --node-network-cidr and a range that is free`);
}

function overlap(range: string, destination: string): boolean {
  const host = ipFamilyOf(range) === "IPv6" ? 128 : 32;
  const [one, other] = [parseCidr(range), parseCidr(destination.includes("/") ? destination : `${destination}/${host}`)];
  // `::/0` and `0.0.0.0/0` hold everything, and take nothing from those that are narrower.
  if (one === undefined || other === undefined || other.prefixLength === 0) return false;
  return other.prefixLength >= one.prefixLength ? cidrContains(one, other.address) : cidrContains(other, one.address);
}

function batch(program: string, before: readonly string[], commands: readonly string[]): Promise<void> {
  return feed(program, [...before, "-batch", "-"], `${commands.join("\n")}\n`);
}

async function feed(program: string, args: readonly string[], input: string): Promise<void> {
  const running = run(program, [...args]);
  // A write to a command that ended already fails; its exit says why.
  running.child.stdin?.on("error", () => undefined);
  running.child.stdin?.end(input);
  await running;
}
