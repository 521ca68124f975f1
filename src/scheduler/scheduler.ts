// The scheduler: pods without a node come in, decisions are made one after the other on the state in memory, bindings go out
// side by side (https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/).
//
// Invariants: a decision counts in memory before it is bound (the pod is assumed), and no longer when binding fails. An idle
// scheduler has no timer but those of pods that wait.
import {
  isPodBound,
  isPodTerminal,
  isStatus,
  type Namespace,
  type Node,
  namespaces,
  nodes,
  type Pod,
  type PodDisruptionBudget,
  podDisruptionBudgets,
  pods,
} from "../api/index.ts";
import type { Env, Logger } from "../base/index.ts";
import { type Client, createEventRecorder, createInformerFactory, type EventRecorder, type Informer, type InformerFactory } from "../client/index.ts";
import { ClusterState } from "./cluster-state.ts";
import { createNodeFinder, type Decision, type NodeFinder } from "./find-node.ts";
import { afterPreemption, assignedMessage, NO_NODES_MESSAGE, refusalMessage, unschedulableMessage } from "./messages.ts";
import type { NodeInfo } from "./node-info.ts";
import type { BindContext } from "./plugin.ts";
import { countsTheSame, type PodInfo, podInfo } from "./pod-info.ts";
import { type FailedAttempt, PodWriter } from "./pod-writer.ts";
import { type PreemptionPlan, planPreemption } from "./preemption.ts";
import { defaultProfile, type Profile } from "./profile.ts";
import { SchedulingQueue } from "./queue.ts";
import { followStorage } from "./storage-state.ts";

export interface SchedulerOptions {
  /** Caches shared with other components of the process; absent: own ones. */
  readonly informers?: InformerFactory;
  readonly profile?: Profile;
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
  private readonly profile: Profile;
  private readonly informers: InformerFactory;
  private readonly ownsInformers: boolean;
  private readonly cluster = new ClusterState();
  private readonly queue: SchedulingQueue;
  private readonly finder: NodeFinder;
  private readonly recorder: EventRecorder;
  private readonly writer: PodWriter;
  private readonly budgets: Informer<PodDisruptionBudget>;
  private readonly allNamespaces: Informer<Namespace>;
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
    this.profile = options.profile ?? defaultProfile;
    this.ownsInformers = options.informers === undefined;
    this.informers = options.informers ?? createInformerFactory(env, client);
    this.budgets = this.informers.informer(podDisruptionBudgets);
    this.allNamespaces = this.informers.informer(namespaces);
    this.cluster.namespaceLabels = (name) => this.allNamespaces.get(name)?.metadata.labels ?? {};
    this.recorder = createEventRecorder(env, client, this.profile.schedulerName, { style: "series" });
    this.writer = new PodWriter(env, client, this.recorder, this.profile.schedulerName);
    this.finder = createNodeFinder(this.cluster, this.profile, env.random.fork("scheduler"));
    this.queue = new SchedulingQueue(env, { plugins: this.profile.plugins.map(({ plugin }) => plugin), wake: () => this.work() });
  }

  async start(): Promise<void> {
    const nodeInformer = this.informers.informer(nodes);
    const podInformer = this.informers.informer(pods);
    this.removers.push(
      nodeInformer.addHandler({
        added: (node) => this.nodeAdded(node),
        updated: (node, old) => this.nodeUpdated(node, old),
        deleted: ({ metadata }) => this.cluster.removeNode(metadata.name),
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
    await Promise.all([storage.synced(), nodeInformer.synced(), podInformer.synced(), this.budgets.synced(), this.allNamespaces.synced()]);
    this.started = true;
    this.work();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const remove of this.removers.splice(0)) remove();
    this.queue.close();
    for (const abort of this.aborts.values()) abort.abort();
    this.recorder.stop();
    await Promise.all(this.bindings);
    if (this.ownsInformers) this.informers.stop();
  }

  private nodeAdded(node: Node): void {
    this.cluster.setNode(node);
    this.queue.happened({ type: "nodeAdded", node });
  }

  private nodeUpdated(node: Node, old: Node): void {
    this.cluster.setNode(node);
    this.queue.happened({ type: "nodeUpdated", node, old });
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
    if ((pod.spec.schedulerName ?? "") !== this.profile.schedulerName || this.cluster.isAssumed(info.uid)) return;
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.podGone(pod);
      return;
    }
    this.cluster.nominations.observe(info, old);
    this.queue.put(info, old === undefined || isNewToScheduling(pod, old));
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
    if (this.cluster.removePod(info.uid)) this.queue.happened({ type: "podRemoved", pod: info });
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
    const beganMs = this.env.clock.monotonic();
    const decision = this.finder.find(info);
    this.env.metrics
      .histogram("scheduler_scheduling_algorithm_duration_seconds", "Scheduling algorithm latency.")
      .observe((this.env.clock.monotonic() - beganMs) / 1000);
    if (decision.node === undefined) {
      this.giveUp(info, decision);
      return;
    }
    this.cluster.assume(info, decision.node.name);
    this.track(this.bind(info, decision.node));
  }

  private track(work: Promise<unknown>): void {
    const done = work.catch((error: unknown) => this.log.error("scheduling failed unexpectedly", { error })).finally(() => this.bindings.delete(done));
    this.bindings.add(done);
  }

  private async bind(info: PodInfo, node: NodeInfo): Promise<void> {
    const nodeName = node.name;
    let step = "";
    try {
      for (const { plugin } of this.profile.plugins) {
        step = `Reserve plugin "${plugin.name}"`;
        plugin.reserve?.(info, node, this.cluster);
      }
      const preparing = this.profile.plugins.filter(({ plugin }) => plugin.preBind !== undefined && plugin.applies?.(info) !== false);
      if (preparing.length > 0) {
        const context = this.bindContext(info);
        for (const { plugin } of preparing) {
          step = `PreBind plugin "${plugin.name}"`;
          await plugin.preBind?.(info, node, context);
        }
      }
      step = 'Bind plugin "DefaultBinder"';
      await this.writer.bind(info.pod, nodeName);
    } catch (error) {
      await this.bindingFailed(info, `running ${step}: ${errorText(error)}`, error);
      return;
    } finally {
      this.aborts.delete(info.uid);
    }
    this.queue.done(info.uid);
    const { namespace = "", name } = info.pod.metadata;
    this.recorder.event(info.pod, "Normal", "Scheduled", assignedMessage(namespace, name, nodeName), { action: "Binding" });
  }

  private bindContext({ uid }: PodInfo): BindContext {
    const abort = new AbortController();
    this.aborts.set(uid, abort);
    return { env: this.env, client: this.client, cluster: this.cluster, signal: abort.signal };
  }

  private async bindingFailed(info: PodInfo, message: string, error: unknown): Promise<void> {
    for (const { plugin } of this.profile.plugins.toReversed()) plugin.unreserve?.(info, this.cluster);
    // Others may have been turned away for the room that was not needed after all.
    if (this.cluster.isAssumed(info.uid) && this.cluster.removePod(info.uid)) this.queue.happened({ type: "podRemoved", pod: info });
    if (isStatus(error, "NotFound")) this.queue.remove(info.uid);
    await this.attemptFailed(info, message);
  }

  /** The pod is tried again after its back-off, unless it is gone or has a node by now. */
  private async attemptFailed(info: PodInfo, message: string): Promise<void> {
    if (!this.queue.has(info.uid)) return;
    this.queue.failed(info.uid);
    this.cluster.nominations.delete(info.uid);
    await this.report(info, { reason: "SchedulerError", message, nominatedNodeName: null });
  }

  private giveUp(info: PodInfo, decision: Extract<Decision, { node: undefined }>): void {
    const all = this.cluster.list().length;
    const { cluster, profile } = this;
    const plan = all === 0 ? undefined : planPreemption({ pod: info, cluster, profile, rejections: decision.rejections, budgets: this.budgets.list() });
    const message = plan === undefined ? NO_NODES_MESSAGE : whyNoNode(all, decision, plan.helps ? "" : afterPreemption(plan.message));
    if (plan?.helps === true) {
      this.queue.unschedulable(info.uid, decision.plugins);
      this.track(this.makeRoom(info, message, plan));
      return;
    }
    const nominationEnds = plan === undefined || !plan.nominationStands;
    if (nominationEnds && cluster.nominations.delete(info.uid)) this.queue.happened({ type: "podRemoved", pod: info });
    this.queue.unschedulable(info.uid, decision.plugins);
    this.track(this.report(info, { reason: "Unschedulable", message, ...(nominationEnds ? { nominatedNodeName: null } : {}) }));
  }

  /** From now on the room is kept for the pod; it is tried again when its victims have left. */
  private async makeRoom(info: PodInfo, message: string, { nodeName, victims }: Extract<PreemptionPlan, { helps: true }>): Promise<void> {
    const { nominations } = this.cluster;
    // Pods that waited for the same room and matter less look for other room.
    const displaced = nominations.on(nodeName).filter(({ uid, priority }) => uid !== info.uid && priority < info.priority);
    for (const { uid } of displaced) nominations.delete(uid);
    nominations.set(info, nodeName);
    if (!(await this.report(info, { reason: "Unschedulable", message, nominatedNodeName: nodeName }))) return;
    try {
      await Promise.all([
        ...displaced.map(({ pod }) => this.writer.clearNomination(pod)),
        ...victims.map((victim) => this.writer.preempt(victim, info, nodeName)),
      ]);
    } catch (error) {
      this.log.warn("preemption failed", { pod: info.key, node: nodeName, error });
      this.queue.retry(info.uid);
    }
  }

  /** Tells users why the pod waits. False: the pod is not what it was, or cannot be reached. */
  private async report({ pod, key, uid }: PodInfo, attempt: FailedAttempt): Promise<boolean> {
    this.recorder.event(pod, "Warning", "FailedScheduling", attempt.message, { action: "Scheduling" });
    try {
      await this.writer.failed(pod, attempt);
      return true;
    } catch (error) {
      if (!isStatus(error, "NotFound", "Conflict")) this.log.warn("the pod's status could not be written", { pod: key, error });
      if (typeof attempt.nominatedNodeName === "string") this.queue.retry(uid);
      return false;
    }
  }
}

function whyNoNode(nodeCount: number, { refusal, rejections }: Extract<Decision, { node: undefined }>, afterword: string): string {
  return refusal === undefined ? unschedulableMessage(nodeCount, rejections, afterword) : refusalMessage(nodeCount, refusal, afterword);
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether something changed that a scheduling decision looks at; a status that we wrote ourselves does not count. */
function isNewToScheduling(pod: Pod, old: Pod): boolean {
  return pod.spec !== old.spec && JSON.stringify([pod.spec, pod.metadata.labels]) !== JSON.stringify([old.spec, old.metadata.labels]);
}
