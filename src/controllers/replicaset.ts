// Keeps as many pods running as a ReplicaSet, or its elder sibling ReplicationController, asks for
// (https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/).
//
// Invariants: pods that ended or are being deleted do not count; at most 500 pods are made or deleted per look; the status
// is written only when it changes, with the generation it speaks of.
import {
  compileLabelSelector,
  isPodActive,
  isPodAvailable,
  isPodReady,
  isPodTerminal,
  type Kind,
  type LabelSelector,
  type Pod,
  type PodTemplateSpec,
  podCondition,
  pods,
  type ReplicaSet,
  type ReplicaSetCondition,
  type ReplicaSetStatus,
  type ReplicationController,
  replicaSets,
  replicationControllers,
  selectorFromLabels,
} from "../api/index.ts";
import { formatTime, parseTime } from "../base/index.ts";
import { type Action, create, type Plan, remove, updateStatus } from "./action.ts";
import { type Caches, type Controller, controller } from "./controller.ts";
import { CONTROLLER_INDEX, claim, claimable, controllerOf, indexByController, isControlledBy, wakeOwner } from "./owner.ts";
import { podsToDelete } from "./pod-ranking.ts";
import { podFromTemplate } from "./pod-template.ts";

const BURST = 500;

/** What ReplicaSets and ReplicationControllers have in common. */
type ReplicatedSet = ReplicaSet | ReplicationController;

export interface ObservedReplicas<Owner extends ReplicatedSet = ReplicaSet> {
  readonly owner: Owner;
  readonly kind: Kind<Owner>;
  /** Pods of the owner, and matching orphans. */
  readonly candidates: readonly Pod[];
  /** Pods of all sets under the same deployment, for spreading deletions. */
  readonly related: readonly Pod[];
}

function selectorOf(owner: ReplicatedSet): LabelSelector | undefined {
  return owner.kind === "ReplicationController" ? { matchLabels: (owner as ReplicationController).spec.selector } : (owner as ReplicaSet).spec.selector;
}

function templateOf(owner: ReplicatedSet): PodTemplateSpec {
  return owner.spec.template ?? { spec: { containers: [] } };
}

/** What is to be done about one set. */
export function planReplicas<Owner extends ReplicatedSet>(observed: ObservedReplicas<Owner>, nowMs: number): Plan {
  const { owner, kind } = observed;
  // What ended or goes away is neither adopted nor let go.
  const { claimed: active, actions: claims } = claim(pods, owner, selectorOf(owner), observed.candidates.filter(isPodActive));
  const terminating = terminatingPods(observed).length;
  const difference = active.length - (owner.spec.replicas ?? 1);
  const changes = owner.metadata.deletionTimestamp === undefined ? manage(observed, active, difference, nowMs) : [];
  return {
    actions: [...claims, ...changes],
    afterwards: (failure) => {
      const status = statusOf(owner, active, { terminating, difference, failure: changes.length === 0 ? undefined : failure, nowMs });
      return status === undefined ? [] : [updateStatus(kind, { ...owner, status } as Owner)];
    },
    requeueAfterMs: availabilityDue(owner, active, nowMs),
  };
}

function terminatingPods<Owner extends ReplicatedSet>({ owner, candidates }: ObservedReplicas<Owner>): Pod[] {
  const selector = compileLabelSelector(selectorOf(owner));
  const isGoing = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined && !isPodTerminal(pod);
  return candidates.filter((pod) => isGoing(pod) && isControlledBy(pod, owner) && selector.matches(pod.metadata.labels));
}

function manage<Owner extends ReplicatedSet>({ owner, related }: ObservedReplicas<Owner>, active: readonly Pod[], difference: number, nowMs: number): Action[] {
  if (difference < 0) {
    const pod = podFromTemplate(owner, templateOf(owner));
    return Array.from({ length: Math.min(-difference, BURST) }, () => createPod(owner, pod));
  }
  return podsToDelete(active, related, Math.min(difference, BURST), nowMs).map((pod) => deletePod(owner, pod));
}

/** A pod's creation with the events that upstream's controllers report on its owner. */
export function createPod(owner: ReplicatedSet | Parameters<typeof podFromTemplate>[0], pod: Pod): Action {
  return create(pods, pod, {
    succeeded: (created) => ({ about: owner, type: "Normal", reason: "SuccessfulCreate", message: `Created pod: ${created.metadata.name}` }),
    failed: (error) => ({ about: owner, type: "Warning", reason: "FailedCreate", message: `Error creating: ${error.message}` }),
  });
}

export function deletePod(owner: ReplicatedSet | Parameters<typeof podFromTemplate>[0], pod: Pod): Action {
  return remove(pods, pod, {
    succeeded: () => ({ about: owner, type: "Normal", reason: "SuccessfulDelete", message: `Deleted pod: ${pod.metadata.name}` }),
    failed: (error) => ({ about: owner, type: "Warning", reason: "FailedDelete", message: `Error deleting: ${error.message}` }),
  });
}

interface Outcome {
  readonly terminating: number;
  readonly difference: number;
  readonly failure: Error | undefined;
  readonly nowMs: number;
}

/** The new status; undefined when it says what the old one says. */
function statusOf(owner: ReplicatedSet, active: readonly Pod[], outcome: Outcome): ReplicaSetStatus | undefined {
  const template = selectorFromLabels(templateOf(owner).metadata?.labels);
  const minReadySeconds = owner.spec.minReadySeconds ?? 0;
  const old: ReplicaSetStatus = owner.status ?? { replicas: 0 };
  const known = old.conditions ?? [];
  const conditions = conditionsOf(known, outcome);
  const status: ReplicaSetStatus = {
    ...old,
    replicas: active.length,
    fullyLabeledReplicas: active.filter(({ metadata }) => template.matches(metadata.labels)).length,
    readyReplicas: active.filter(isPodReady).length,
    availableReplicas: active.filter((pod) => isPodAvailable(pod, minReadySeconds, outcome.nowMs)).length,
    ...(owner.kind === "ReplicaSet" ? { terminatingReplicas: outcome.terminating } : {}),
    observedGeneration: owner.metadata.generation,
    ...(conditions.length === 0 && old.conditions === undefined ? {} : { conditions }),
  };
  const counts = ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "terminatingReplicas", "observedGeneration"] as const;
  const same = counts.every((name) => (old[name] ?? 0) === (status[name] ?? 0)) && conditions === known;
  return same ? undefined : status;
}

/** The same array when nothing changes. */
function conditionsOf(old: readonly ReplicaSetCondition[], { failure, difference, nowMs }: Outcome): readonly ReplicaSetCondition[] {
  const known = old.some(({ type }) => type === "ReplicaFailure");
  if (failure === undefined) return known ? old.filter(({ type }) => type !== "ReplicaFailure") : old;
  if (known) return old;
  const reason = difference < 0 ? "FailedCreate" : "FailedDelete";
  return [...old, { type: "ReplicaFailure", status: "True", reason, message: failure.message, lastTransitionTime: formatTime(nowMs) }];
}

/** When the next ready pod becomes available. */
function availabilityDue(owner: ReplicatedSet, active: readonly Pod[], nowMs: number): number | undefined {
  const minReadyMs = (owner.spec.minReadySeconds ?? 0) * 1000;
  if (minReadyMs === 0) return undefined;
  const waits = active
    .filter((pod) => isPodReady(pod) && !isPodAvailable(pod, minReadyMs / 1000, nowMs))
    .map((pod) => (parseTime(podCondition(pod, "Ready")?.lastTransitionTime) ?? nowMs) + minReadyMs - nowMs);
  return waits.length === 0 ? undefined : Math.max(1, Math.min(...waits));
}

/** Pods of the sets that share this set's owner. */
function relatedPods(caches: Caches, owner: ReplicatedSet): Pod[] {
  const parent = controllerOf(owner);
  const siblings = parent === undefined ? [owner] : caches.of(replicaSets).byIndex(CONTROLLER_INDEX, parent.uid);
  return siblings.flatMap(({ metadata }) => caches.of(pods).byIndex(CONTROLLER_INDEX, metadata.uid ?? ""));
}

function replicaController<Owner extends ReplicatedSet>(name: string, kind: Kind<Owner>): Controller {
  return controller<Owner, ObservedReplicas<Owner>>(name, {
    for: kind,
    wakes: [wakeOwner(pods, kind, selectorOf)],
    reads: kind.kind === "ReplicaSet" ? [] : [replicaSets],
    index: (caches) => {
      indexByController(caches, pods);
      indexByController(caches, replicaSets);
    },
    observe: (key, caches) => {
      const owner = caches.of(kind).get(key);
      if (owner === undefined) return undefined;
      return { owner, kind, candidates: claimable(caches, pods, owner, selectorOf(owner)), related: relatedPods(caches, owner) };
    },
    plan: planReplicas,
  });
}

export const replicaSetController = replicaController("replicaset", replicaSets);
export const replicationControllerController = replicaController("replicationcontroller", replicationControllers);
