// Removes pods that nobody else will: on nodes that are gone, going away before they had a node, on nodes out of service, and
// ended ones beyond a number (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection).
import { isNodeReady, isPodTerminal, type Node, nodes, type Pod, pods, taints } from "../api/index.ts";
import { formatTime, parseTime } from "../base/index.ts";
import { ignoreNotFound } from "../client/index.ts";
import { type Caches, type Controller, type ControllerContext, reconcilingController, wake } from "./controller.ts";
import { indexPodsByNode, wakePodsOfNode } from "./node-pods.ts";

/** A node may be slow to appear. */
const QUARANTINE_MS = 40_000;
const DEFAULT_THRESHOLD = 12_500;
const ENDED = "ended";
/** No pod has this key. */
const TOO_MANY_ENDED = "#ended";

export type PodFate = "stays" | "quarantine" | "unscheduledTerminating" | "outOfService";

/** What is to become of a pod. `quarantine`: its node is not there; if that is so for good it goes. */
export function fateOf(pod: Pod, node: Node | undefined): PodFate {
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  if ((pod.spec.nodeName ?? "") === "") return terminating ? "unscheduledTerminating" : "stays";
  if (node === undefined) return "quarantine";
  const outOfService = node.spec.taints?.some(({ key }) => key === taints.outOfService) ?? false;
  return terminating && outOfService && !isNodeReady(node) ? "outOfService" : "stays";
}

/** Ended pods beyond the threshold: evicted ones first, then the oldest. */
export function surplusEnded(ended: readonly Pod[], threshold: number): readonly Pod[] {
  if (threshold <= 0 || ended.length <= threshold) return [];
  const evicted = (pod: Pod): number => (pod.status?.phase === "Failed" && pod.status.reason === "Evicted" ? 0 : 1);
  const created = (pod: Pod): number => parseTime(pod.metadata.creationTimestamp) ?? 0;
  const order = [...ended].sort((a, b) => evicted(a) - evicted(b) || created(a) - created(b) || (a.metadata.name < b.metadata.name ? -1 : 1));
  return order.slice(0, ended.length - threshold);
}

async function failAndDelete({ client, env }: ControllerContext, pod: Pod, orphaned: boolean): Promise<void> {
  const { name, namespace, uid = "", generation } = pod.metadata;
  if (!isPodTerminal(pod)) {
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "DeletionByPodGC",
      message: "PodGC: node no longer exists",
      lastTransitionTime: formatTime(env.clock.now()),
      observedGeneration: generation ?? null,
    };
    const status = { phase: "Failed", ...(orphaned ? { conditions: [condition] } : {}) };
    const failed = await ignoreNotFound(
      client.patch(pods, { name, namespace }, { type: "strategic", body: { metadata: { uid }, status } }, { subresource: "status" }),
    );
    if (failed === undefined) return;
  }
  await ignoreNotFound(client.delete(pods, { name, namespace }, { gracePeriodSeconds: 0, preconditions: { uid } }));
}

export function podGarbageCollector(threshold = DEFAULT_THRESHOLD): Controller {
  /** When each pod's node was first missed. */
  const missedSinceMs = new Map<string, number>();
  const collect = async (pod: Pod, key: string, caches: Caches, context: ControllerContext) => {
    const fate = fateOf(pod, caches.of(nodes).get(pod.spec.nodeName ?? ""));
    if (fate !== "quarantine") missedSinceMs.delete(key);
    if (fate === "stays") return undefined;
    if (fate === "quarantine") {
      const nowMs = context.env.clock.monotonic();
      const sinceMs = missedSinceMs.get(key) ?? nowMs;
      missedSinceMs.set(key, sinceMs);
      if (nowMs - sinceMs < QUARANTINE_MS) return { requeueAfterMs: QUARANTINE_MS - (nowMs - sinceMs) };
      const node = await ignoreNotFound(context.client.get(nodes, { name: pod.spec.nodeName ?? "" }));
      if (node !== undefined) return undefined;
    }
    await failAndDelete(context, pod, fate === "quarantine");
    missedSinceMs.delete(key);
    return undefined;
  };
  return reconcilingController<Pod>("pod-garbage-collector", {
    for: pods,
    wakes: [
      wakePodsOfNode(nodeMatters),
      wake(pods, (pod, caches) => (isPodTerminal(pod) && caches.of(pods).byIndex(ENDED, "").length > threshold ? [TOO_MANY_ENDED] : [])),
    ],
    relevant: (pod, old) => pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp || pod.spec.nodeName !== old.spec.nodeName,
    index: (caches) => {
      indexPodsByNode(caches);
      caches.of(pods).addIndex(ENDED, (pod) => (isPodTerminal(pod) ? [""] : []));
    },
    reconcile: async (key, caches, context) => {
      if (key === TOO_MANY_ENDED) {
        const surplus = surplusEnded(caches.of(pods).byIndex(ENDED, ""), threshold);
        await Promise.all(surplus.map((pod) => failAndDelete(context, pod, false)));
        return undefined;
      }
      const pod = caches.of(pods).get(key);
      if (pod !== undefined) return collect(pod, key, caches, context);
      missedSinceMs.delete(key);
      return undefined;
    },
  });
}

function nodeMatters(node: Node, old: Node): boolean {
  return node.spec.taints !== old.spec.taints || isNodeReady(node) !== isNodeReady(old);
}
