// A node of the cluster in this process: kubelet, pod network and service rules over real or simulated containers. It meets the cluster
// through the clients that it is given, so that it runs beside the control plane and alone.
import { addressAt, ipFamilyOf, isNodeReady, loadBalancersPatch, nodes, pods } from "../api/index.ts";
import type { Env } from "../base/index.ts";
import { type Client, createInformer } from "../client/index.ts";
import type { CertificatePair } from "../kubeadm/index.ts";
import { createCriRuntime, createDelegatedAccess, createLinuxKubeletHost, startKubeletServer } from "../kubelet/index.host.ts";
import { type ContainerRuntime, createKubelet, createSimulatedKubeletHost, createSimulatedRuntime, type Kubelet, type KubeletHost } from "../kubelet/index.ts";
import { createLinuxNetwork } from "../network/index.host.ts";
import { createNodeNetwork } from "../network/index.ts";
import { createNftApplier, openHealthPort, portReserver } from "../proxy/index.host.ts";
import { createProxy, HEALTH_PORT } from "../proxy/index.ts";
import type { Containerd } from "./containerd.host.ts";
import type { ClusterPaths } from "./data-folder.ts";
import { onFreePort } from "./free-port.host.ts";
import { loadedImages } from "./images/loaded-images.host.ts";
import { pauseImage } from "./images/pause.ts";
import { nodeConfiguration } from "./node-configuration.host.ts";
import { type NodeOptions, splitRanges } from "./options.ts";
import type { Started } from "./started.ts";
import { applySysctls } from "./sysctls.host.ts";

/** What runs the node's containers. */
export interface Machine {
  readonly runtime: ContainerRuntime;
  readonly host: KubeletHost;
  readonly isReal: boolean;
}

export interface NodeParts {
  readonly paths: ClusterPaths;
  readonly options: NodeOptions;
  /** The first is the primary one; at most one of each family. */
  readonly nodeIps: readonly string[];
  /** As the node itself; as the service proxy, which may read what the node may not. */
  readonly clients: { readonly kubelet: Client; readonly proxy: Client };
  /** The kubelet's certificate as a server. */
  readonly serving: CertificatePair;
  /** PEM of the authorities whose client certificates name users. */
  readonly clientAuthorities: string;
  readonly machine: Machine;
}

export interface StartedNode {
  /** Resolves once pods have a network; absent where containers are simulated. */
  readonly network: Promise<void> | undefined;
  readonly ready: Promise<void>;
}

export const SIMULATED_ADDRESS = "127.0.0.1";
const KUBELET_PORT = 10_250;
const NETWORK_READY_POLL_MS = 20;
const NETWORK_READY_LIMIT_MS = 10_000;
const DNS_NUMBER = 10;

/** Where the cluster's DNS answers. */
export function dnsAddress(options: NodeOptions): string {
  return serviceAddress(options, DNS_NUMBER);
}

/** The default family's service address of that number. */
export function serviceAddress({ serviceCidr }: NodeOptions, number: number): string {
  return addressAt(splitRanges(serviceCidr)[0] ?? "", number);
}

export function simulatedMachine(env: Env): Machine {
  const host = createSimulatedKubeletHost(env, { totalUsage: () => runtime.totalUsage() });
  const runtime = createSimulatedRuntime(env, { files: host.logs });
  return { runtime, host, isReal: false };
}

export interface RealMachineOptions {
  readonly paths: ClusterPaths;
  readonly options: NodeOptions;
  /** The node's containerd, on its way. */
  readonly containerd: Promise<Containerd>;
  readonly progress: (text: string) => void;
}

export async function realMachine(env: Env, { paths, options, containerd: starting, progress }: RealMachineOptions, started: Started): Promise<Machine> {
  const [containerd] = await Promise.all([starting, applySysctls(paths, splitRanges(options.podCidr).map(ipFamilyOf))]);
  started.add(() => containerd.close());
  progress(containerd.adopted ? "containerd is still running, with its containers." : "containerd is running.");
  const runtime = createCriRuntime(env, { socket: containerd.socket });
  started.add(() => runtime.close());
  return { runtime, host: createLinuxKubeletHost(env, { rootDirectory: paths.kubelet, podLogsDirectory: paths.podLogs }), isReal: true };
}

/** Resolves when the kubelet runs. Service rules are for `startProxy`, once the network is there. */
export async function startNode(env: Env, parts: NodeParts, started: Started): Promise<StartedNode> {
  const { options, paths, nodeIps, clients, machine } = parts;
  const network = machine.isReal ? startNetwork(env, parts, started) : undefined;
  const kubelet = createKubelet(env, {
    client: clients.kubelet,
    nodeName: options.nodeName,
    runtime: machine.runtime,
    host: machine.host,
    nodeIps,
    clusterDns: [dnsAddress(options)],
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
  return { network, ready: nodeReady(env, clients.kubelet, options.nodeName) };
}

async function startKubeletApi(env: Env, parts: NodeParts, kubelet: Kubelet, started: Started): Promise<void> {
  const { serving, clientAuthorities, options, clients, machine } = parts;
  const listening = startKubeletServer(env, {
    kubelet: kubelet.api,
    access: createDelegatedAccess(env, clients.kubelet, options.nodeName),
    port: KUBELET_PORT,
    ...(machine.isReal ? {} : { host: SIMULATED_ADDRESS }),
    tls: { certificate: serving.certificate, privateKey: serving.key, clientAuthorities },
  });
  const server = await onFreePort(KUBELET_PORT, "the kubelet; end the program that has it", () => listening);
  started.add(() => server.stop());
}

/** Resolves once the pod network is set up and containerd has taken it in. */
function startNetwork(env: Env, { paths, options, machine, clients }: NodeParts, started: Started): Promise<void> {
  // As the proxy: a kubelet may not read other nodes.
  const informer = createInformer(env, clients.proxy, nodes);
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

/** Service rules, which need the pod network's bridge. Resolves when they are set. */
export async function startProxy(env: Env, { options: { nodeName, podCidr }, clients }: NodeParts, started: Started): Promise<void> {
  // As the kubelet: the proxy has no rights to pods, nor to write to nodes.
  const ownPods = createInformer(env, clients.kubelet, pods, { fieldSelector: `spec.nodeName=${nodeName}` });
  ownPods.start();
  started.add(() => ownPods.stop());
  const proxy = createProxy(env, clients.proxy, createNftApplier(), {
    nodeName,
    clusterCidrs: splitRanges(podCidr),
    pods: ownPods,
    loadBalancers: {
      reserver: portReserver,
      publish: async (keys) => {
        await clients.kubelet.patch(nodes, { name: nodeName }, { type: "merge", body: loadBalancersPatch(keys) });
      },
    },
    openHealthPort: (port, answer) =>
      port === HEALTH_PORT
        ? onFreePort(port, "the proxy's health; end the program that has it", () => openHealthPort(port, answer))
        : openHealthPort(port, answer),
  });
  await proxy.start();
  started.add(() => proxy.stop());
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
