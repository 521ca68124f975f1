// Further nodes on this machine, from being made to being gone.
import { readFile, rm } from "node:fs/promises";
import { isNodeReady, isStatus, nodes } from "../../api/index.ts";
import type { Env, Timer } from "../../base/index.ts";
import { type Client, createInformer } from "../../client/index.ts";
import { replaceFile } from "../../kubeadm/index.host.ts";
import { allowNodesToJoin, createKubeconfig, kubeconfigText, newBootstrapToken, publishBootstrapToken, withdrawBootstrapToken } from "../../kubeadm/index.ts";
import type { ClusterPaths } from "../data-folder.ts";
import { dnsAddress } from "../node.host.ts";
import type { ClusterOptions } from "../options.ts";
import { isIntroduced } from "./node-identity.host.ts";
import { cableNode, makeNodeBridge, removeNodeBridge } from "./node-links.host.ts";
import type { NodeCabling } from "./node-links.ts";
import { NodeMachineError, poweredNode, powerOff, powerOn } from "./node-machine.host.ts";
import { machineAddresses, type NodeRecord, nodePaths, nodeRanges } from "./node-record.ts";
import { readNodes, refreshNode, removeNodeFolder } from "./node-records.host.ts";
import { shareLoadedImages } from "./share-images.host.ts";

/** The cluster that nodes are made for. */
export interface NodeHome {
  readonly paths: ClusterPaths;
  readonly cluster: ClusterOptions;
  /** Addresses of the first node, of which the machine has one of each family. */
  readonly machineIps: readonly string[];
  /** The administrator's. */
  readonly client: Client;
  readonly progress: (text: string) => void;
}

const TOKEN_LIFETIME_MS = 60 * 60_000;
const READY_LIMIT_MS = 120_000;
const POWER_CHECK_MS = 500;

/** Gives the nodes power and a place in the cluster, side by side. Resolves when all are Ready; throws `NodeMachineError` with all that went wrong. */
export async function startNodes(env: Env, home: NodeHome, records: readonly NodeRecord[]): Promise<void> {
  if (records.length === 0) return;
  const { paths, cluster, client } = home;
  await Promise.all([prepareMachine(cluster), allowNodesToJoin(client)]);
  const outcomes = await Promise.allSettled(
    records.map(async (before) => {
      const record = await refreshNode(paths, cluster, before);
      // What a node was told when it got power, it knows until it loses it.
      if (JSON.stringify(record) !== JSON.stringify(before)) await powerOff(paths, before);
      await startNode(env, home, record);
    }),
  );
  const problems = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [messageOf(outcome.reason)] : []));
  if (problems.length > 0) throw new NodeMachineError(problems.join("; "));
}

/** The machine's end of what joins its nodes. Doing it again changes nothing. Throws `OptionsError` when the machine has other use for the addresses. */
export function prepareMachine(cluster: ClusterOptions): Promise<void> {
  return makeNodeBridge(nodeRanges(cluster), machineAddresses(cluster));
}

async function startNode(env: Env, home: NodeHome, record: NodeRecord): Promise<void> {
  const { paths, cluster, machineIps, client, progress } = home;
  const cabling: NodeCabling = { addresses: record.addresses, gateways: machineAddresses(cluster), ranges: nodeRanges(cluster), machineIps };
  const running = await poweredNode(paths, record.name);
  if (running !== undefined) {
    await cableNode(running, cabling);
    await untilReady(env, client, { paths, name: record.name });
    progress(`Node ${record.name} is still running, with its containers.`);
    return;
  }
  const token = await introduce(env, home, record);
  await powerOn(paths, record, cabling, dnsAddress(record.options));
  const pid = await untilReady(env, client, { paths, name: record.name });
  if (token !== undefined) await forget(home, record, token);
  const images = await shareLoadedImages(paths, record.name, pid);
  progress(`Node ${record.name} is Ready${images.length > 0 ? `, and has the loaded images too (${images.length})` : ""}.`);
}

/** Writes what a node must know that is not known to the cluster yet. Returns the token that was made for it. */
async function introduce(env: Env, { paths, client }: NodeHome, record: NodeRecord): Promise<string | undefined> {
  const { folder, bootstrapKubeconfig } = nodePaths(paths, record.name);
  const certificateAuthority = await readFile(`${paths.pki}/ca.crt`, "utf8");
  if (await isIntroduced(env, record, folder, certificateAuthority)) return undefined;
  const token = newBootstrapToken(env);
  const kubeconfig = createKubeconfig({
    clusterName: "kubets",
    server: record.server,
    certificateAuthority,
    userName: "tls-bootstrap",
    credentials: { token },
  });
  await replaceFile(bootstrapKubeconfig, kubeconfigText(kubeconfig), 0o600);
  await publishBootstrapToken(env, client, token, { lifetimeMs: TOKEN_LIFETIME_MS, description: `Lets node ${record.name} join the cluster.` });
  return token;
}

/** It is known from now on by what it got for the token. */
async function forget({ paths, client }: NodeHome, { name }: NodeRecord, token: string): Promise<void> {
  await withdrawBootstrapToken(client, token);
  await rm(nodePaths(paths, name).bootstrapKubeconfig, { force: true });
}

/** The node, its object in the cluster, and every trace of it on this machine; with the last node that of there having been any. */
export async function deleteNode({ paths, cluster, client }: Omit<NodeHome, "machineIps" | "progress">, record: NodeRecord): Promise<void> {
  await powerOff(paths, record);
  await client.delete(nodes, { name: record.name }).catch((error: unknown) => {
    if (!isStatus(error, "NotFound")) throw error;
  });
  await removeNodeFolder(paths, record.name);
  if ((await readNodes(paths)).length === 0) await removeNodeBridge(nodeRanges(cluster));
}

/**
 * Ready since it has power: what the cluster remembers of the time before does not count. Returns the process id of the node's first
 * process.
 */
function untilReady(env: Env, client: Client, { paths, name }: { readonly paths: ClusterPaths; readonly name: string }): Promise<number> {
  const informer = createInformer(env, client, nodes, { fieldSelector: `metadata.name=${name}` });
  let timeout: Timer | undefined;
  let power: Timer | undefined;
  return new Promise<number>((resolve, reject) => {
    const { log } = nodePaths(paths, name);
    timeout = env.clock.setTimeout(
      () => reject(new NodeMachineError(`node ${name} is not Ready after ${READY_LIMIT_MS / 1000} s; its log is ${log}`)),
      READY_LIMIT_MS,
    );
    const look = (): void => {
      present(paths, name).then(({ pid, bootId }) => {
        const node = informer.get(name);
        if (node === undefined || !isNodeReady(node) || node.status?.nodeInfo?.bootID !== bootId) return;
        resolve(pid);
      }, reject);
    };
    informer.addHandler({ added: look, updated: look });
    informer.start();
    // That it has lost its power again, the cluster does not tell for a while.
    const lookLater = (): void => {
      power = env.clock.setTimeout(() => {
        look();
        lookLater();
      }, POWER_CHECK_MS);
    };
    lookLater();
  }).finally(() => {
    timeout?.cancel();
    power?.cancel();
    informer.stop();
  });
}

async function present(paths: ClusterPaths, name: string): Promise<{ readonly pid: number; readonly bootId: string }> {
  const pid = await poweredNode(paths, name);
  if (pid === undefined) throw new NodeMachineError(`node ${name} lost its power; its log is ${nodePaths(paths, name).log}`);
  return { pid, bootId: (await readFile(`/proc/${pid}/root/run/boot-id`, "utf8").catch(() => "")).trim() };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
