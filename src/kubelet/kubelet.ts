// The kubelet: registers its node, follows the pods bound to it, and gives each a worker that makes it run
// (https://kubernetes.io/docs/concepts/architecture/#kubelet). Pods outlive it: a new kubelet finds them in the runtime.
import { type Node, type Pod, type PodStatus, pods, type Service, services } from "../api/index.ts";
import type { Env, Logger } from "../base/index.ts";
import { type Client, createEventRecorder, createInformer, type EventRecorder, type Informer } from "../client/index.ts";
import { createFailureBackOff } from "./back-off.ts";
import { createContainerKiller } from "./containers/container-killer.ts";
import { createContainerStarter } from "./containers/container-starter.ts";
import { burstableShares, CPU_PERIOD_MICROS } from "./containers/resources.ts";
import { createObjectCache } from "./environment/object-cache.ts";
import { createTokenSource } from "./environment/service-account-tokens.ts";
import type { KubeletHost } from "./host.ts";
import { createImagePuller } from "./images/image-puller.ts";
import { createPullRecords, type PullRecords } from "./images/pull-records.ts";
import type { KubeletApi } from "./kubelet-api.ts";
import { createKubeletApi } from "./local-api.ts";
import { createLogRotation, type LogRotation } from "./logs/log-rotation.ts";
import { createNodeRegistration, type NodeRegistration } from "./node/node-registration.ts";
import { createPodEvents } from "./pod-events.ts";
import { removeOrphans } from "./pods/orphans.ts";
import { type AdmissionResult, admitPod } from "./pods/pod-admission.ts";
import { isTerminalPhase, podName, podNamespace, podUid } from "./pods/pod-spec.ts";
import { rejectedPodStatus } from "./pods/pod-status.ts";
import { PodWorker } from "./pods/pod-worker.ts";
import type { PodWorkerParts } from "./pods/pod-worker-parts.ts";
import { createStatusWriter } from "./pods/status-writer.ts";
import { createProbeManager } from "./probes/probe-manager.ts";
import { createPodAllocations } from "./resize/pod-allocations.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";
import { createVolumeManager } from "./volumes/volume-manager.ts";

export interface KubeletOptions {
  readonly client: Client;
  readonly nodeName: string;
  readonly runtime: ContainerRuntime;
  readonly host: KubeletHost;
  /** The first is the primary one; at most one of each family. */
  readonly nodeIps: readonly string[];
  /** Addresses of the cluster's DNS. */
  readonly clusterDns?: readonly string[];
  readonly clusterDomain?: string;
  readonly maxPods?: number;
  /** Where the kubelet's HTTPS server listens. */
  readonly port?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** Only when the node is new. */
  readonly taints?: NonNullable<Node["spec"]["taints"]>;
  readonly podPidsLimit?: number;
  /** The control group that the node's own `kubepods` is made in; no two nodes on a machine may share it. Default `/kubets`. */
  readonly cgroupRoot?: string;
  /** Called with the node's pod range before the runtime is told; the node's network is ready when it resolves. */
  readonly setUpPodNetwork?: (podCidr: string) => Promise<void>;
}

export interface Kubelet {
  /** Resolves once the node is registered and the pods that are bound to it have their workers. */
  start(): Promise<void>;
  /** Leaves the pods running. Resolves when nothing of the kubelet runs any more. */
  stop(): Promise<void>;
  /** For the HTTPS server. */
  readonly api: KubeletApi;
  /** Why the node is not ready now; empty: it is. */
  readonly problems: readonly string[];
}

const DEFAULT_MAX_PODS = 110;
const DEFAULT_PORT = 10_250;
const ROOT_SHARES = 1024;
const BEST_EFFORT_SHARES = 2;

export function createKubelet(env: Env, options: KubeletOptions): Kubelet {
  return new NodeKubelet(env, options);
}

class NodeKubelet implements Kubelet {
  readonly api: KubeletApi;
  private readonly workers = new Map<string, PodWorker>();
  private readonly podInformer: Informer<Pod>;
  private readonly serviceInformer: Informer<Service>;
  private readonly recorder: EventRecorder;
  private readonly registration: NodeRegistration;
  private readonly parts: PodWorkerParts;
  private readonly pullRecords: PullRecords;
  private readonly rotation: LogRotation;
  private readonly log: Logger;
  private readonly kubepods: string;
  private stopWatching: () => void = () => undefined;
  private running = false;
  private memoryBytes = 0;
  private hasAppArmor = false;
  private groupShares = 0;

  constructor(
    private readonly env: Env,
    private readonly options: KubeletOptions,
  ) {
    const { client, nodeName, runtime, host } = options;
    this.log = env.log.child("kubelet");
    this.kubepods = `${options.cgroupRoot ?? "/kubets"}/kubepods`;
    this.recorder = createEventRecorder(env, client, "kubelet", { host: nodeName });
    this.podInformer = createInformer(env, client, pods, { fieldSelector: `spec.nodeName=${nodeName}` });
    this.serviceInformer = createInformer(env, client, services);
    const identity = {
      nodeName,
      nodeIps: options.nodeIps,
      maxPods: options.maxPods ?? DEFAULT_MAX_PODS,
      kubeletPort: options.port ?? DEFAULT_PORT,
      labels: options.labels ?? {},
    };
    this.registration = createNodeRegistration(env, {
      client,
      host,
      runtime,
      recorder: this.recorder,
      identity,
      taints: options.taints ?? [],
      setUpPodNetwork: options.setUpPodNetwork,
    });
    this.pullRecords = createPullRecords(env, host);
    this.parts = this.makeParts();
    this.rotation = createLogRotation(env, { host, runtime });
    this.api = createKubeletApi(env, {
      host,
      runtime,
      nodeName,
      pods: () => [...this.workers.values()].map((worker) => this.withNewestStatus(worker.current)),
      findPod: (namespace, name) => this.findPod(namespace, name),
      problem: () => (this.running ? undefined : "the kubelet does not run"),
    });
  }

  get problems(): readonly string[] {
    return this.registration.problems;
  }

  async start(): Promise<void> {
    this.running = true;
    const { host, runtime } = this.options;
    ({ memoryBytes: this.memoryBytes, hasAppArmor: this.hasAppArmor } = await host.facts());
    await this.makeGroups();
    await this.parts.allocations.load();
    await this.pullRecords.load(async () => (await runtime.listImages()).map(({ id }) => id));
    this.serviceInformer.start();
    await this.registration.start();
    this.stopWatching = runtime.watchEvents((event) => {
      if (event.type === "resync") for (const worker of this.workers.values()) worker.wake();
      else this.workers.get(event.podUid)?.wake();
    });
    this.podInformer.addHandler({
      added: (pod) => this.added(pod),
      updated: (pod) => this.workers.get(podUid(pod))?.update(pod),
      deleted: (pod) => this.workers.get(podUid(pod))?.removed(pod),
    });
    this.podInformer.start();
    await this.podInformer.synced();
    this.rotation.start();
    removeOrphans({ runtime, host, volumes: this.parts.volumes, kubepods: this.kubepods, log: this.log }, (uid) => this.workers.has(uid)).catch(
      (error: unknown) => {
        this.log.error("cannot remove what former pods left", { error });
      },
    );
  }

  async stop(): Promise<void> {
    this.running = false;
    this.stopWatching();
    this.podInformer.stop();
    this.serviceInformer.stop();
    this.registration.stop();
    this.rotation.stop();
    this.parts.probes.stop();
    this.parts.allocations.stop();
    this.parts.objects.stop();
    this.parts.statuses.stop();
    await Promise.all([...this.workers.values()].map((worker) => worker.stop()));
    this.recorder.stop();
    await this.recorder.flush();
  }

  private makeParts(): PodWorkerParts {
    const { env, options } = this;
    const { client, host, runtime } = options;
    const events = createPodEvents(this.recorder);
    const statuses = createStatusWriter(env, client);
    const killer = createContainerKiller(env, { host, runtime, events });
    const images = createImagePuller(env, runtime, this.pullRecords);
    const objects = createObjectCache(env, client, (uids) => {
      for (const uid of uids) this.workers.get(uid)?.sourceChanged();
    });
    const tokens = createTokenSource(env, client);
    const probes = createProbeManager(env, {
      host,
      runtime,
      events,
      pod: (uid) => this.workers.get(uid)?.current,
      status: (uid) => statuses.latest(uid),
      changed: (uid) => this.workers.get(uid)?.wake(),
    });
    const allocations = createPodAllocations(env, {
      host,
      events,
      admits: (pod) => this.admits(pod),
      pod: (uid) => this.workers.get(uid)?.current,
      changed: (uid) => {
        this.workers.get(uid)?.wake();
        this.weighBurstable();
      },
    });
    const memoryBytes = (): number => this.memoryBytes;
    return {
      ...{ env, client, host, runtime, events, statuses, probes, allocations, objects, tokens, images, killer },
      node: {
        ips: options.nodeIps,
        kubepods: this.kubepods,
        get memoryBytes() {
          return memoryBytes();
        },
        clusterDns: options.clusterDns ?? [],
        clusterDomain: options.clusterDomain ?? "cluster.local",
        ...(options.podPidsLimit === undefined ? {} : { podPidsLimit: options.podPidsLimit }),
        allocatable: () => this.registration.node()?.status?.allocatable ?? {},
        services: async () => {
          await this.serviceInformer.synced();
          return this.serviceInformer.list();
        },
      },
      volumes: createVolumeManager(env, { host, objects, tokens, events, images: runtime }),
      starter: createContainerStarter(env, { host, runtime, images, events, killer }),
      backOff: createFailureBackOff(env.clock),
      finished: (pod) => {
        this.workers.delete(podUid(pod));
        this.activeChanged();
      },
      activeChanged: () => this.activeChanged(),
    };
  }

  private added(pod: Pod): void {
    const uid = podUid(pod);
    const known = this.workers.get(uid);
    if (known !== undefined) known.update(pod);
    else if (this.admit(pod)) {
      this.parts.allocations.admit(pod);
      this.workers.set(uid, new PodWorker(this.parts, pod));
      this.activeChanged();
    }
  }

  /** Undefined: the node is not known yet. */
  private admits(pod: Pod): AdmissionResult | undefined {
    const node = this.registration.node();
    const others = this.activePods().filter((other) => podUid(other) !== podUid(pod) && this.isInApi(other));
    return node === undefined ? undefined : admitPod(pod, { node, others, hasAppArmor: this.hasAppArmor });
  }

  /** A pod that was taken in before, by a former kubelet, stays. */
  private admit(pod: Pod): boolean {
    const isNew = pod.status?.startTime === undefined && pod.metadata.deletionTimestamp === undefined && !isTerminalPhase(pod.status?.phase);
    const result = isNew ? this.admits(pod) : undefined;
    if (result === undefined || result.admitted) return true;
    this.log.info("refused a pod", { pod: podName(pod), namespace: podNamespace(pod), reason: result.reason, message: result.message });
    this.parts.events.pod(pod, "Warning", result.reason, result.message);
    const status = rejectedPodStatus(pod, result.reason, result.message, this.env.clock.now());
    // It ends like any other pod: the worker sees a terminal phase and has nothing to stop.
    this.parts.statuses.report(pod, status);
    this.workers.set(podUid(pod), new PodWorker(this.parts, { ...pod, status }));
    return false;
  }

  /** What was deleted by force is on its way out and has given up its place, as the scheduler sees it too. */
  private isInApi(pod: Pod): boolean {
    const known = this.podInformer.get(`${podNamespace(pod)}/${podName(pod)}`);
    return known !== undefined && podUid(known) === podUid(pod);
  }

  /** With the resources that are granted to them. */
  private activePods(): Pod[] {
    const active = [...this.workers.values()].filter(({ phase }) => phase === "syncing" || phase === "terminating");
    return active.map((worker) => this.parts.allocations.allocated(worker.current));
  }

  private async makeGroups(): Promise<void> {
    const { cgroups } = this.options.host;
    await cgroups.apply(this.kubepods, { cpuShares: ROOT_SHARES, cpuPeriodMicros: CPU_PERIOD_MICROS });
    await cgroups.apply(`${this.kubepods}/besteffort`, { cpuShares: BEST_EFFORT_SHARES, cpuPeriodMicros: CPU_PERIOD_MICROS });
    this.groupShares = burstableShares([]);
    await cgroups.apply(`${this.kubepods}/burstable`, { cpuShares: this.groupShares, cpuPeriodMicros: CPU_PERIOD_MICROS });
  }

  private activeChanged(): void {
    this.parts.allocations.retry();
    this.weighBurstable();
  }

  /** Burstable pods together weigh as much as they asked for. */
  private weighBurstable(): void {
    const shares = burstableShares(this.activePods());
    if (shares === this.groupShares) return;
    this.groupShares = shares;
    this.options.host.cgroups.apply(`${this.kubepods}/burstable`, { cpuShares: shares, cpuPeriodMicros: CPU_PERIOD_MICROS }).catch((error: unknown) => {
      this.log.warn("cannot weigh burstable pods", { error });
    });
  }

  private findPod(namespace: string, name: string): Pod | undefined {
    const pod = this.podInformer.get(`${namespace}/${name}`);
    return pod === undefined ? undefined : this.withNewestStatus(this.workers.get(podUid(pod))?.current ?? pod);
  }
  private withNewestStatus(pod: Pod): Pod {
    const status: PodStatus | undefined = this.parts.statuses.latest(podUid(pod));
    return status === undefined ? pod : { ...pod, status };
  }
}
