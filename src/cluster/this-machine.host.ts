// A one-node cluster on this machine: credentials, store, API, controllers, and a node with real or simulated containers, started in the
// order in which they need each other and as much as possible side by side.
import { Resolver } from "node:dns/promises";
import { mkdir } from "node:fs/promises";
import { addressAt, ipFamilyOf, isNodeReady, loadBalancersPatch, nodes, pods } from "../api/index.ts";
import { createNodeConnector, listen } from "../apiserver/index.host.ts";
import { importServiceAccountKeys } from "../apiserver/index.ts";
import type { Env } from "../base/index.ts";
import { type Client, createInformer, createInformerFactory } from "../client/index.ts";
import { createUpstream, listenDns, listenMetrics } from "../dns/index.host.ts";
import { createDns } from "../dns/index.ts";
import { ensurePki } from "../kubeadm/index.host.ts";
import type { Pki } from "../kubeadm/index.ts";
import { createCriRuntime, createDelegatedAccess, createLinuxKubeletHost, startKubeletServer } from "../kubelet/index.host.ts";
import { type ContainerRuntime, createKubelet, createSimulatedKubeletHost, createSimulatedRuntime, type Kubelet, type KubeletHost } from "../kubelet/index.ts";
import { createLinuxNetwork, findNodeAddress } from "../network/index.host.ts";
import { createNodeNetwork } from "../network/index.ts";
import { createNftApplier, openHealthPort, portReserver } from "../proxy/index.host.ts";
import { createProxy, HEALTH_PORT } from "../proxy/index.ts";
import { openLmdbStore } from "../store/index.host.ts";
import type { Containerd } from "./containerd.host.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import type { ClusterPaths } from "./data-folder.ts";
import { DNS_METRICS_PORT, DNS_PORT, grantDnsRights, publishDns } from "./dns-service.ts";
import * as identities from "./identities.ts";
import { loadedImages } from "./images/loaded-images.host.ts";
import { pauseImage } from "./images/pause.ts";
import { nodeConfiguration } from "./node-configuration.host.ts";
import { type ClusterOptions, splitRanges } from "./options.ts";
import { readSchedulerSettings } from "./scheduler-settings.host.ts";
import { applySysctls } from "./sysctls.host.ts";

export interface RunningCluster {
  readonly nodeIp: string;
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
const KUBELET_PORT = 10_250;
const SIMULATED_ADDRESS = "127.0.0.1";
const NETWORK_READY_POLL_MS = 20;
const NETWORK_READY_LIMIT_MS = 10_000;

/** What has been started, in order; ended in reverse. */
class Started {
  private readonly parts: (() => unknown)[] = [];
  add(stop: () => unknown): void {
    this.parts.push(stop);
  }
  async stop(): Promise<void> {
    for (const stop of this.parts.splice(0).reverse()) await stop();
  }
}

/** Resolves when the node is Ready and DNS answers. */
export async function startOnThisMachine(env: Env, start: StartOptions): Promise<RunningCluster> {
  const { options } = start;
  const started = new Started();
  const nodeIps = await nodeAddresses(options);
  try {
    const pki = await makeCredentials(env, start, nodeIps);
    start.progress("Certificates are in place.");
    const node =
      start.containerd === undefined ? Promise.resolve(simulatedMachine(env)) : realMachine(env, { ...start, containerd: start.containerd }, started);
    // Its failure is heard below, or the API server's is told first.
    node.catch(() => undefined);
    const controlPlane = await startApi(env, { ...start, nodeIps, pki }, started);
    start.progress(`The API server answers on https://127.0.0.1:${options.apiPort}.`);
    const controllers = controlPlane.startControllers();
    await startNode(env, { ...start, nodeIps, pki, controlPlane, machine: await node }, started);
    await controllers;
    return { nodeIp: nodeIps[0] ?? SIMULATED_ADDRESS, stop: () => started.stop() };
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
  });
}

async function startApi(
  env: Env,
  { paths, options, nodeIps, pki }: StartOptions & { nodeIps: readonly string[]; pki: Pki },
  started: Started,
): Promise<ControlPlane> {
  await mkdir(paths.store, { recursive: true, mode: 0o700 });
  const store = await openLmdbStore(env, { folder: paths.store });
  started.add(() => store.close());
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

/** The default family's address of that number. */
function serviceAddress({ serviceCidr }: ClusterOptions, number: number): string {
  return addressAt(splitRanges(serviceCidr)[0] ?? "", number);
}

/** What to listen on to be reached by every family of the cluster. */
function everyAddress({ podCidr }: ClusterOptions): string {
  return podCidr.includes(":") ? "::" : "0.0.0.0";
}

interface Machine {
  readonly runtime: ContainerRuntime;
  readonly host: KubeletHost;
  readonly isReal: boolean;
}

function simulatedMachine(env: Env): Machine {
  const host = createSimulatedKubeletHost(env, { totalUsage: () => runtime.totalUsage() });
  const runtime = createSimulatedRuntime(env, { files: host.logs });
  return { runtime, host, isReal: false };
}

async function realMachine(
  env: Env,
  { paths, options, containerd: starting, progress }: StartOptions & { containerd: Promise<Containerd> },
  started: Started,
): Promise<Machine> {
  const [containerd] = await Promise.all([starting, applySysctls(paths, splitRanges(options.podCidr).map(ipFamilyOf))]);
  started.add(() => containerd.close());
  progress(containerd.adopted ? "containerd is still running, with its containers." : "containerd is running.");
  const runtime = createCriRuntime(env, { socket: containerd.socket });
  started.add(() => runtime.close());
  return { runtime, host: createLinuxKubeletHost(env, { rootDirectory: paths.kubelet, podLogsDirectory: paths.podLogs }), isReal: true };
}

interface NodeParts extends StartOptions {
  readonly nodeIps: readonly string[];
  readonly pki: Pki;
  readonly controlPlane: ControlPlane;
  readonly machine: Machine;
}

async function startNode(env: Env, parts: NodeParts, started: Started): Promise<void> {
  const { options, paths, nodeIps, controlPlane, machine } = parts;
  const client = controlPlane.apiServer.localClient(identities.kubelet(options.nodeName));
  const dnsIp = serviceAddress(options, 10);
  const network = machine.isReal ? startNetwork(env, parts, started) : undefined;
  const kubelet = createKubelet(env, {
    client,
    nodeName: options.nodeName,
    runtime: machine.runtime,
    host: machine.host,
    nodeIps,
    clusterDns: [dnsIp],
    clusterDomain: options.clusterDomain,
    cgroupRoot: paths.cgroup,
    configuration: await nodeConfiguration(paths, options),
    labels: options.nodeLabels,
    pinnedImages: async () => [pauseImage, ...(await loadedImages(paths))],
    port: KUBELET_PORT,
    volumesDirectory: paths.volumes,
    ...(network === undefined ? {} : { setUpPodNetwork: () => network }),
  });
  await startKubeletApi(env, parts, kubelet, started);
  await kubelet.start();
  started.add(() => kubelet.stop());
  const ready = nodeReady(env, client, options.nodeName);
  if (network !== undefined) {
    await network;
    await startServices(env, parts, dnsIp, started);
  }
  await ready;
  parts.progress(`Node ${options.nodeName} is Ready.`);
  if (network !== undefined) {
    await dnsAnswers(dnsIp, options);
    parts.progress("DNS answers.");
  }
}

async function startKubeletApi(env: Env, { pki, options, controlPlane, machine }: NodeParts, kubelet: Kubelet, started: Started): Promise<void> {
  const client = controlPlane.apiServer.localClient(identities.kubelet(options.nodeName));
  const listening = startKubeletServer(env, {
    kubelet: kubelet.api,
    access: createDelegatedAccess(env, client, options.nodeName),
    port: KUBELET_PORT,
    ...(machine.isReal ? {} : { host: SIMULATED_ADDRESS }),
    tls: { certificate: pki.kubeletServing.certificate, privateKey: pki.kubeletServing.key, clientAuthorities: pki.ca.certificate },
  });
  const server = await onFreePort(KUBELET_PORT, "the kubelet; end the program that has it", () => listening);
  started.add(() => server.stop());
}

/** Says which port is taken, and what to do about it. */
async function onFreePort<T>(port: number, forWhat: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") throw new Error(`port ${port} is taken, and it is needed for ${forWhat}`);
    throw error;
  }
}

/** Resolves once the pod network is set up and containerd has taken it in. */
function startNetwork(env: Env, { paths, options, machine, controlPlane }: NodeParts, started: Started): Promise<void> {
  // As the proxy: a kubelet may not read other nodes.
  const informer = createInformer(env, controlPlane.apiServer.localClient(identities.PROXY), nodes);
  const linux = createLinuxNetwork({
    cniConfigFolder: paths.cniConfig,
    cniStateFolder: paths.cniState,
    clusterCidrs: splitRanges(options.podCidr),
    serviceCidrs: splitRanges(options.serviceCidr),
  });
  let applied = (): void => undefined;
  const firstTime = new Promise<void>((resolve) => {
    applied = resolve;
  });
  const applier = {
    ...linux,
    apply: async (plan: Parameters<typeof linux.apply>[0]) => {
      // What concerns other nodes may fail: whether this node's part is in place, the runtime tells.
      await linux.apply(plan).finally(applied);
    },
  };
  const network = createNodeNetwork(env, { nodeName: options.nodeName, nodes: informer, applier });
  informer.start();
  network.start();
  started.add(async () => {
    await network.stop();
    informer.stop();
  });
  return firstTime.then(() => runtimeHasNetwork(env, machine.runtime));
}

/** containerd watches its configuration folder and needs a moment. */
async function runtimeHasNetwork(env: Env, runtime: ContainerRuntime): Promise<void> {
  const endMs = env.clock.monotonic() + NETWORK_READY_LIMIT_MS;
  for (;;) {
    const { networkReady, message } = await runtime.status();
    if (networkReady) return;
    if (env.clock.monotonic() > endMs) throw new Error(`containerd does not take the pod network in: ${message}`);
    await new Promise((resolve) => setTimeout(resolve, NETWORK_READY_POLL_MS));
  }
}

/** Service rules and DNS, which need the pod network's bridge. */
async function startServices(env: Env, { options, controlPlane: { apiServer } }: NodeParts, dnsIp: string, started: Started): Promise<void> {
  const { nodeName } = options;
  // As the kubelet: the proxy has no rights to pods, nor to write to nodes.
  const kubelet = apiServer.localClient(identities.kubelet(nodeName));
  const ownPods = createInformer(env, kubelet, pods, { fieldSelector: `spec.nodeName=${nodeName}` });
  ownPods.start();
  const proxy = createProxy(env, apiServer.localClient(identities.PROXY), createNftApplier(), {
    nodeName,
    clusterCidrs: splitRanges(options.podCidr),
    pods: ownPods,
    loadBalancers: {
      reserver: portReserver,
      publish: async (keys) => {
        await kubelet.patch(nodes, { name: nodeName }, { type: "merge", body: loadBalancersPatch(keys) });
      },
    },
    openHealthPort: (port, answer) =>
      port === HEALTH_PORT
        ? onFreePort(port, "the proxy's health; end the program that has it", () => openHealthPort(port, answer))
        : openHealthPort(port, answer),
  });
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
    proxy.start(),
    dns.ready(),
  ]);
  started.add(async () => {
    metrics.close();
    await Promise.all([listener.close(), proxy.stop()]);
    ownPods.stop();
    informers.stop();
  });
}

function nodeReady(env: Env, client: Client, name: string): Promise<void> {
  const informer = createInformer(env, client, nodes, { fieldSelector: `metadata.name=${name}` });
  return new Promise<void>((resolve) => {
    const look = (node: Parameters<typeof isNodeReady>[0]): void => {
      if (isNodeReady(node)) resolve();
    };
    informer.addHandler({ added: look, updated: look });
    informer.start();
  }).finally(() => informer.stop());
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
