// The cluster that the tests run on: kubets as a user starts it, with its own data folder and kubeconfig.
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Folders } from "./folders.ts";
import { ConformanceError, output } from "./process.ts";

/** The tool runs from the root of the checkout. */
const LAUNCHER = resolve("kubets");

export interface ConformanceCluster {
  /** The address of the first node, which every node reaches. */
  address(): Promise<string>;
  /** Everything that the cluster logged so far. */
  log(): Promise<string>;
  delete(): Promise<void>;
}

/** Starts a fresh cluster and loads the images; with `keep`, takes the one that an earlier run left. */
export async function startedCluster(folders: Folders, options: { readonly nodes: number; readonly keep: boolean }): Promise<ConformanceCluster> {
  const kubets = (...args: string[]): Promise<string> =>
    output({ program: LAUNCHER, args, env: { KUBECONFIG: folders.kubeconfig, KUBETS_DATA_DIR: folders.cluster, NO_COLOR: "1" } });
  const cluster: ConformanceCluster = {
    address: async () => (await kubets("ip")).trim(),
    log: () => kubets("logs"),
    delete: async () => {
      await kubets("delete");
      rmSync(folders.kubeconfig, { force: true });
    },
  };
  if (options.keep && (await isRunning(kubets))) return cluster;
  if (existsSync(folders.cluster)) await cluster.delete();
  try {
    console.log(`starting a cluster of ${options.nodes} ${options.nodes === 1 ? "node" : "nodes"} ...`);
    await kubets("start", ...(options.nodes === 1 ? [] : ["--nodes", String(options.nodes)]));
    await kubets("image", "load", folders.images);
    return cluster;
  } catch (error) {
    await cluster.delete();
    throw error;
  }
}

async function isRunning(kubets: (...args: string[]) => Promise<string>): Promise<boolean> {
  try {
    await kubets("status");
    return true;
  } catch (error) {
    if (error instanceof ConformanceError) return false;
    throw error;
  }
}

/** Puts the cluster's log beside the reports of the run. */
export async function keepLog(cluster: ConformanceCluster, file: string): Promise<string> {
  const log = await cluster.log();
  writeFileSync(file, log);
  return log;
}
