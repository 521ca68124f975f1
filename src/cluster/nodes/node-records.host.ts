// The records of this machine's further nodes, on their disks.
//
// Invariant: no two nodes have the same number: whoever makes its file first has it.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterPaths } from "../data-folder.ts";
import { type ClusterOptions, OptionsError } from "../options.ts";
import { FIRST_NUMBER, lastNumber, type NodeRecord, nodeAddresses, nodePaths, nodeRecord, nodesFolder, type OwnOptions } from "./node-record.ts";

/** By name. */
export async function readNodes(paths: ClusterPaths): Promise<NodeRecord[]> {
  const names = await readdir(nodesFolder(paths)).catch(() => []);
  const records = await Promise.all(names.sort().map((name) => readNode(paths, name)));
  return records.filter((record) => record !== undefined);
}

export async function readNode(paths: ClusterPaths, name: string): Promise<NodeRecord | undefined> {
  return readRecord(nodePaths(paths, name).record);
}

export async function readRecord(file: string): Promise<NodeRecord | undefined> {
  if (!existsSync(file)) return undefined;
  return JSON.parse(await readFile(file, "utf8")) as NodeRecord;
}

/** Throws `OptionsError` when no number is left. */
export async function createNode(paths: ClusterPaths, cluster: ClusterOptions, own: OwnOptions): Promise<NodeRecord> {
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

async function writeRecord(paths: ClusterPaths, record: NodeRecord): Promise<void> {
  const file = nodePaths(paths, record.name).record;
  await writeFile(`${file}.next`, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.next`, file);
}

/** The disk and the number. */
export async function removeNodeFolder(paths: ClusterPaths, name: string): Promise<void> {
  const numbers = numbersFolder(paths);
  const record = await readNode(paths, name);
  await rm(nodePaths(paths, name).folder, { recursive: true, force: true });
  if (record !== undefined) await rm(join(numbers, String(record.number)), { force: true });
}

/**
 * The addresses that this machine has given to the node of that name; undefined: there is none. A node may write the record on its disk, but
 * not this.
 */
export async function givenAddresses(paths: ClusterPaths, cluster: ClusterOptions, name: string): Promise<readonly string[] | undefined> {
  const folder = numbersFolder(paths);
  for (const number of await readdir(folder).catch(() => [])) {
    const owner = await readFile(join(folder, number), "utf8").catch(() => "");
    if (owner.trim() === name) return nodeAddresses(cluster, Number(number));
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
