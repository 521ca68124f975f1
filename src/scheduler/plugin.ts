// The scheduling framework's extension points (https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/).
// A plugin implements any subset; a profile says which run and in what order. All but `preBind` are synchronous and pure:
// they look at the pod and the cluster's state, nothing else.
import type { CSIDriver, CSINode, CSIStorageCapacity, Node, PersistentVolume, PersistentVolumeClaim, StorageClass, VolumeAttachment } from "../api/index.ts";
import type { Env } from "../base/index.ts";
import type { Client } from "../client/index.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Diagnosis } from "./diagnosis.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";
import type { Profile } from "./profile.ts";

/** Why a node will not do. `resolvable`: removing pods from the node could help. */
export interface Rejection {
  readonly reasons: readonly string[];
  readonly resolvable: boolean;
}

/** What may make an unschedulable pod schedulable. */
export type ClusterEvent =
  | { readonly type: "nodeAdded"; readonly node: Node }
  | { readonly type: "nodeUpdated"; readonly node: Node; readonly old: Node }
  | { readonly type: "nodeRemoved"; readonly node: Node }
  /** A pod that counted on a node, or for which room was kept there, is gone or has ended. */
  | { readonly type: "podRemoved"; readonly pod: PodInfo }
  /** A pod has come onto a node. */
  | { readonly type: "podPlaced"; readonly pod: PodInfo }
  /** The labels or the requests of a pod on a node have changed. */
  | { readonly type: "podUpdated"; readonly pod: PodInfo; readonly old: PodInfo }
  /** The waiting pod itself has changed. */
  | { readonly type: "podChanged"; readonly pod: PodInfo; readonly old: PodInfo }
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

export type ClusterEventType = ClusterEvent["type"];

/** What `preBind` may use. */
export interface BindContext {
  readonly env: Env;
  readonly client: Client;
  readonly cluster: ClusterState;
  /** Aborted when the pod is gone or the scheduler stops. */
  readonly signal: AbortSignal;
}

/** What a look at the pod tells before any node is looked at. */
export class PreFilterVerdict {
  private constructor(
    /** No node will do, and why. */
    readonly rejection?: Rejection,
    /** Only these nodes can do. */
    readonly nodeNames?: ReadonlySet<string>,
    /** Given to `filter`. */
    readonly state?: unknown,
  ) {}

  /** The pod is none of this plugin's business: its filter is skipped. */
  static readonly skip = new PreFilterVerdict();

  static reject(rejection: Rejection): PreFilterVerdict {
    return new PreFilterVerdict(rejection);
  }

  static only(nodeNames: ReadonlySet<string>, state?: unknown): PreFilterVerdict {
    return new PreFilterVerdict(undefined, nodeNames, state);
  }
}

/** Returned by `preScore`: the plugin has no preference for this pod. */
export const SKIP_SCORE = Symbol("skip score");

export interface PostFilterInput {
  readonly pod: PodInfo;
  readonly cluster: ClusterState;
  readonly profile: Profile;
  readonly diagnosis: Diagnosis;
  /** Uniform in [0, 1): where among equals to begin. */
  readonly draw: () => number;
}

/** What a plugin can do for a pod that no node will take. */
export type PostFilterResult =
  | { readonly helps: true; readonly nodeName: string; readonly victims: readonly PodInfo[] }
  /** `nominationStands`: the node it was nominated to before is still being cleared, or is not this plugin's business. */
  | { readonly helps: false; readonly message: string; readonly nominationStands: boolean };

export interface PluginBody<State> {
  /** False: the pod is none of this plugin's business, and its filter and score are skipped. */
  readonly applies?: (pod: PodInfo) => boolean;
  /** A reason to keep the pod out of the queue, undefined to let it in. */
  readonly preEnqueue?: (pod: PodInfo) => string | undefined;
  /** Computed once an attempt, given to `filter`; or what a look at the pod alone tells. */
  readonly preFilter?: (pod: PodInfo, cluster: ClusterState) => State | PreFilterVerdict;
  readonly filter?: (pod: PodInfo, node: NodeInfo, state: State) => Rejection | undefined;
  /** Asked when no node will do. */
  readonly postFilter?: (input: PostFilterInput) => PostFilterResult;
  /** Computed once an attempt from the nodes that will do, given to `score`. */
  readonly preScore?: (pod: PodInfo, cluster: ClusterState, nodes: readonly NodeInfo[]) => State | typeof SKIP_SCORE;
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
  /** Whether `preBind` has anything to do for a pod that was reserved. Absent: it has. */
  readonly preparesBinding?: (pod: PodInfo, cluster: ClusterState) => boolean;
  /** What must be done before the pod is bound; may take its time. Rejects when the pod has to be scheduled anew. */
  readonly preBind?: (pod: PodInfo, node: NodeInfo, context: BindContext) => Promise<void>;
  /** The only events that `helps` may say yes to. Absent: any. */
  readonly helpedBy?: readonly ClusterEventType[];
  /** Whether the event may help a pod that this plugin rejected. Absent: every event may. */
  readonly helps?: (pod: PodInfo, event: ClusterEvent, cluster: ClusterState) => boolean;
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
  const largest = scores.reduce((most, score) => Math.max(most, score), 0);
  if (largest === 0) return scores.map(() => (reverse ? LARGEST_SCORE : 0));
  return scores.map((score) => {
    const stretched = Math.trunc((score * LARGEST_SCORE) / largest);
    return reverse ? LARGEST_SCORE - stretched : stretched;
  });
}

/** The node of an event about a node that is there. */
export function changedNode(event: ClusterEvent): Node | undefined {
  return event.type === "nodeAdded" || event.type === "nodeUpdated" ? event.node : undefined;
}
