// Evicts pods from nodes with NoExecute taints that they do not tolerate, or no longer
// (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions).
import { type Node, nodes, type Pod, pods, type Taint, tolerates } from "../api/index.ts";
import { formatTime, parseTime } from "../base/index.ts";
import { type Action, note, nothing, type Plan, patch, remove } from "./action.ts";
import { type Controller, controller } from "./controller.ts";
import { indexPodsByNode, wakePodsOfNode } from "./node-pods.ts";

export interface ObservedEviction {
  readonly pod: Pod;
  /** The NoExecute taints of the pod's node. */
  readonly taints: readonly Taint[];
  /** When this pod was first seen with NoExecute taints on its node. */
  readonly sinceMs: number;
  /** It was to be evicted later when it was looked at last. */
  readonly wasScheduled?: boolean;
}

/** For how long the pod may stay, counted from the taint: 0 not at all, undefined for ever. */
export function toleratedMs(pod: Pod, noExecute: readonly Taint[]): number | undefined {
  const tolerations = pod.spec.tolerations ?? [];
  if (!noExecute.every((taint) => tolerations.some((toleration) => tolerates(toleration, taint)))) return 0;
  const limits = tolerations
    .filter((toleration) => noExecute.some((taint) => tolerates(toleration, taint)))
    .flatMap(({ tolerationSeconds }) => (tolerationSeconds === undefined ? [] : [Math.max(0, tolerationSeconds) * 1000]));
  return limits.length === 0 ? undefined : Math.min(...limits);
}

export function planEviction({ pod, taints, sinceMs, wasScheduled = false }: ObservedEviction, nowMs: number): Plan {
  if (pod.metadata.deletionTimestamp !== undefined) return nothing;
  const allowedMs = taints.length === 0 ? undefined : toleratedMs(pod, taints);
  if (allowedMs === undefined) return wasScheduled ? { actions: [cancelled(pod)] } : nothing;
  const dueMs = sinceMs + allowedMs;
  if (nowMs < dueMs) return { actions: [], requeueAfterMs: dueMs - nowMs };
  const { namespace, name, uid = "", generation } = pod.metadata;
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "DeletionByTaintManager",
    message: "Taint manager: deleting due to NoExecute taint",
    lastTransitionTime: formatTime(nowMs),
    observedGeneration: generation ?? null,
  };
  return {
    actions: [
      note(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${namespace}/${name}`),
      patch(pods, pod, { type: "strategic", body: { metadata: { uid }, status: { conditions: [condition] } } }, "status"),
      remove(pods, pod),
    ],
  };
}

function cancelled(pod: Pod): Action {
  return note(pod, "Normal", "TaintManagerEviction", `Cancelling deletion of Pod ${pod.metadata.namespace}/${pod.metadata.name}`);
}

function noExecuteTaints(node: Node | undefined): readonly Taint[] {
  return node?.spec.taints?.filter(({ effect }) => effect === "NoExecute") ?? [];
}

export function taintEvictionController(): Controller {
  /** By pod, and of which pod: one made anew under the same name has its own time. */
  const firstSeen = new Map<string, { readonly uid: string | undefined; readonly atMs: number; readonly scheduled: boolean }>();
  return {
    name: "taint-eviction",
    start: (context) =>
      controller<Pod, ObservedEviction>("taint-eviction", {
        for: pods,
        relevant: (pod, old) => pod.spec !== old.spec && (pod.spec.nodeName !== old.spec.nodeName || pod.spec.tolerations !== old.spec.tolerations),
        wakes: [wakePodsOfNode((node, old) => JSON.stringify(noExecuteTaints(node)) !== JSON.stringify(noExecuteTaints(old)))],
        index: indexPodsByNode,
        observe: (key, caches) => {
          const pod = caches.of(pods).get(key);
          const taints = noExecuteTaints(caches.of(nodes).get(pod?.spec.nodeName ?? ""));
          const nowMs = context.env.clock.now();
          const last = firstSeen.get(key);
          const known = last?.uid === pod?.metadata.uid ? last : undefined;
          const wasScheduled = known?.scheduled;
          if (pod === undefined || taints.length === 0) {
            firstSeen.delete(key);
            return pod === undefined ? undefined : { pod, taints, sinceMs: nowMs, wasScheduled };
          }
          const { uid } = pod.metadata;
          const seenMs = known?.atMs ?? nowMs;
          firstSeen.set(key, { uid, atMs: seenMs, scheduled: toleratedMs(pod, taints) !== undefined });
          // A taint's own time lets a restarted controller go on counting; nobody was there before the pod.
          const added = Math.min(...taints.map(({ timeAdded }) => parseTime(timeAdded) ?? seenMs));
          const created = parseTime(pod.metadata.creationTimestamp) ?? seenMs;
          return { pod, taints, sinceMs: Math.min(seenMs, Math.max(added, created)), wasScheduled };
        },
        plan: planEviction,
      }).start(context),
  };
}
