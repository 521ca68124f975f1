// A whole cluster inside a Node process: the production code of every component over an in-memory store and simulated nodes, on
// real or virtual time. For tests of operators and controllers, and of kubets itself.
import { addressAt } from "../api/index.ts";
import type { ServerConnector } from "../apiserver/index.host.ts";
import type { UserInfo } from "../apiserver/index.ts";
import { createSystemEnv } from "../base/index.host.ts";
import type { Env } from "../base/index.ts";
import type { Client } from "../client/index.ts";
import { createPki } from "../kubeadm/index.ts";
import {
  createKubelet,
  createSimulatedKubeletHost,
  createSimulatedRuntime,
  type Kubelet,
  type KubeletApi,
  type SimulatedHost,
  type SimulatedRuntime,
  type SimulatedRuntimeOptions,
} from "../kubelet/index.ts";
import { readSchedulerConfiguration } from "../scheduler/index.ts";
import { createMemoryStore } from "../store/index.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { createDirectNodeConnector } from "./direct-nodes.ts";
import * as identities from "./identities.ts";
import { DEFAULT_OPTIONS } from "./options.ts";

/** On each node's own simulated disk. */
const VOLUMES_DIRECTORY = "/var/lib/kubets/storage";

export interface StartClusterOptions {
  /** Time, randomness, log and metrics; `createVirtualEnv()` gives virtual ones. Default: the real ones, logging warnings. */
  readonly env?: Env;
  /** Names of the simulated nodes. Default: one, `node-1`. */
  readonly nodes?: readonly string[];
  /** How simulated containers behave. */
  readonly runtime?: Omit<SimulatedRuntimeOptions, "files" | "podCidr">;
  /** A KubeSchedulerConfiguration of v1, as YAML or JSON text; absent: kube-scheduler's defaults. What is wrong in it is thrown. */
  readonly schedulerConfig?: string;
}

export interface EmbeddedNode {
  readonly name: string;
  readonly kubelet: Kubelet;
  readonly runtime: SimulatedRuntime;
  /** Its disk, among others: what volumes hold can be looked at. */
  readonly host: SimulatedHost;
  /** Ends the node's kubelet, as a power cut would. */
  stop(): Promise<void>;
}

export interface Cluster {
  readonly env: Env;
  readonly nodes: readonly EmbeddedNode[];
  /** A client in this process; by default the administrator's. */
  client(user?: UserInfo): Client;
  /**
   * A kubeconfig, as text, with which clients outside this process reach the cluster as its administrator. The first call
   * opens a listener on a free port of 127.0.0.1.
   */
  kubeconfig(): Promise<string>;
  /** Leaves nothing behind. */
  stop(): Promise<void>;
}

/** Resolves when the API answers, controllers and scheduler work, and the nodes are registered. */
export async function startCluster(options: StartClusterOptions = {}): Promise<Cluster> {
  const env = options.env ?? createSystemEnv({ logLevel: "warn" });
  const scheduler = options.schedulerConfig === undefined ? undefined : readSchedulerConfiguration(options.schedulerConfig);
  const store = createMemoryStore(env);
  const pki = await createPki(env, {
    nodeName: "localhost",
    nodeIps: ["127.0.0.1"],
    apiServiceIp: addressAt(DEFAULT_OPTIONS.serviceCidr, 1),
    clusterDomain: DEFAULT_OPTIONS.clusterDomain,
  });
  const { podCidr, serviceCidr } = DEFAULT_OPTIONS;
  const kubelets = new Map<string, KubeletApi>();
  let servers: Promise<ServerConnector> | undefined;
  const connector = (): Promise<ServerConnector> => {
    servers ??= import("../apiserver/index.host.ts").then(({ createServerConnector }) => createServerConnector());
    return servers;
  };
  const controlPlane = await startControlPlane(env, {
    store,
    nodeIpam: { clusterCidrs: [podCidr] },
    serviceCidr,
    rootCaPem: pki.ca.certificate,
    signingAuthority: pki.ca,
    clientCa: pki.ca.certificate,
    nodes: createDirectNodeConnector(kubelets, connector),
    ...(scheduler === undefined ? {} : { scheduler }),
  });
  await controlPlane.startControllers();
  const nodes = await Promise.all(
    (options.nodes ?? ["node-1"]).map((name, index) => startNode(env, controlPlane, { name, index, runtime: options.runtime, kubelets })),
  );
  let outside: Promise<{ kubeconfig: string; close(): Promise<void> }> | undefined;
  return {
    env,
    nodes,
    client: (user = identities.ADMINISTRATOR) => controlPlane.apiServer.localClient(user),
    kubeconfig: async () => {
      outside ??= import("./embedded-listener.host.ts").then(({ listenForOutsiders }) => listenForOutsiders(env, controlPlane.apiServer, pki));
      return (await outside).kubeconfig;
    },
    stop: async () => {
      await (await outside)?.close();
      (await servers)?.close();
      await Promise.all(nodes.map((node) => node.stop()));
      await controlPlane.stop();
      await store.close();
    },
  };
}

async function startNode(
  env: Env,
  { apiServer }: ControlPlane,
  { name, index, runtime: options, kubelets }: { name: string; index: number; runtime: StartClusterOptions["runtime"]; kubelets: Map<string, KubeletApi> },
): Promise<EmbeddedNode> {
  const host = createSimulatedKubeletHost(env, { facts: { hostname: name }, totalUsage: () => runtime.totalUsage() });
  const runtime = createSimulatedRuntime(env, { ...options, files: host.logs });
  const client = apiServer.localClient(identities.kubelet(name));
  const kubelet = createKubelet(env, {
    client,
    nodeName: name,
    runtime,
    host,
    nodeIps: [`192.0.2.${index + 1}`],
    clusterDns: [addressAt(DEFAULT_OPTIONS.serviceCidr, 10)],
    clusterDomain: DEFAULT_OPTIONS.clusterDomain,
    volumesDirectory: VOLUMES_DIRECTORY,
  });
  await kubelet.start();
  kubelets.set(name, kubelet.api);
  let stopped: Promise<void> | undefined;
  return {
    name,
    kubelet,
    runtime,
    host,
    stop: () => {
      kubelets.delete(name);
      stopped ??= kubelet.stop();
      return stopped;
    },
  };
}
