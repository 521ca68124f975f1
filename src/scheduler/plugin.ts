// The scheduling framework's extension points (https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/).
// A plugin implements any subset; profile.ts says which run and in what order. All but `preBind` are synchronous and pure: they
// look at the pod and the cluster's state, nothing else.
import type { CSIDriver, CSINode, CSIStorageCapacity, Node, PersistentVolume, PersistentVolumeClaim, StorageClass, VolumeAttachment } from "../api/index.ts";
import type { Env } from "../base/index.ts";
import type { Client } from "../client/index.ts";
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
  | { readonly type: "podUpdated"; readonly pod: PodInfo; readonly old: PodInfo }
  | StorageEvent;

/** What volumes depend on appeared (`old` is absent) or changed; `volumeAttachmentRemoved`: went away. */
export type StorageEvent =
  | { readonly type: "claimChanged"; readonly object: PersistentVolumeClaim; readonly old?: PersistentVolumeClaim }
  | { readonly type: "volumeChanged"; readonly object: PersistentVolume; readonly old?: PersistentVolume }
  | { readonly type: "storageClassChanged"; readonly object: StorageClass; readonly old?: StorageClass }
  | { readonly type: "csiNodeChanged"; readonly object: CSINode; readonly old?: CSINode }
  | { readonly type: "csiDriverChanged"; readonly object: CSIDriver; readonly old?: CSIDriver }
  | { readonly type: "storageCapacityChanged"; readonly object: CSIStorageCapacity; readonly old?: CSIStorageCapacity }
  | { readonly type: "volumeAttachmentRemoved"; readonly object: VolumeAttachment };

/** What `preBind` may use. */
export interface BindContext {
  readonly env: Env;
  readonly client: Client;
  readonly cluster: ClusterState;
  /** Aborted when the pod is gone or the scheduler stops. */
  readonly signal: AbortSignal;
}

export interface PluginBody<State> {
  /** False: the pod is none of this plugin's business, and its filter and score are skipped. */
  readonly applies?: (pod: PodInfo) => boolean;
  /** A reason to keep the pod out of the queue, undefined to let it in. */
  readonly preEnqueue?: (pod: PodInfo) => string | undefined;
  /** Why no node at all will do, whatever pods are removed: told before any node is looked at (a part of upstream's PreFilter). */
  readonly refuses?: (pod: PodInfo, cluster: ClusterState) => string | undefined;
  /** Computed once an attempt, given to `filter`. */
  readonly preFilter?: (pod: PodInfo, cluster: ClusterState) => State;
  readonly filter?: (pod: PodInfo, node: NodeInfo, state: State) => Rejection | undefined;
  /** Computed once an attempt, given to `score`. */
  readonly preScore?: (pod: PodInfo, cluster: ClusterState) => State;
  /** The larger the better; 0 to 100 unless normalized. */
  readonly score?: (pod: PodInfo, node: NodeInfo, state: State) => number;
  /** Brings the scores of all nodes into 0 to 100. */
  readonly normalize?: (scores: readonly number[]) => readonly number[];
  /**
   * Notes in the cluster's state what the pod is to use on the node that was chosen for it, before another pod is looked at.
   * Throws when it cannot be had after all.
   */
  readonly reserve?: (pod: PodInfo, node: NodeInfo, cluster: ClusterState) => void;
  /** Takes that back. Called in reverse order when any later step failed, also when nothing was noted. */
  readonly unreserve?: (pod: PodInfo, cluster: ClusterState) => void;
  /** What must be done before the pod is bound; may take its time. Rejects when the pod has to be scheduled anew. */
  readonly preBind?: (pod: PodInfo, node: NodeInfo, context: BindContext) => Promise<void>;
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
