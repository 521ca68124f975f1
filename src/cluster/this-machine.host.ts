// A one-node cluster on this machine: credentials, store, API, controllers, and a node with real or simulated containers, started in the
// order in which they need each other and as much as possible side by side.
import { Resolver } from "node:dns/promises";
import { mkdir } from "node:fs/promises";
import { addressAt, ipFamilyOf, nodes } from "../api/index.ts";
import { createNodeConnector, listen } from "../apiserver/index.host.ts";
import { type ApiServer, importServiceAccountKeys } from "../apiserver/index.ts";
import type { Env } from "../base/index.ts";
import { createInformerFactory } from "../client/index.ts";
import { createUpstream, listenDns, listenMetrics } from "../dns/index.host.ts";
import { createDns } from "../dns/index.ts";
import { ensurePki } from "../kubeadm/index.host.ts";
import type { Pki } from "../kubeadm/index.ts";
import { findNodeAddress } from "../network/index.host.ts";
import { openLmdbStore } from "../store/index.host.ts";
import type { Store } from "../store/index.ts";
import type { Containerd } from "./containerd.host.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import type { ClusterPaths } from "./data-folder.ts";
import { DNS_METRICS_PORT, DNS_PORT, grantDnsRights, publishDns } from "./dns-service.ts";
import { onFreePort } from "./free-port.host.ts";
import * as identities from "./identities.ts";
import {
  dnsAddress,
  type Machine,
  type NodeParts,
  realMachine,
  SIMULATED_ADDRESS,
  serviceAddress,
  simulatedMachine,
  startNode,
  startProxy,
} from "./node.host.ts";
import { prepareMachine, startNodes } from "./nodes/node-lifecycle.host.ts";
import { machineAddresses, type NodeRecord } from "./nodes/node-record.ts";
import { givenAddresses, readNodes } from "./nodes/node-records.host.ts";
import { startServingApprover } from "./nodes/serving-approver.ts";
import { type ClusterOptions, splitRanges } from "./options.ts";
import { readSchedulerSettings } from "./scheduler-settings.host.ts";
import { Started } from "./started.ts";

export interface RunningCluster {
  readonly nodeIp: string;
  /** What keeps further nodes of this machine from being Ready; empty: nothing. */
  readonly problem: string;
  /** Ends this process's part. Containers go on. */
  stop(): Promise<void>;
}

interface StartOptions {
  readonly paths: ClusterPaths;
  readonly options: ClusterOptions;
  /** The node's containerd, on its way; absent: containers are simulated. */
  readonly containerd?: Promise<Containerd>;
  readonly progress: (text: string) => void;
}

const CLUSTER_NAME = "kubets";

/** Resolves when the node is Ready and DNS answers. */
export async function startOnThisMachine(env: Env, start: StartOptions): Promise<RunningCluster> {
  const { options } = start;
  const started = new Started();
  const others = start.containerd === undefined ? [] : await readNodes(start.paths);
  // Before ways to their pods are set, and also for a machine that has no other address.
  if (others.length > 0) await prepareMachine(options);
  const nodeIps = await nodeAddresses(options);
  try {
    // Keys are made on other threads, and the store's lock is taken by a process: neither needs to wait for the other.
    const [pki, store] = await Promise.all([makeCredentials(env, start, nodeIps), openStore(env, start, started)]);
    start.progress("Certificates are in place.");
    const node =
      start.containerd === undefined ? Promise.resolve(simulatedMachine(env)) : realMachine(env, { ...start, containerd: start.containerd }, started);
    // Its failure is heard below, or the API server's is told first.
    node.catch(() => undefined);
    const controlPlane = await startApi(env, { ...start, nodeIps, pki, store }, started);
    start.progress(`The API server answers on https://127.0.0.1:${options.apiPort}.`);
    await openToEtcdTools(env, start, store, started);
    const controllers = controlPlane.startControllers();
    const problem = startFurtherNodes(env, { ...start, nodeIps, controlPlane, records: others }, started);
    await startFirstNode(env, { ...start, nodeIps, pki, controlPlane, machine: await node }, started);
    await controllers;
    return { nodeIp: nodeIps[0] ?? SIMULATED_ADDRESS, problem: await problem, stop: () => started.stop() };
  } catch (error) {
    await started.stop();
    throw error;
  }
}

/** One of each address family of the cluster, if this machine has it: the default family's first. */
async function nodeAddresses(options: ClusterOptions): Promise<readonly string[]> {
  if (options.nodeIp !== undefined) return splitRanges(options.nodeIp);
  if (options.runtime === "simulated") return [SIMULATED_ADDRESS];
  const found = await Promise.all(splitRanges(options.podCidr).map((cidr) => findNodeAddress(ipFamilyOf(cidr))));
  const addresses = found.filter((address) => address !== undefined);
  return addresses.length > 0 ? addresses : [SIMULATED_ADDRESS];
}

function makeCredentials(env: Env, { paths, options }: StartOptions, nodeIps: readonly string[]): Promise<Pki> {
  return ensurePki(env, {
    folder: paths.data,
    clusterName: CLUSTER_NAME,
    server: `https://127.0.0.1:${options.apiPort}`,
    nodeName: options.nodeName,
    nodeIps: [...nodeIps, "127.0.0.1"],
    apiServiceIp: serviceAddress(options, 1),
    clusterDomain: options.clusterDomain,
    // Further nodes of this machine meet it there.
    extraNames: options.runtime === "simulated" ? [] : machineAddresses(options),
  });
}

async function openStore(env: Env, { paths }: StartOptions, started: Started): Promise<Store> {
  await mkdir(paths.store, { recursive: true, mode: 0o700 });
  const store = await openLmdbStore(env, { folder: paths.store });
  started.add(() => store.close());
  return store;
}

async function openToEtcdTools(env: Env, { paths, options, progress }: StartOptions, store: Store, started: Started): Promise<void> {
  const { etcdPort: port = 0, nodeName } = options;
  if (port === 0) return;
  const { startEtcdFace } = await import("./etcd-face.host.ts");
  const serving = await startEtcdFace(env, { store, folder: paths.data, nodeName, port });
  started.add(() => serving.close());
  progress(`etcd's API answers on https://127.0.0.1:${port}, with the certificates in ${paths.pki}/etcd.`);
}

async function startApi(
  env: Env,
  { options, nodeIps, pki, store }: StartOptions & { nodeIps: readonly string[]; pki: Pki; store: Store },
  started: Started,
): Promise<ControlPlane> {
  const [from = 30_000, to = 32_767] = options.serviceNodePortRange.split("-").map(Number);
  const connector = createNodeConnector({ clientCertificate: pki.apiServerKubeletClient, authorities: pki.ca.certificate });
  const controlPlane = await startControlPlane(env, {
    store,
    serviceAccountKeys: await importServiceAccountKeys({ privateKey: pki.serviceAccount.privateKey, publicKeys: [pki.serviceAccount.publicKey] }),
    serviceAccountIssuer: `https://kubernetes.default.svc.${options.clusterDomain}`,
    serviceCidr: options.serviceCidr,
    nodePortRange: [from, to],
    advertise: { address: nodeIps[0] ?? SIMULATED_ADDRESS, port: options.apiPort },
    nodes: connector,
    clientCa: pki.ca.certificate,
    rootCaPem: pki.ca.certificate,
    signingAuthority: pki.ca,
    nodeIpam: { clusterCidrs: splitRanges(options.podCidr), maskSizeIPv4: options.nodeCidrMaskSizeIpv4, maskSizeIPv6: options.nodeCidrMaskSizeIpv6 },
    ...(options.schedulerConfig === undefined ? {} : { scheduler: await readSchedulerSettings(options.schedulerConfig) }),
  });
  started.add(() => controlPlane.stop());
  const tls = { certificate: pki.apiServer.certificate, privateKey: pki.apiServer.key, clientAuthorities: pki.ca.certificate };
  const host = options.runtime === "simulated" ? SIMULATED_ADDRESS : everyAddress(options);
  const listener = await onFreePort(options.apiPort, "the API server; choose another with --api-port", () =>
    listen(env, controlPlane.apiServer, { host, port: options.apiPort, tls }),
  );
  started.add(() => listener.close());
  return controlPlane;
}

/** What to listen on to be reached by every family of the cluster. */
function everyAddress({ podCidr }: ClusterOptions): string {
  return podCidr.includes(":") ? "::" : "0.0.0.0";
}

interface FurtherNodesParts extends StartOptions {
  readonly nodeIps: readonly string[];
  readonly controlPlane: ControlPlane;
  readonly records: readonly NodeRecord[];
}

/** They and the first node start side by side. The cluster works without one that does not: what is wrong with it is told. */
async function startFurtherNodes(env: Env, { controlPlane, records, nodeIps, ...start }: FurtherNodesParts, started: Started): Promise<string> {
  const { paths, options: cluster, progress } = start;
  const client = controlPlane.apiServer.localClient(identities.ADMINISTRATOR);
  started.add(startServingApprover(env, client, (name) => givenAddresses(paths, cluster, name)));
  return startNodes(env, { paths, cluster, machineIps: nodeIps, client, progress }, records).then(
    () => "",
    (error: unknown) => {
      env.log.error("not every node could be started", { error });
      return error instanceof Error ? error.message : String(error);
    },
  );
}

interface FirstNodeParts extends StartOptions {
  readonly nodeIps: readonly string[];
  readonly pki: Pki;
  readonly controlPlane: ControlPlane;
  readonly machine: Machine;
}

async function startFirstNode(env: Env, { pki, controlPlane: { apiServer }, progress, ...rest }: FirstNodeParts, started: Started): Promise<void> {
  const { options } = rest;
  const parts: NodeParts = {
    ...rest,
    clients: { kubelet: apiServer.localClient(identities.kubelet(options.nodeName)), proxy: apiServer.localClient(identities.PROXY) },
    serving: pki.kubeletServing,
    clientAuthorities: pki.ca.certificate,
  };
  const { network, ready } = await startNode(env, parts, started);
  if (network !== undefined) {
    await network;
    await Promise.all([startProxy(env, parts, started), startDns(env, options, apiServer, started)]);
  }
  await ready;
  progress(`Node ${options.nodeName} is Ready.`);
  if (network !== undefined) {
    await dnsAnswers(dnsAddress(options), options);
    progress("DNS answers.");
  }
}

/** The server, on the pod network's bridge, and the service that leads there. */
async function startDns(env: Env, options: ClusterOptions, apiServer: ApiServer, started: Started): Promise<void> {
  const dnsIp = dnsAddress(options);
  const informers = createInformerFactory(env, apiServer.localClient(identities.DNS));
  const administrator = apiServer.localClient(identities.ADMINISTRATOR);
  await grantDnsRights(administrator);
  const node = await administrator.get(nodes, { name: options.nodeName });
  // The bridge's address: reachable by pods, not by the machine's neighbours.
  const serverAddress = addressAt(node.spec.podCIDR ?? splitRanges(options.podCidr)[0] ?? "", 1);
  const dns = createDns(env, { clusterDomain: options.clusterDomain, informers, upstream: createUpstream([dnsIp, serverAddress]) });
  informers.start();
  const metricsAt = { host: serverAddress, port: DNS_METRICS_PORT };
  const [listener, metrics] = await Promise.all([
    onFreePort(DNS_PORT, `DNS at ${serverAddress}; end the program that has it`, () => listenDns(env, dns, { host: serverAddress, port: DNS_PORT })),
    onFreePort(DNS_METRICS_PORT, `the metrics of DNS at ${serverAddress}; end the program that has it`, () => listenMetrics(env, metricsAt)),
    publishDns(administrator, { clusterIp: dnsIp, serverAddress, serverPort: DNS_PORT }),
    dns.ready(),
  ]);
  started.add(async () => {
    metrics.close();
    await listener.close();
    informers.stop();
  });
}

/** Asks as a pod would, through the service's address. */
async function dnsAnswers(dnsIp: string, options: ClusterOptions): Promise<void> {
  const name = `kubernetes.default.svc.${options.clusterDomain}`;
  const expected = serviceAddress(options, 1);
  let last: unknown;
  for (let attempt = 0; attempt < 50; attempt++) {
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([dnsIp]);
    try {
      const [answer] = ipFamilyOf(expected) === "IPv6" ? await resolver.resolve6(name) : await resolver.resolve4(name);
      if (answer === expected) return;
      last = new Error(`${name} is ${answer}, not ${expected}`);
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`cluster DNS does not answer at ${dnsIp}: ${last instanceof Error ? last.message : String(last)}`);
}
