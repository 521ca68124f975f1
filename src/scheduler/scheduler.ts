// The scheduler: pods without a node come in, decisions are made one after the other on the state in memory, bindings go out
// side by side (https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/).
//
// Invariants: a decision counts in memory before it is bound (the pod is assumed), and no longer when binding fails. An idle
// scheduler has no timer but those of pods that wait.
import {
  type Binding,
  isPodBound,
  isPodTerminal,
  isStatus,
  type Node,
  nodes,
  type Pod,
  type PodCondition,
  type PodDisruptionBudget,
  podCondition,
  podDisruptionBudgets,
  pods,
} from "../api/index.ts";
import { type Env, formatTime, type Logger } from "../base/index.ts";
import {
  type Client,
  createEventRecorder,
  createInformerFactory,
  type EventRecorder,
  type Informer,
  type InformerFactory,
  ignoreNotFound,
} from "../client/index.ts";
import { ClusterState } from "./cluster-state.ts";
import { createNodeFinder, type Decision, type NodeFinder } from "./find-node.ts";
import { assignedMessage, NO_NODES_MESSAGE, unschedulableMessage } from "./messages.ts";
import { type PodInfo, podInfo } from "./pod-info.ts";
import { planPreemption } from "./preemption.ts";
import { defaultProfile, type Profile } from "./profile.ts";
import { SchedulingQueue } from "./queue.ts";

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
  private readonly budgets: Informer<PodDisruptionBudget>;
  private readonly removers: (() => void)[] = [];
  private readonly bindings = new Set<Promise<void>>();
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
    this.recorder = createEventRecorder(env, client, this.profile.schedulerName, { style: "series" });
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
    this.informers.start();
    await Promise.all([nodeInformer.synced(), podInformer.synced(), this.budgets.synced()]);
    this.started = true;
    this.work();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const remove of this.removers.splice(0)) remove();
    this.queue.close();
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
    if (old !== undefined && old.metadata.uid !== pod.metadata.uid) this.podGone(old);
    if (isPodTerminal(pod)) {
      this.podGone(pod);
      return;
    }
    if (isPodBound(pod)) {
      this.queue.remove(info.uid);
      this.cluster.setPod(info, pod.spec.nodeName ?? "");
      this.queue.happened({ type: "podPlaced", pod: info, ...(old !== undefined && isPodBound(old) ? { old } : {}) });
      return;
    }
    if ((pod.spec.schedulerName ?? "") !== this.profile.schedulerName || this.cluster.isAssumed(info.uid)) return;
    if (pod.metadata.deletionTimestamp !== undefined) this.queue.remove(info.uid);
    else this.queue.put(info, old === undefined || isNewToScheduling(pod, old));
  }

  private podGone(pod: Pod): void {
    const info = podInfo(pod);
    this.queue.remove(info.uid);
    this.cluster.removePod(info.uid);
    if (isPodBound(pod)) this.queue.happened({ type: "podRemoved", pod: info });
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
        this.schedule(next);
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

  private schedule(info: PodInfo): void {
    const beganMs = this.env.clock.monotonic();
    const decision = this.finder.find(info);
    this.env.metrics
      .histogram("scheduler_scheduling_algorithm_duration_seconds", "Scheduling algorithm latency.")
      .observe((this.env.clock.monotonic() - beganMs) / 1000);
    if (decision.node === undefined) {
      this.track(this.giveUp(info, decision));
      return;
    }
    this.cluster.assume(info, decision.node.name);
    this.track(this.bind(info, decision.node.name));
  }

  private track(work: Promise<void>): void {
    const done = work.catch((error: unknown) => this.log.error("scheduling failed unexpectedly", { error })).finally(() => this.bindings.delete(done));
    this.bindings.add(done);
  }

  private async bind(info: PodInfo, nodeName: string): Promise<void> {
    const { namespace = "", name, uid } = info.pod.metadata;
    const binding: Binding = { apiVersion: "v1", kind: "Binding", metadata: { name, namespace, uid }, target: { kind: "Node", name: nodeName } };
    try {
      await this.client.createSubresource(pods, { name, namespace }, "binding", binding);
    } catch (error) {
      this.bindingFailed(info, error);
      return;
    }
    this.queue.done(info.uid);
    this.recorder.event(info.pod, "Normal", "Scheduled", assignedMessage(namespace, name, nodeName), { action: "Binding" });
  }

  private bindingFailed(info: PodInfo, error: unknown): void {
    if (this.cluster.isAssumed(info.uid)) this.cluster.removePod(info.uid);
    if (isStatus(error, "NotFound")) {
      this.queue.remove(info.uid);
      return;
    }
    this.recorder.event(
      info.pod,
      "Warning",
      "FailedScheduling",
      `running Bind plugin "DefaultBinder": ${error instanceof Error ? error.message : String(error)}`,
      { action: "Scheduling" },
    );
    this.queue.failed(info.uid);
  }

  private async giveUp(info: PodInfo, decision: Extract<Decision, { node: undefined }>): Promise<void> {
    const all = this.cluster.list().length;
    const plan =
      all === 0
        ? undefined
        : planPreemption({ pod: info, cluster: this.cluster, profile: this.profile, rejections: decision.rejections, budgets: this.budgets.list() });
    const message = plan === undefined ? NO_NODES_MESSAGE : unschedulableMessage(all, decision.rejections, plan.helps ? "" : plan.message);
    this.queue.unschedulable(info.uid, decision.plugins);
    this.recorder.event(info.pod, "Warning", "FailedScheduling", message, { action: "Scheduling" });
    const nominated = plan?.helps === true ? plan.nodeName : undefined;
    try {
      await this.writeStatus(info.pod, message, nominated);
      if (plan?.helps === true) await Promise.all(plan.victims.map((victim) => this.preempt(victim, info, plan.nodeName)));
    } catch (error) {
      if (!isStatus(error, "NotFound", "Conflict")) this.log.warn("the pod's status could not be written", { pod: info.key, error });
    }
  }

  private async writeStatus(pod: Pod, message: string, nominatedNodeName: string | undefined): Promise<void> {
    const before = podCondition(pod, "PodScheduled");
    const isSame = before?.status === "False" && before.reason === "Unschedulable" && before.message === message;
    if (isSame && (nominatedNodeName === undefined || pod.status?.nominatedNodeName === nominatedNodeName)) return;
    const now = formatTime(this.env.clock.now());
    const condition: PodCondition = {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message,
      lastTransitionTime: before?.status === "False" ? (before.lastTransitionTime ?? now) : now,
    };
    await this.patchStatus(pod, { conditions: [condition], ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }) });
  }

  private async preempt(victim: PodInfo, by: PodInfo, nodeName: string): Promise<void> {
    const { name, namespace = "", uid = "" } = victim.pod.metadata;
    if (victim.pod.metadata.deletionTimestamp !== undefined) return;
    const message = `${this.profile.schedulerName}: preempting to accommodate a higher priority pod`;
    const condition: PodCondition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "PreemptionByScheduler",
      message,
      lastTransitionTime: formatTime(this.env.clock.now()),
    };
    await ignoreNotFound(this.patchStatus(victim.pod, { conditions: [condition] }));
    await ignoreNotFound(this.client.delete(pods, { name, namespace }, { preconditions: { uid } }));
    this.recorder.event(victim.pod, "Normal", "Preempted", `Preempted by pod ${by.uid} on node ${nodeName}`, { action: "Preempting" });
  }

  private async patchStatus(pod: Pod, status: NonNullable<Pod["status"]>): Promise<void> {
    const { name, namespace = "", uid } = pod.metadata;
    const body = JSON.parse(JSON.stringify({ metadata: { uid }, status })) as Record<string, never>;
    await this.client.patch(pods, { name, namespace }, { type: "strategic", body }, { subresource: "status" });
  }
}

/** Whether something changed that a scheduling decision looks at; a status that we wrote ourselves does not count. */
function isNewToScheduling(pod: Pod, old: Pod): boolean {
  return pod.spec !== old.spec && JSON.stringify([pod.spec, pod.metadata.labels]) !== JSON.stringify([old.spec, old.metadata.labels]);
}
