// The program of a further node: kubelet, pod network and service rules in a process of their own, which meets the cluster over the
// network alone. It is started in the node's namespaces, and again whenever it ends; containers outlive it.
import { createSystemEnv, type LogLevel } from "../../base/index.host.ts";
import type { Env } from "../../base/index.ts";
import { startContainerd } from "../containerd.host.ts";
import { releaseLock, takeLock } from "../daemon.host.ts";
import { type ClusterPaths, clusterPaths } from "../data-folder.ts";
import { realMachine, startNode, startProxy } from "../node.host.ts";
import { Started } from "../started.ts";
import { establishIdentity } from "./node-identity.host.ts";
import { nodeCgroup, pathsOnDisk } from "./node-record.ts";
import { readRecord } from "./node-records.host.ts";

const CERTIFICATE_CHECK_MS = 24 * 60 * 60_000;

/** Runs until it is asked to end (SIGTERM, SIGINT), or its certificates are to be renewed. */
export async function runNode(dataDir: string): Promise<void> {
  const env = createSystemEnv({ logLevel: (process.env["KUBETS_LOG_LEVEL"] ?? "info") as LogLevel });
  const log = env.log.child("node");
  const started = new Started();
  const paths = clusterPaths(dataDir);
  await takeLock(paths);
  const end = async (code: number): Promise<void> => {
    await started.stop().catch((error: unknown) => log.error("the node's program did not end cleanly", { error }));
    await releaseLock(paths);
    process.exit(code);
  };
  process.once("SIGTERM", () => void end(0));
  process.once("SIGINT", () => void end(0));
  try {
    const { isStillGood, name } = await start(env, paths, started);
    log.info("the node runs", { node: name });
    setInterval(() => {
      isStillGood().then(
        (good) => (good ? undefined : end(0)),
        (error: unknown) => log.error("certificates could not be looked at", { error }),
      );
    }, CERTIFICATE_CHECK_MS).unref();
  } catch (error) {
    log.error("the node cannot start", { error });
    await end(1);
  }
}

async function start(env: Env, diskPaths: ClusterPaths, started: Started): Promise<{ readonly name: string; isStillGood(): Promise<boolean> }> {
  const file = pathsOnDisk(diskPaths.data).record;
  const record = await readRecord(file);
  if (record === undefined) throw new Error(`there is no ${file}; "kubets node run" is for the inside of a node that "kubets node add" made`);
  const paths = { ...diskPaths, cgroup: nodeCgroup(diskPaths, record.name) };
  const { options, addresses: nodeIps } = record;
  const progress = (text: string): void => env.log.info(text);
  const containerd = startContainerd(env, paths);
  // Its failure is heard where it is waited for.
  containerd.catch(() => undefined);
  const [identity, machine] = await Promise.all([
    establishIdentity(env, record, paths.data),
    realMachine(env, { paths, options, containerd, progress }, started),
  ]);
  const { client, serving, certificateAuthority: clientAuthorities } = identity;
  started.add(() => client.close());
  const parts = { paths, options, nodeIps, clients: { kubelet: client, proxy: client }, serving, clientAuthorities, machine };
  const { network } = await startNode(env, parts, started);
  await network;
  await startProxy(env, parts, started);
  return { name: record.name, isStillGood: () => identity.isStillGood() };
}
