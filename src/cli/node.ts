// `kubets node add | delete | start | stop | list`, and what `kubets start --nodes` does
import { readFile } from "node:fs/promises";
import { isNodeReady, type Node, nodes } from "../api/index.ts";
import { createSystemEnv } from "../base/index.host.ts";
import type { ClusterPaths } from "../cluster/data-folder.ts";
import { deleteNode, type NodeHome, prepareMachine, startNodes } from "../cluster/nodes/node-lifecycle.host.ts";
import { poweredNode, powerOff } from "../cluster/nodes/node-machine.host.ts";
import { checkNodeName, type NodeRecord, nextName, type OwnOptions } from "../cluster/nodes/node-record.ts";
import { createNode, readNode, readNodes } from "../cluster/nodes/node-records.host.ts";
import { type ClusterOptions, checkNodeNetwork } from "../cluster/options.ts";
import { adminClient } from "./admin-client.ts";
import { existingPlace, type PlaceFlags, runningPlace } from "./place.ts";
import { createProgress, UserError } from "./progress.ts";

export interface AddFlags extends PlaceFlags {
  readonly nodeLabels?: string;
  readonly registerWithTaints?: string;
  readonly maxPods?: number;
}

export async function add(name: string, flags: AddFlags): Promise<void> {
  const { paths } = await runningPlace(flags);
  const cluster = await clusterOptions(paths);
  if (cluster.runtime === "simulated") throw new UserError("further nodes need real containers: a cluster with --runtime=simulated has one node");
  checkNodeNetwork(cluster);
  checkNodeName(name);
  if (name === cluster.nodeName || (await readNode(paths, name)) !== undefined) throw new UserError(`there is a node ${name} already; choose another name`);
  const { parseNodeLabels, parseTaints } = await import("../cluster/node-flags.ts");
  const own: OwnOptions = {
    nodeName: name,
    ...(flags.nodeLabels === undefined ? {} : { nodeLabels: parseNodeLabels(flags.nodeLabels) }),
    ...(flags.registerWithTaints === undefined ? {} : { registerWithTaints: parseTaints(flags.registerWithTaints) }),
    ...(flags.maxPods === undefined ? {} : { maxPods: flags.maxPods }),
  };
  await withHome(paths, async (home) => {
    const { client } = home;
    const { items } = await client.list(nodes);
    if (items.some(({ metadata }) => metadata.name === name))
      throw new UserError(`the cluster has a node ${name} that is not of this machine's making; choose another name`);
    // Before there is anything of the node: the machine may have no room for it.
    await prepareMachine(cluster);
    await startNodes(createSystemEnv({ logLevel: "error" }), home, [await createNode(paths, cluster, own)]);
  });
}

export async function start(name: string, flags: PlaceFlags): Promise<void> {
  const { paths } = await runningPlace(flags);
  const record = await furtherNode(paths, name);
  await withHome(paths, (home) => startNodes(createSystemEnv({ logLevel: "error" }), home, [record]));
}

export async function stop(name: string, flags: PlaceFlags): Promise<void> {
  const paths = existingPlace(flags);
  const record = await furtherNode(paths, name);
  const progress = createProgress();
  if ((await poweredNode(paths, name)) === undefined) {
    progress.step(`Node ${name} is stopped already.`);
    return;
  }
  await powerOff(paths, record);
  progress.step(`Node ${name} has no power any more; "kubets node start ${name}" gives it back.`);
}

export async function remove(name: string, flags: PlaceFlags): Promise<void> {
  const { paths } = await runningPlace(flags);
  const record = await furtherNode(paths, name);
  await withHome(paths, async (home) => {
    await deleteNode(home, record);
    home.progress(`Node ${name} is removed, with all that it had on this machine.`);
  });
}

/** What a machine's node is, as far as this machine and the cluster know. */
interface NodeState {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly state: "running" | "stopped";
  readonly ready: boolean;
}

export async function list(flags: PlaceFlags & { output: "text" | "json" }): Promise<void> {
  const states = await nodeStates((await runningPlace(flags)).paths);
  if (flags.output === "json") {
    console.log(JSON.stringify(states));
    return;
  }
  for (const { name, addresses, state, ready } of states) console.log(`${name}\t${addresses.join(",")}\t${state}\t${ready ? "Ready" : "not Ready"}`);
}

/** The first node, then the others by name. The cluster must run. */
export async function nodeStates(paths: ClusterPaths): Promise<NodeState[]> {
  const cluster = await clusterOptions(paths);
  const { client, close } = await adminClient(paths);
  try {
    const { items } = await client.list(nodes);
    const stateOf = async (name: string, isRunning: boolean, addresses?: readonly string[]): Promise<NodeState> => {
      const node = items.find(({ metadata }) => metadata.name === name);
      const ready = isRunning && node !== undefined && isNodeReady(node);
      return { name, addresses: addresses ?? internalAddresses(node), state: isRunning ? "running" : "stopped", ready };
    };
    const others = (await readNodes(paths)).map(async ({ name, addresses }) => stateOf(name, (await poweredNode(paths, name)) !== undefined, addresses));
    return await Promise.all([stateOf(cluster.nodeName, true), ...others]);
  } finally {
    close();
  }
}

/** Makes the records of as many further nodes as `count` in all needs; the caller starts them. */
export async function makeNodes(paths: ClusterPaths, cluster: ClusterOptions, count: number): Promise<readonly NodeRecord[]> {
  const present = await readNodes(paths);
  if (present.length + 1 > count) {
    const names = present.map(({ name }) => name).join(", ");
    throw new UserError(`the cluster has ${present.length + 1} nodes, more than ${count}; "kubets node delete" removes one of ${names}`);
  }
  const taken = new Set(present.map(({ name }) => name));
  const made: NodeRecord[] = [];
  while (present.length + made.length + 1 < count) {
    const nodeName = nextName(cluster.nodeName, taken);
    taken.add(nodeName);
    made.push(await createNode(paths, cluster, { nodeName }));
  }
  return made;
}

/** Starts nodes in a cluster that runs. */
export async function startInRunning(paths: ClusterPaths, records: readonly NodeRecord[]): Promise<void> {
  await withHome(paths, (home) => startNodes(createSystemEnv({ logLevel: "error" }), home, records));
}

async function withHome(paths: ClusterPaths, work: (home: NodeHome) => Promise<void>): Promise<void> {
  const cluster = await clusterOptions(paths);
  const { client, close } = await adminClient(paths);
  const progress = createProgress();
  try {
    const machineIps = internalAddresses(await client.get(nodes, { name: cluster.nodeName }));
    await work({ paths, cluster, client, machineIps, progress: (text) => progress.step(text) });
  } finally {
    close();
  }
}

function internalAddresses(node: Node | undefined): string[] {
  return (node?.status?.addresses ?? []).filter(({ type }) => type === "InternalIP").map(({ address }) => address);
}

async function clusterOptions(paths: ClusterPaths): Promise<ClusterOptions> {
  return JSON.parse(await readFile(paths.options, "utf8")) as ClusterOptions;
}

async function furtherNode(paths: ClusterPaths, name: string): Promise<NodeRecord> {
  const record = await readNode(paths, name);
  if (record !== undefined) return record;
  if (name === (await clusterOptions(paths)).nodeName)
    throw new UserError(`${name} is the cluster's first node, which the control plane runs on: "kubets stop" and "kubets delete" are for the whole`);
  const others = (await readNodes(paths)).map((node) => node.name);
  throw new UserError(
    others.length === 0 ? `there is no node ${name}; "kubets node add ${name}" makes one` : `there is no node ${name}, but there is ${others.join(", ")}`,
  );
}
