// What the scheduler writes to the API about pods: bindings, the PodScheduled condition, nominations, the end of victims.
//
// Invariant: every write holds for the very pod that was judged, not for another of its name.
import { type Binding, type JsonValue, type Pod, type PodCondition, podCondition, pods } from "../api/index.ts";
import { type Env, formatTime } from "../base/index.ts";
import { type Client, type EventRecorder, ignoreNotFound } from "../client/index.ts";
import { PREEMPTION_REASON } from "./plugins/default-preemption.ts";
import type { PodInfo } from "./pod-info.ts";

/** Why a pod has no node, as its PodScheduled condition tells. */
export interface FailedAttempt {
  /** `SchedulerError`: the attempt itself failed; the nodes may be fine. */
  readonly reason: "Unschedulable" | "SchedulerError";
  readonly message: string;
  /** The node that room is made on; null: none any more. Absent: as before. */
  readonly nominatedNodeName?: string | null;
}

export class PodWriter {
  /** Copies of pods that say less than the API: those were announced since. */
  private readonly announced = new WeakSet<Pod>();

  constructor(
    private readonly env: Env,
    private readonly client: Client,
  ) {}

  async bind({ metadata }: Pod, nodeName: string): Promise<void> {
    const { namespace, name, uid } = metadata;
    const binding: Binding = { apiVersion: "v1", kind: "Binding", metadata: { name, namespace, uid }, target: { kind: "Node", name: nodeName } };
    await this.client.createSubresource(pods, { name, namespace }, "binding", binding);
  }

  /** Nothing is written when the pod says so already. */
  async failed(pod: Pod, { reason, message, nominatedNodeName }: FailedAttempt): Promise<void> {
    const before = podCondition(pod, "PodScheduled");
    const isSame = before?.status === "False" && before.reason === reason && before.message === message;
    const known = this.announced.has(pod) ? undefined : (pod.status?.nominatedNodeName ?? "");
    const keepsNode = nominatedNodeName === undefined || known === (nominatedNodeName ?? "");
    if (isSame && keepsNode) return;
    const condition = this.condition(pod, { type: "PodScheduled", status: "False", reason, message });
    await this.patchStatus(pod, { conditions: [condition], ...(keepsNode ? {} : { nominatedNodeName }) });
  }

  /** The pod is about to be bound to the node. */
  async nominate(pod: Pod, nodeName: string): Promise<void> {
    if (pod.status?.nominatedNodeName === nodeName) return;
    this.announced.add(pod);
    await this.patchStatus(pod, { nominatedNodeName: nodeName });
  }

  /** Room is no longer made for the pod where it was. */
  async clearNomination(pod: Pod): Promise<void> {
    await ignoreNotFound(this.patchStatus(pod, { nominatedNodeName: null }));
  }

  /** Ends a pod that has to make room for `by`. */
  async preempt({ pod }: PodInfo, by: PodInfo, nodeName: string, recorder: EventRecorder): Promise<void> {
    const { name, namespace, uid = "", deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined) return;
    const message = `${by.pod.spec.schedulerName}: preempting to accommodate a higher priority pod`;
    const condition = this.condition(pod, { type: "DisruptionTarget", status: "True", reason: PREEMPTION_REASON, message });
    await ignoreNotFound(this.patchStatus(pod, { conditions: [condition] }));
    await ignoreNotFound(this.client.delete(pods, { name, namespace }, { preconditions: { uid } }));
    recorder.event(pod, "Normal", "Preempted", `Preempted by pod ${by.uid} on node ${nodeName}`, { action: "Preempting" });
  }

  /** Its transition time changes with its status alone. */
  private condition(pod: Pod, condition: Omit<PodCondition, "lastTransitionTime" | "observedGeneration">): Readonly<Record<string, JsonValue>> {
    const before = podCondition(pod, condition.type);
    const now = formatTime(this.env.clock.now());
    const lastTransitionTime = before?.status === condition.status ? (before.lastTransitionTime ?? now) : now;
    const { generation } = pod.metadata;
    const { type, status, reason = "", message = "" } = condition;
    return { type, status, reason, message, lastTransitionTime, ...(generation === undefined ? {} : { observedGeneration: generation }) };
  }

  private async patchStatus({ metadata }: Pod, status: Readonly<Record<string, JsonValue | undefined>>): Promise<void> {
    const { name, namespace, uid = "" } = metadata;
    await this.client.patch(pods, { name, namespace }, { type: "strategic", body: { metadata: { uid }, status } as JsonValue }, { subresource: "status" });
  }
}
