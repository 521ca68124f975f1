// The records of this machine's further nodes, on their disks.
//
// Invariants: no two nodes have the same number: whoever makes its file first has it; a node's name and number, which say what is touched and
// removed on this machine, come from outside the node's disk; what is written to that disk follows no links that lie there.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../../kubeadm/index.host.ts";
import type { ClusterPaths } from "../data-folder.ts";
import { type ClusterOptions, OptionsError } from "../options.ts";
import {
  checkNodeName,
  FIRST_NUMBER,
  isNodeName,
  lastNumber,
  type NodeRecord,
  nodeAddresses,
  nodePaths,
  nodeRecord,
  nodesFolder,
  type OwnOptions,
} from "./node-record.ts";

/** In the order of their numbers. */
export async function readNodes(paths: ClusterPaths): Promise<NodeRecord[]> {
  const names = await readdir(nodesFolder(paths)).catch(() => []);
  const records = await Promise.all(names.map((name) => readNode(paths, name)));
  return records.filter((record) => record !== undefined).sort((a, b) => a.number - b.number);
}

/** Undefined: this machine has not made it, or made it in part. */
export async function readNode(paths: ClusterPaths, name: string): Promise<NodeRecord | undefined> {
  if (!isNodeName(name)) return undefined;
  const [record, number] = await Promise.all([readRecord(nodePaths(paths, name).record), givenNumber(paths, name)]);
  return record === undefined || number === undefined ? undefined : { ...record, name, number, own: { ...record.own, nodeName: name } };
}

/** As the node itself has it. */
export async function readRecord(file: string): Promise<NodeRecord | undefined> {
  if (!existsSync(file)) return undefined;
  return JSON.parse(await readFile(file, "utf8")) as NodeRecord;
}

/** Throws `OptionsError` when no number is left, and for a name that no node may have. */
export async function createNode(paths: ClusterPaths, cluster: ClusterOptions, own: OwnOptions): Promise<NodeRecord> {
  checkNodeName(own.nodeName);
  const { folder } = nodePaths(paths, own.nodeName);
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const record = nodeRecord(cluster, await takeNumber(paths, cluster, own.nodeName), own);
  await writeRecord(paths, record);
  return record;
}

/** The same node, as the cluster's present options want it. */
export async function refreshNode(paths: ClusterPaths, cluster: ClusterOptions, { number, own }: NodeRecord): Promise<NodeRecord> {
  const record = nodeRecord(cluster, number, own);
  await writeRecord(paths, record);
  return record;
}

function writeRecord(paths: ClusterPaths, record: NodeRecord): Promise<void> {
  return replaceFile(nodePaths(paths, record.name).record, `${JSON.stringify(record, undefined, 2)}\n`, 0o600);
}

/** The disk and the number. Throws `OptionsError` for a name that no node may have. */
export async function removeNodeFolder(paths: ClusterPaths, name: string): Promise<void> {
  checkNodeName(name);
  await rm(nodePaths(paths, name).folder, { recursive: true, force: true });
  const number = await givenNumber(paths, name);
  if (number !== undefined) await rm(join(numbersFolder(paths), String(number)), { force: true });
}

/**
 * The addresses that this machine has given to the node of that name; undefined: there is none. A node may write the record on its disk, but
 * not this.
 */
export async function givenAddresses(paths: ClusterPaths, cluster: ClusterOptions, name: string): Promise<readonly string[] | undefined> {
  const number = await givenNumber(paths, name);
  return number === undefined ? undefined : nodeAddresses(cluster, number);
}

async function givenNumber(paths: ClusterPaths, name: string): Promise<number | undefined> {
  const folder = numbersFolder(paths);
  for (const number of await readdir(folder).catch(() => [])) {
    const owner = await readFile(join(folder, number), "utf8").catch(() => "");
    if (owner.trim() === name) return Number(number);
  }
  return undefined;
}

async function takeNumber(paths: ClusterPaths, cluster: ClusterOptions, name: string): Promise<number> {
  const numbers = numbersFolder(paths);
  await mkdir(numbers, { recursive: true, mode: 0o711 });
  const last = lastNumber(cluster);
  for (let number = FIRST_NUMBER; number <= last; number++) {
    try {
      await writeFile(join(numbers, String(number)), `${name}\n`, { flag: "wx" });
      return number;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  throw new OptionsError(`${cluster.nodeNetworkCidr} has no address left for another node; "kubets node delete" frees one`);
}

/** Beside the nodes' folders, whose names never begin with a dot. */
function numbersFolder(paths: ClusterPaths): string {
  return join(nodesFolder(paths), ".numbers");
}
