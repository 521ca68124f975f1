// The kubelet: registers its node, follows the pods bound to it, and gives each a worker that makes it run
// (https://kubernetes.io/docs/concepts/architecture/#kubelet). Pods outlive it: a new kubelet finds them in the runtime.
import { isCriticalPod, isMirrorPod, type Pod, type PodStatus, pods, type Service, services } from "../api/index.ts";
import type { Env, Logger } from "../base/index.ts";
import { type Client, createEventRecorder, createInformer, type EventRecorder, type Informer } from "../client/index.ts";
import { createFailureBackOff } from "./back-off.ts";
import type { KubeletConfiguration } from "./configuration/kubelet-configuration.ts";
import { type KubeletSettings, kubeletSettings } from "./configuration/kubelet-settings.ts";
import { completeConfiguration } from "./configuration/read-configuration.ts";
import { createContainerKiller } from "./containers/container-killer.ts";
import { createContainerStarter } from "./containers/container-starter.ts";
import { provideSandboxProfile } from "./containers/sandbox-seccomp.ts";
import { createObjectCache } from "./environment/object-cache.ts";
import { createTokenSource } from "./environment/service-account-tokens.ts";
import type { EvictablePod } from "./eviction/eviction-manager.ts";
import type { KubeletHost } from "./host.ts";
import { createImagePuller } from "./images/image-puller.ts";
import { createPullRecords, type PullRecords } from "./images/pull-records.ts";
import type { KubeletApi } from "./kubelet-api.ts";
import { createKubeletApi } from "./local-api.ts";
import { createHousekeeping, type Housekeeping } from "./node/housekeeping.ts";
import { createNodeCare, type NodeCare, type NodeCareParts } from "./node/node-care.ts";
import { createNodeCgroups, type NodeCgroups } from "./node/node-cgroups.ts";
import { createNodeRegistration, type NodeRegistration } from "./node/node-registration.ts";
import { createPodEvents } from "./pod-events.ts";
import { removeOrphans } from "./pods/orphans.ts";
import { type AdmissionResult, admitPod } from "./pods/pod-admission.ts";
import { isTerminalPhase, podName, podNamespace, podUid } from "./pods/pod-spec.ts";
import { rejectedPodStatus } from "./pods/pod-status.ts";
import { PodWorker } from "./pods/pod-worker.ts";
import type { PodWorkerParts } from "./pods/pod-worker-parts.ts";
import { planPreemption } from "./pods/preemption.ts";
import { createStatusWriter } from "./pods/status-writer.ts";
import { createProbeManager } from "./probes/probe-manager.ts";
import { createPodAllocations } from "./resize/pod-allocations.ts";
import type { ContainerRuntime, RuntimeEvent } from "./runtime/runtime.ts";
import { createNodeShutdown, type NodeShutdown } from "./shutdown/node-shutdown.ts";
import { isStaticPod } from "./static-pods/static-pod.ts";
import { createStaticPods, type StaticPods } from "./static-pods/static-pods.ts";
import { createVolumeDirectories } from "./volumes/volume-directories.ts";
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
  /** What differs from the defaults; the whole must make sense (`readKubeletConfiguration` sees to that). */
  readonly configuration?: Partial<KubeletConfiguration>;
  /** Where the kubelet's HTTPS server listens. */
  readonly port?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** Names of images that are never removed for want of space, asked for when space is wanted. */
  readonly pinnedImages?: () => Promise<readonly string[]>;
  /** The control group that the node's own `kubepods` is made in; no two nodes on a machine may share it. Default `/kubets`. */
  readonly cgroupRoot?: string;
  /** Where directories lie that the cluster's provisioner hands out as volumes. Absent: this node has none to give. */
  readonly volumesDirectory?: string;
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

const DEFAULT_PORT = 10_250;

/** The end of a pod whose room a critical one needs. */
const PREEMPTED = {
  reason: "Preempting",
  message: "Preempted in order to admit critical pod",
  disruption: "Pod was preempted by Kubelet to accommodate a critical pod.",
};

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
  private readonly housekeeping: Housekeeping;
  private readonly care: NodeCare;
  private readonly cgroups: NodeCgroups;
  private readonly staticPods: StaticPods;
  private readonly shutdown: NodeShutdown;
  private readonly settings: KubeletSettings;
  private readonly log: Logger;
  private readonly kubepods: string;
  private stopWatching: () => void = () => undefined;
  private running = false;
  /** Until then a pod without a worker may be one of this node's all the same. */
  private knowsItsPods = false;
  private memoryBytes = 0;
  private hasAppArmor = false;

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
    const configuration = completeConfiguration(options.configuration ?? {});
    this.settings = kubeletSettings(configuration);
    this.housekeeping = createHousekeeping(env);
    this.registration = this.makeRegistration();
    this.pullRecords = createPullRecords(env, host);
    this.parts = this.makeParts();
    this.care = this.makeCare();
    const tellNode: NodeCareParts["tellNode"] = (type, reason, message) => this.tellNode(type, reason, message);
    this.cgroups = createNodeCgroups(env, { host, settings: this.settings, kubepods: this.kubepods, tellNode });
    this.shutdown = createNodeShutdown(env, {
      ...{ source: host.shutdown, periods: this.settings.shutdownGracePeriods, tellNode },
      pods: () => this.evictable(),
      statusChanged: () => this.registration.touch(),
    });
    this.staticPods = createStaticPods(env, {
      ...{ client, host, nodeName, path: this.settings.staticPodPath, statuses: this.parts.statuses },
      node: () => this.registration.node(),
      begin: (pod) => this.added(pod),
      end: (pod) => this.workers.get(podUid(pod))?.removed(pod),
      invalid: (file, problem) => this.tellNode("Warning", "InvalidStaticPod", `cannot run what is in ${file}: ${problem}`),
    });
    this.api = createKubeletApi(env, {
      host,
      runtime,
      nodeName,
      kubepods: this.kubepods,
      pods: () => [...this.workers.values()].map((worker) => this.withNewestStatus(worker.current)),
      findPod: (namespace, name) => this.findPod(namespace, name),
      volumeDirectories: createVolumeDirectories(host.files, options.volumesDirectory),
      problem: () => (this.running ? undefined : "the kubelet does not run"),
      configuration,
    });
  }

  get problems(): readonly string[] {
    return this.registration.problems;
  }

  async start(): Promise<void> {
    this.running = true;
    const { host, runtime } = this.options;
    await host.files.makeDirectory(host.rootDirectory, 0o750);
    await provideSandboxProfile(host);
    ({ memoryBytes: this.memoryBytes, hasAppArmor: this.hasAppArmor } = await host.facts());
    await this.cgroups.apply();
    await this.parts.allocations.load();
    await this.pullRecords.load(async () => (await runtime.listImages()).map(({ id }) => id));
    this.stopWatching = runtime.watchEvents((event) => this.runtimeEvent(event));
    await this.care.start();
    this.housekeeping.start();
    this.shutdown.start();
    // They run with or without an API server.
    await this.staticPods.start();
    this.serviceInformer.start();
    await this.registration.start();
    this.podInformer.addHandler({
      added: (pod) => (isMirrorPod(pod) ? this.staticPods.mirrorSeen(pod) : this.added(pod)),
      updated: (pod) => (isMirrorPod(pod) ? this.staticPods.mirrorSeen(pod) : this.workers.get(podUid(pod))?.update(pod)),
      deleted: (pod) => (isMirrorPod(pod) ? this.staticPods.mirrorGone(pod) : this.workers.get(podUid(pod))?.removed(pod)),
    });
    this.podInformer.start();
    await this.podInformer.synced();
    this.knowsItsPods = true;
    this.staticPods.reconcile();
    removeOrphans({ runtime, host, volumes: this.parts.volumes, kubepods: this.kubepods, log: this.log }, (uid) => this.workers.has(uid)).catch(
      (error: unknown) => {
        this.log.error("cannot remove what former pods left", { error });
      },
    );
  }

  async stop(): Promise<void> {
    this.running = false;
    this.housekeeping.stop();
    this.care.stop();
    this.shutdown.stop();
    this.staticPods.stop();
    this.stopWatching();
    this.podInformer.stop();
    this.serviceInformer.stop();
    this.registration.stop();
    this.parts.probes.stop();
    this.parts.allocations.stop();
    this.parts.objects.stop();
    this.parts.statuses.stop();
    await Promise.all([...this.workers.values()].map((worker) => worker.stop()));
    this.recorder.stop();
    await this.recorder.flush();
  }

  private runtimeEvent(event: RuntimeEvent): void {
    if (event.type === "imagesChanged" || event.type === "resync") this.registration.imagesChanged();
    if (event.type === "imagesChanged") return;
    this.care.somethingEnded();
    if (event.type === "resync") for (const worker of this.workers.values()) worker.wake();
    else this.workers.get(event.podUid)?.wake();
  }

  private makeRegistration(): NodeRegistration {
    const { client, nodeName, nodeIps, host, runtime, port = DEFAULT_PORT, labels = {}, setUpPodNetwork } = this.options;
    return createNodeRegistration(this.env, {
      ...{ client, host, runtime, recorder: this.recorder, settings: this.settings, housekeeping: this.housekeeping, setUpPodNetwork },
      identity: { nodeName, nodeIps, kubeletPort: port, labels },
      pressures: () => this.care.eviction.conditions,
      otherProblems: () => this.shutdown.problems,
      seen: () => this.staticPods.reconcile(),
    });
  }

  private makeCare(): NodeCare {
    const { host, runtime, pinnedImages = async () => [] } = this.options;
    return createNodeCare(this.env, {
      ...{ host, runtime, events: this.parts.events, settings: this.settings, housekeeping: this.housekeeping, kubepods: this.kubepods, pinnedImages },
      pods: () => this.evictable(),
      standing: (uid) => {
        const worker = this.workers.get(uid);
        if (worker === undefined) return this.knowsItsPods ? "unknown" : "active";
        return worker.phase === "terminated" || worker.phase === "finished" ? "ended" : "active";
      },
      tellNode: (type, reason, message) => this.tellNode(type, reason, message),
      conditionsChanged: () => this.registration.touch(),
    });
  }

  private tellNode(type: "Normal" | "Warning", reason: string, message: string): void {
    const { nodeName } = this.options;
    this.recorder.event({ kind: "Node", name: nodeName, uid: nodeName, apiVersion: "v1" }, type, reason, message);
  }

  private evictable(): EvictablePod[] {
    return this.activeWorkers().map((worker) => ({
      pod: this.parts.allocations.allocated(worker.current),
      isEnding: worker.phase === "terminating",
      evict: (end) => worker.evict(end),
    }));
  }

  private makeParts(): PodWorkerParts {
    const { env, options } = this;
    const { client, host, runtime } = options;
    const events = createPodEvents(this.recorder);
    const statuses = createStatusWriter(env, client, (pod) => this.staticPods.mirrorOf(pod));
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
        ...(this.settings.podPidsLimit === undefined ? {} : { podPidsLimit: this.settings.podPidsLimit }),
        allocatable: () => this.registration.node()?.status?.allocatable ?? {},
        services: async () => {
          await this.serviceInformer.synced();
          return this.serviceInformer.list();
        },
        servicesSoFar: () => this.serviceInformer.list(),
      },
      volumes: createVolumeManager(env, { host, objects, tokens, events, images: runtime }),
      starter: createContainerStarter(env, { host, runtime, images, events, killer }),
      backOff: createFailureBackOff(env.clock),
      finished: (pod) => {
        this.workers.delete(podUid(pod));
        if (isStaticPod(pod)) this.staticPods.ended(pod);
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
    if (node === undefined) return undefined;
    const others = this.activePods().filter((other) => podUid(other) !== podUid(pod) && (isStaticPod(other) || this.isInApi(other)));
    const result = [this.shutdown.admit(), this.care.eviction.admit(pod)].find(({ admitted }) => !admitted) ?? { admitted: true };
    return result.admitted ? admitPod(pod, { node, others, hasAppArmor: this.hasAppArmor }) : result;
  }

  /** A pod that was taken in before, by a former kubelet, stays. */
  private admit(pod: Pod): boolean {
    const isNew = pod.status?.startTime === undefined && pod.metadata.deletionTimestamp === undefined && !isTerminalPhase(pod.status?.phase);
    const asked = isNew ? this.admits(pod) : undefined;
    const result = asked?.admitted === false ? this.makeRoom(pod, asked) : asked;
    if (result === undefined || result.admitted) return true;
    this.log.info("refused a pod", { pod: podName(pod), namespace: podNamespace(pod), reason: result.reason, message: result.message });
    this.parts.events.pod(pod, "Warning", result.reason, result.message);
    const status = rejectedPodStatus(pod, result.reason, result.message, this.env.clock.now());
    // It ends like any other pod: the worker sees a terminal phase and has nothing to stop.
    this.parts.statuses.report(pod, status);
    this.workers.set(podUid(pod), new PodWorker(this.parts, { ...pod, status }));
    return false;
  }

  /** A critical pod that lacks nothing but room gets that of others. */
  private makeRoom(pod: Pod, refusal: AdmissionResult & { readonly admitted: false }): AdmissionResult {
    if (refusal.shortages === undefined || !(isCriticalPod(pod) || isStaticPod(pod))) return refusal;
    const others = this.activePods().filter((other) => !isStaticPod(other));
    const plan = planPreemption(pod, others, refusal.shortages);
    if (!plan.ok) {
      const message = `Unexpected error while attempting to recover from admission failure: ${plan.message}`;
      return { admitted: false, reason: "UnexpectedAdmissionError", message };
    }
    for (const victim of plan.victims) {
      this.parts.events.pod(victim, "Warning", PREEMPTED.reason, PREEMPTED.message);
      this.workers.get(podUid(victim))?.evict(PREEMPTED);
    }
    return { admitted: true };
  }

  /** What was deleted by force is on its way out and has given up its place, as the scheduler sees it too. */
  private isInApi(pod: Pod): boolean {
    const known = this.podInformer.get(`${podNamespace(pod)}/${podName(pod)}`);
    return known !== undefined && podUid(known) === podUid(pod);
  }

  /** With the resources that are granted to them. */
  private activePods(): Pod[] {
    return this.activeWorkers().map((worker) => this.parts.allocations.allocated(worker.current));
  }
  private activeWorkers(): PodWorker[] {
    return [...this.workers.values()].filter(({ phase }) => phase === "syncing" || phase === "terminating");
  }

  private activeChanged(): void {
    this.parts.allocations.retry();
    this.weighBurstable();
  }

  private weighBurstable(): void {
    this.cgroups.weigh(this.activePods());
  }

  private findPod(namespace: string, name: string): Pod | undefined {
    const pod = this.staticPods.get(`${namespace}/${name}`) ?? this.podInformer.get(`${namespace}/${name}`);
    return pod === undefined ? undefined : this.withNewestStatus(this.workers.get(podUid(pod))?.current ?? pod);
  }
  private withNewestStatus(pod: Pod): Pod {
    const status: PodStatus | undefined = this.parts.statuses.latest(podUid(pod));
    return status === undefined ? pod : { ...pod, status };
  }
}
