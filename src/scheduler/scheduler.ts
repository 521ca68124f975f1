// The scheduler: pods without a node come in, decisions are made one after the other on the state in memory, bindings go out
// side by side (https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/).
//
// Invariants: a decision counts in memory before it is bound (the pod is assumed), and no longer when binding fails. An idle
// scheduler has no timer but those of pods that wait.
import { isPodBound, isPodTerminal, isStatus, type Node, namespaces, nodes, type Pod, pods } from "../api/index.ts";
import { assert, type Env, type Logger, type Random } from "../base/index.ts";
import { type Client, createEventRecorder, createInformerFactory, type EventRecorder, type InformerFactory } from "../client/index.ts";
import { ClusterState } from "./cluster-state.ts";
import { defaultProfile } from "./config/profiles.ts";
import { assignedMessage, type Diagnosis, eventNote, fitMessage, NO_NODES_MESSAGE } from "./diagnosis.ts";
import { createNodeFinder, type NodeFinder } from "./find-node.ts";
import { createListers, type InformedListers } from "./listers.ts";
import type { NodeInfo } from "./node-info.ts";
import type { BindContext, PostFilterResult } from "./plugin.ts";
import { countsTheSame, type PodInfo, podInfo } from "./pod-info.ts";
import { type FailedAttempt, PodWriter } from "./pod-writer.ts";
import type { Profile } from "./profile.ts";
import { type BackoffOptions, SchedulingQueue } from "./queue.ts";
import { type AttemptResult, createSchedulerMetrics, observePendingPods, type SchedulerMetrics } from "./scheduler-metrics.ts";
import { followStorage } from "./storage-state.ts";

export interface SchedulerOptions {
  /** Caches shared with other components of the process; absent: own ones. */
  readonly informers?: InformerFactory;
  /** Of different scheduler names. Absent: the default profile alone. */
  readonly profiles?: readonly Profile[];
  /** For profiles that do not say; 0 or absent: falls with the number of nodes. */
  readonly percentageOfNodesToScore?: number;
  readonly backoff?: BackoffOptions;
}

export interface Scheduler {
  /** Resolves when the caches are filled and pods are being scheduled. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Longer than this a run of decisions does not keep others of the process waiting. */
const TURN_MS = 5;

export function createScheduler(env: Env, client: Client, options: SchedulerOptions = {}): Scheduler {
  return new PodScheduler(env, client, options);
}

class PodScheduler implements Scheduler {
  private readonly log: Logger;
  /** By scheduler name. */
  private readonly profiles: ReadonlyMap<string, { readonly profile: Profile; readonly recorder: EventRecorder }>;
  private readonly informers: InformerFactory;
  private readonly ownsInformers: boolean;
  private readonly listers: InformedListers;
  private readonly cluster: ClusterState;
  private readonly queue: SchedulingQueue;
  private readonly finder: NodeFinder;
  private readonly writer: PodWriter;
  private readonly random: Random;
  private readonly metrics: SchedulerMetrics;
  /** When the attempts under way began, by the pod's UID. */
  private readonly attempts = new Map<string, number>();
  private readonly removers: (() => void)[] = [];
  private readonly bindings = new Set<Promise<unknown>>();
  /** Ends the wait of a pod between its decision and its binding, by UID. */
  private readonly aborts = new Map<string, AbortController>();
  private working = false;
  private started = false;
  private stopped = false;

  constructor(
    private readonly env: Env,
    private readonly client: Client,
    options: SchedulerOptions,
  ) {
    this.log = env.log.child("scheduler");
    const { profiles = [defaultProfile], percentageOfNodesToScore, backoff } = options;
    this.profiles = new Map(
      profiles.map((profile) => [profile.schedulerName, { profile, recorder: createEventRecorder(env, client, profile.schedulerName, { style: "series" }) }]),
    );
    this.ownsInformers = options.informers === undefined;
    this.informers = options.informers ?? createInformerFactory(env, client);
    this.listers = createListers(this.informers);
    this.cluster = new ClusterState(this.listers.listers);
    this.writer = new PodWriter(env, client);
    this.random = env.random.fork("scheduler");
    this.metrics = createSchedulerMetrics(env);
    this.finder = createNodeFinder(this.cluster, { random: this.random, percentageOfNodesToScore });
    this.queue = new SchedulingQueue(env, {
      profiles: new Map(profiles.map((profile) => [profile.schedulerName, profile])),
      cluster: this.cluster,
      backoff,
      wake: () => this.work(),
    });
  }

  async start(): Promise<void> {
    const nodeInformer = this.informers.informer(nodes);
    const podInformer = this.informers.informer(pods);
    this.removers.push(
      observePendingPods(this.env, () => this.queue.counts()),
      nodeInformer.addHandler({
        added: (node) => this.nodeAdded(node),
        updated: (node, old) => this.nodeUpdated(node, old),
        deleted: (node) => this.nodeDeleted(node),
      }),
      this.informers.informer(namespaces).addHandler({
        updated: ({ metadata }, old) => {
          if (JSON.stringify(metadata.labels) !== JSON.stringify(old.metadata.labels)) this.cluster.podSets.namespacesChanged();
        },
      }),
      podInformer.addHandler({
        added: (pod) => this.podChanged(pod, undefined),
        updated: (pod, old) => this.podChanged(pod, old),
        deleted: (pod) => this.podGone(pod),
      }),
    );
    const storage = followStorage(this.informers, this.cluster.storage, (event) => this.queue.happened(event));
    this.removers.push(storage.stop);
    this.informers.start();
    await Promise.all([nodeInformer.synced(), podInformer.synced(), this.listers.synced(), storage.synced()]);
    this.started = true;
    this.work();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const remove of this.removers.splice(0)) remove();
    this.queue.close();
    for (const abort of this.aborts.values()) abort.abort();
    for (const { recorder } of this.profiles.values()) recorder.stop();
    await Promise.all(this.bindings);
    if (this.ownsInformers) this.informers.stop();
  }

  private nodeAdded(node: Node): void {
    this.cluster.setNode(node);
    this.queue.happened({ type: "nodeAdded", node });
  }

  private nodeUpdated(node: Node, old: Node): void {
    this.cluster.setNode(node);
    if (isNewToPods(node, old)) this.queue.happened({ type: "nodeUpdated", node, old });
  }

  private nodeDeleted(node: Node): void {
    this.cluster.removeNode(node.metadata.name);
    this.queue.happened({ type: "nodeRemoved", node });
  }

  private podChanged(pod: Pod, old: Pod | undefined): void {
    const info = podInfo(pod);
    if (isPodTerminal(pod)) {
      this.podGone(pod);
      return;
    }
    if (isPodBound(pod)) {
      this.podOnNode(info, old);
      return;
    }
    if (!this.profiles.has(pod.spec.schedulerName ?? "") || this.cluster.isAssumed(info.uid)) return;
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.podGone(pod);
      return;
    }
    const before = this.cluster.nominations.nodeOf(info.uid);
    this.cluster.nominations.observe(info, old);
    this.queue.put(info, old !== undefined && isNewToScheduling(pod, old) ? podInfo(old) : undefined);
    if (before !== undefined && this.cluster.nominations.nodeOf(info.uid) !== before) this.roomFreed(info);
  }

  private podOnNode(info: PodInfo, old: Pod | undefined): void {
    this.queue.remove(info.uid);
    this.cluster.setPod(info, info.pod.spec.nodeName ?? "");
    if (old === undefined || !isPodBound(old)) this.queue.happened({ type: "podPlaced", pod: info });
    else if (!countsTheSame(info, podInfo(old))) this.queue.happened({ type: "podUpdated", pod: info, old: podInfo(old) });
  }

  private podGone(pod: Pod): void {
    const info = podInfo(pod);
    this.queue.remove(info.uid);
    this.aborts.get(info.uid)?.abort();
    const wasOnNode = isPodBound(pod) || this.cluster.isAssumed(info.uid);
    if (!this.cluster.removePod(info.uid)) return;
    if (wasOnNode) this.queue.happened({ type: "podRemoved", pod: info });
    else this.roomFreed(info);
  }

  /** Room that was kept for the pod is free for those that had to give way to it. */
  private roomFreed(info: PodInfo): void {
    this.queue.happened({ type: "podRemoved", pod: info }, ({ uid, priority }) => uid !== info.uid && priority <= info.priority);
  }

  /** Makes decisions until none is left, letting others have their turn in between. */
  private work(): void {
    if (this.working || !this.started || this.stopped) return;
    this.working = true;
    const { clock } = this.env;
    const turn = (): void => {
      const beganMs = clock.monotonic();
      while (!this.stopped) {
        const next = this.queue.pop();
        if (next === undefined) break;
        this.attempt(next);
        if (clock.monotonic() - beganMs >= TURN_MS) {
          clock.setTimeout(turn, 0);
          return;
        }
      }
      this.working = false;
    };
    // After the events of this turn, so that one decision sees them all.
    queueMicrotask(turn);
  }

  /** A failure of one pod's attempt is not another's. */
  private attempt(info: PodInfo): void {
    try {
      this.schedule(info);
    } catch (error) {
      this.log.error("a pod could not be scheduled", { pod: info.key, error });
      this.track(this.attemptFailed(info, errorText(error)));
    }
  }

  private schedule(info: PodInfo): void {
    const { profile } = this.sideOf(info);
    const beganMs = this.env.clock.monotonic();
    this.attempts.set(info.uid, beganMs);
    const decision = this.finder.find(info, profile);
    this.metrics.decided(this.env.clock.monotonic() - beganMs);
    if (decision.node === undefined) {
      this.giveUp(info, profile, decision.diagnosis);
      return;
    }
    this.cluster.assume(info, decision.node.name);
    this.track(this.bind(info, decision.node));
  }

  private attempted(info: PodInfo, result: AttemptResult): void {
    const beganMs = this.attempts.get(info.uid);
    if (beganMs === undefined) return;
    this.attempts.delete(info.uid);
    this.metrics.attempted(info.pod.spec.schedulerName ?? "", result, this.env.clock.monotonic() - beganMs);
  }

  /** What belongs to the pod's scheduler name; only pods of known ones are queued. */
  private sideOf({ pod, key }: PodInfo): { readonly profile: Profile; readonly recorder: EventRecorder } {
    const side = this.profiles.get(pod.spec.schedulerName ?? "");
    assert(side !== undefined, `pod ${key} is queued though no profile is its scheduler`);
    return side;
  }

  private track(work: Promise<unknown>): void {
    const done = work.catch((error: unknown) => this.log.error("scheduling failed unexpectedly", { error })).finally(() => this.bindings.delete(done));
    this.bindings.add(done);
  }

  private async bind(info: PodInfo, node: NodeInfo): Promise<void> {
    const { profile, recorder } = this.sideOf(info);
    let step = "";
    try {
      for (const { plugin } of profile.at.reserve) {
        step = `Reserve plugin "${plugin.name}"`;
        plugin.reserve?.(info, node, this.cluster);
      }
      const preparing = profile.at.preBind.filter(({ plugin }) => plugin.applies?.(info) !== false && plugin.preparesBinding?.(info, this.cluster) !== false);
      if (preparing.length > 0) {
        const context = this.bindContext(info);
        await this.announce(info, node.name);
        for (const { plugin } of preparing) {
          step = `PreBind plugin "${plugin.name}"`;
          await plugin.preBind?.(info, node, context);
        }
      }
      step = 'Bind plugin "DefaultBinder"';
      await this.writer.bind(info.pod, node.name);
    } catch (error) {
      await this.bindingFailed(info, `running ${step}: ${errorText(error)}`, error);
      return;
    } finally {
      this.aborts.delete(info.uid);
    }
    this.queue.done(info.uid);
    this.attempted(info, "scheduled");
    const { namespace = "", name } = info.pod.metadata;
    recorder.event(info.pod, "Normal", "Scheduled", assignedMessage(namespace, name, node.name), { action: "Binding" });
  }

  /** Tells who watches where the pod is about to go, for the time that its binding takes. */
  private async announce(info: PodInfo, nodeName: string): Promise<void> {
    try {
      await this.writer.nominate(info.pod, nodeName);
    } catch (error) {
      this.log.warn("the node that a pod is to get could not be told", { pod: info.key, node: nodeName, error });
    }
  }

  private bindContext({ uid }: PodInfo): BindContext {
    const abort = new AbortController();
    this.aborts.set(uid, abort);
    return { env: this.env, client: this.client, cluster: this.cluster, signal: abort.signal };
  }

  private async bindingFailed(info: PodInfo, message: string, error: unknown): Promise<void> {
    for (const { plugin } of this.sideOf(info).profile.at.reserve.toReversed()) plugin.unreserve?.(info, this.cluster);
    // Others may have been turned away for the room that was not needed after all.
    if (this.cluster.isAssumed(info.uid) && this.cluster.removePod(info.uid)) this.queue.happened({ type: "podRemoved", pod: info });
    if (isStatus(error, "NotFound")) this.queue.remove(info.uid);
    await this.attemptFailed(info, message);
  }

  /** The pod is tried again after its back-off, unless it is gone or has a node by now. */
  private async attemptFailed(info: PodInfo, message: string): Promise<void> {
    this.attempted(info, "error");
    if (!this.queue.has(info.uid)) return;
    this.queue.failed(info.uid);
    this.cluster.nominations.delete(info.uid);
    await this.report(info, { reason: "SchedulerError", message, nominatedNodeName: null });
  }

  private giveUp(info: PodInfo, profile: Profile, diagnosis: Diagnosis): void {
    this.attempted(info, "unschedulable");
    const { cluster } = this;
    if (diagnosis.nodeCount === 0) {
      this.setAside(info, { message: NO_NODES_MESSAGE, nominationStands: false }, diagnosis);
      return;
    }
    const afterwords: string[] = [];
    let nominationStands = true;
    for (const { plugin } of profile.at.postFilter) {
      const result = plugin.postFilter?.({ pod: info, cluster, profile, diagnosis, draw: () => this.random.next() });
      if (result?.helps === true) {
        this.metrics.preempted(result.victims.length);
        this.queue.refused(info.uid, diagnosis.plugins, true);
        this.track(this.makeRoom(info, fitMessage(diagnosis), result));
        return;
      }
      if (result === undefined) continue;
      afterwords.push(result.message);
      nominationStands &&= result.nominationStands;
    }
    // Without a plugin that could make room there is none to wait for.
    if (afterwords.length === 0) nominationStands = false;
    this.setAside(info, { message: fitMessage(diagnosis, afterwords.join(", ")), nominationStands }, diagnosis);
  }

  private setAside(info: PodInfo, { message, nominationStands }: { message: string; nominationStands: boolean }, { plugins }: Diagnosis): void {
    const lostRoom = !nominationStands && this.cluster.nominations.delete(info.uid);
    this.queue.refused(info.uid, plugins);
    if (lostRoom) this.roomFreed(info);
    this.track(this.report(info, { reason: "Unschedulable", message, ...(nominationStands ? {} : { nominatedNodeName: null }) }));
  }

  /** From now on the room is kept for the pod; it is tried again when its victims have left. */
  private async makeRoom(info: PodInfo, message: string, { nodeName, victims }: Extract<PostFilterResult, { helps: true }>): Promise<void> {
    const { nominations } = this.cluster;
    // Pods that waited for the same room and matter less look for other room.
    const displaced = nominations.on(nodeName).filter(({ uid, priority }) => uid !== info.uid && priority < info.priority);
    for (const { uid } of displaced) nominations.delete(uid);
    nominations.set(info, nodeName);
    const isReported = await this.report(info, { reason: "Unschedulable", message, nominatedNodeName: nodeName });
    if (!isReported) {
      this.queue.release(info.uid, true);
      return;
    }
    const { recorder } = this.sideOf(info);
    try {
      await Promise.all([
        ...displaced.map(({ pod }) => this.writer.clearNomination(pod)),
        ...victims.map((victim) => this.writer.preempt(victim, info, nodeName, recorder)),
      ]);
      this.queue.release(info.uid);
    } catch (error) {
      this.log.warn("preemption failed", { pod: info.key, node: nodeName, error });
      this.queue.release(info.uid, true);
    }
    for (const { uid } of displaced) this.queue.release(uid, true);
  }

  /** Tells users why the pod waits. False: the pod is not what it was, or cannot be reached. */
  private async report(info: PodInfo, attempt: FailedAttempt): Promise<boolean> {
    this.sideOf(info).recorder.event(info.pod, "Warning", "FailedScheduling", eventNote(attempt.message), { action: "Scheduling" });
    try {
      await this.writer.failed(info.pod, attempt);
      return true;
    } catch (error) {
      if (!isStatus(error, "NotFound", "Conflict")) this.log.warn("the pod's status could not be written", { pod: info.key, error });
      return false;
    }
  }
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether something changed that a scheduling decision looks at; a status that we wrote ourselves does not count. */
function isNewToScheduling(pod: Pod, old: Pod): boolean {
  return pod.spec !== old.spec && JSON.stringify([pod.spec, pod.metadata.labels]) !== JSON.stringify([old.spec, old.metadata.labels]);
}

/** Whether something changed that a filter could look at; a heartbeat does not count. */
function isNewToPods(node: Node, old: Node): boolean {
  const facts = ({ metadata, spec, status }: Node): string =>
    JSON.stringify([
      metadata.labels,
      metadata.annotations,
      spec.taints,
      spec.unschedulable,
      status?.allocatable,
      status?.declaredFeatures,
      status?.conditions?.map((condition) => [condition.type, condition.status]),
    ]);
  return facts(node) !== facts(old);
}
