// The daemon: everything of a one-node cluster in this process. Containers are not in it: they belong to the cluster's containerd and
// outlive this process, whose next incarnation finds them again.
import { readFile } from "node:fs/promises";
import { createSystemEnv, type LogLevel } from "../base/index.host.ts";
import type { Env } from "../base/index.ts";
import { startContainerd } from "./containerd.host.ts";
import { DaemonError, releaseLock, report, takeLock, writeDaemonState } from "./daemon.host.ts";
import { type ClusterPaths, clusterPaths } from "./data-folder.ts";
import type { ClusterOptions } from "./options.ts";
import type { RunningCluster } from "./this-machine.host.ts";

const STOP_TIMEOUT_MS = 10_000;

/** Runs until it is asked to end (SIGTERM, SIGINT). */
export async function runCluster(dataDir: string): Promise<void> {
  const paths = clusterPaths(dataDir);
  const env = createSystemEnv({ logLevel: (process.env["KUBETS_LOG_LEVEL"] ?? "info") as LogLevel });
  const log = env.log.child("cluster");
  try {
    await takeLock(paths);
  } catch (error) {
    report({ type: "failed", message: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  }
  try {
    const options = JSON.parse(await readFile(paths.options, "utf8")) as ClusterOptions;
    const cluster = await start(env, paths, options);
    process.once("SIGTERM", () => void end(cluster, paths, log));
    process.once("SIGINT", () => void end(cluster, paths, log));
    log.info("the cluster runs", { pid: process.pid, node: options.nodeName });
    report({ type: "ready", problem: cluster.problem });
  } catch (error) {
    log.error("the cluster cannot start", { error });
    report({ type: "failed", message: `${error instanceof Error ? error.message : String(error)}; the log is ${paths.log}` });
    await releaseLock(paths);
    process.exit(1);
  }
}

async function start(env: Env, paths: ClusterPaths, options: ClusterOptions): Promise<RunningCluster> {
  const state = { pid: process.pid, startedAtMs: Date.now(), nodeName: options.nodeName, nodeIp: options.nodeIp ?? "", apiPort: options.apiPort };
  await writeDaemonState(paths, { ...state, phase: "starting" });
  // containerd starts while the rest of the program is being loaded.
  const containerd = options.runtime === "containerd" ? startContainerd(env, paths) : undefined;
  // Its failure is heard where it is waited for.
  containerd?.catch(() => undefined);
  const { startOnThisMachine } = await import("./this-machine.host.ts");
  const cluster = await startOnThisMachine(env, { paths, options, containerd, progress: (text) => report({ type: "progress", text }) });
  await writeDaemonState(paths, { ...state, nodeIp: cluster.nodeIp, phase: "running" });
  return cluster;
}

async function end(cluster: RunningCluster, paths: ClusterPaths, log: Env["log"]): Promise<void> {
  log.info("the cluster ends; its pods go on");
  const timeout = new Promise<void>((_resolve, reject) =>
    setTimeout(() => reject(new DaemonError(`not ended within ${STOP_TIMEOUT_MS / 1000} s`)), STOP_TIMEOUT_MS).unref(),
  );
  try {
    await Promise.race([cluster.stop(), timeout]);
  } catch (error) {
    log.error("the cluster did not end cleanly", { error });
  }
  await releaseLock(paths);
  process.exit(0);
}
