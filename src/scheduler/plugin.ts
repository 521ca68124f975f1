// The scheduling framework's extension points (https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/).
// A plugin implements any subset; profile.ts says which run and in what order. All are synchronous and pure: they look at the
// pod and the cluster's state, nothing else.
import type { Node } from "../api/index.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";

/** Why a node will not do. `resolvable`: removing pods from the node could help. */
export interface Rejection {
  readonly reasons: readonly string[];
  readonly resolvable: boolean;
}

/** What may make an unschedulable pod schedulable. */
export type ClusterEvent =
  | { readonly type: "nodeAdded"; readonly node: Node }
  | { readonly type: "nodeUpdated"; readonly node: Node; readonly old: Node }
  /** A pod that counted on a node, or for which room was kept there, is gone or has ended. */
  | { readonly type: "podRemoved"; readonly pod: PodInfo }
  /** A pod has come onto a node. */
  | { readonly type: "podPlaced"; readonly pod: PodInfo }
  /** The labels or the requests of a pod on a node have changed. */
  | { readonly type: "podUpdated"; readonly pod: PodInfo; readonly old: PodInfo };

export interface PluginBody<State> {
  /** False: the pod is none of this plugin's business, and its filter and score are skipped. */
  readonly applies?: (pod: PodInfo) => boolean;
  /** A reason to keep the pod out of the queue, undefined to let it in. */
  readonly preEnqueue?: (pod: PodInfo) => string | undefined;
  /** Computed once an attempt, given to `filter`. */
  readonly preFilter?: (pod: PodInfo, cluster: ClusterState) => State;
  readonly filter?: (pod: PodInfo, node: NodeInfo, state: State) => Rejection | undefined;
  /** Computed once an attempt, given to `score`. */
  readonly preScore?: (pod: PodInfo, cluster: ClusterState) => State;
  /** The larger the better; 0 to 100 unless normalized. */
  readonly score?: (pod: PodInfo, node: NodeInfo, state: State) => number;
  /** Brings the scores of all nodes into 0 to 100. */
  readonly normalize?: (scores: readonly number[]) => readonly number[];
  /** Whether the event may help a pod that this plugin rejected. Absent: every event may. */
  readonly helps?: (pod: PodInfo, event: ClusterEvent) => boolean;
}

export interface Plugin extends PluginBody<unknown> {
  readonly name: string;
}

/** Declares a plugin. */
export function plugin<State = undefined>(name: string, body: PluginBody<State>): Plugin {
  return { name, ...body } as unknown as Plugin;
}

/** The node will not do while its pods are as they are. */
export function unschedulable(...reasons: readonly string[]): Rejection {
  return { reasons, resolvable: true };
}

/** The node will not do whatever pods are removed from it. */
export function unresolvable(...reasons: readonly string[]): Rejection {
  return { reasons, resolvable: false };
}

export const LARGEST_SCORE = 100;

/** Stretches scores so that the largest becomes 100; `reverse` turns them around. */
export function stretch(scores: readonly number[], reverse = false): number[] {
  const largest = Math.max(0, ...scores);
  if (largest === 0) return scores.map(() => (reverse ? LARGEST_SCORE : 0));
  return scores.map((score) => {
    const stretched = Math.trunc((score * LARGEST_SCORE) / largest);
    return reverse ? LARGEST_SCORE - stretched : stretched;
  });
}

/** The node of an event about a node. */
export function changedNode(event: ClusterEvent): Node | undefined {
  return event.type === "nodeAdded" || event.type === "nodeUpdated" ? event.node : undefined;
}
