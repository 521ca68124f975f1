// Runs one pod on every node that a daemon set fits
// (https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/). What is to be done on which node is decided in
// daemonset-nodes.ts; here it is gathered, written and counted.
import {
  type ControllerRevision,
  controllerRevisions,
  type DaemonSet,
  type DaemonSetStatus,
  daemonSets,
  isPodAvailable,
  isPodReady,
  isPodTerminal,
  type Node,
  nodes,
  type Pod,
  pods,
  StatusError,
  workloadLabels,
} from "../api/index.ts";
import { type Action, note, type Plan, update, updateStatus } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";
import { byCreation, type DaemonContext, daemonPod, fitOf, isUpdated, manageNodes, type NodeState, nodeOfDaemon, rollNodes } from "./daemonset-nodes.ts";
import { claim, claimable, indexByController, isControlledBy, wakeOwner } from "./owner.ts";
import { canonicalJson } from "./pod-template.ts";
import { createPod, deletePod } from "./replicaset.ts";
import { forgetOldRevisions, historyOf, revisionHash, wakeByRevision } from "./revision-history.ts";

const BURST = 250;
const FIRST_BACKOFF_MS = 1000;
const LARGEST_BACKOFF_MS = 900_000;

export interface ObservedDaemonSet {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  /** Pods of the set, and matching orphans. */
  readonly candidates: readonly Pod[];
  readonly revisions: readonly ControllerRevision[];
  /** For how long the failed pods of a node are left alone yet. */
  readonly backoffMs: (nodeName: string) => number;
  readonly namedRevision: (name: string) => ControllerRevision | undefined;
}

export function planDaemonSet(observed: ObservedDaemonSet, nowMs: number): Plan {
  const { set } = observed;
  const { selector } = set.spec;
  if (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0)
    return { actions: [note(set, "Warning", "SelectingAll", "This daemon set is selecting all pods. A non-empty selector is required.")] };
  if (set.metadata.deletionTimestamp !== undefined) return { actions: [] };
  const owned = claim(controllerRevisions, set, selector, observed.revisions);
  const history = historyOf({ owner: set, template: set.spec.template, revisions: owned.claimed, collisionCount: set.status?.collisionCount ?? 0 });
  const { claimed: asLabelled, actions: claims } = claim(pods, set, selector, observed.candidates);
  const hash = revisionHash(history.current);
  const { claimed, actions: relabels } = relabelled(asLabelled, history.duplicates, hash);
  const states = statesOf(observed, claimed, hash);
  const context: DaemonContext = { set, hash, nowMs, inBackoff: (nodeName) => observed.backoffMs(nodeName) > 0 };
  const status = statusOf(context, states);
  const inUse = new Set(claimed.map(({ metadata }) => metadata.labels?.[workloadLabels.controllerRevisionHash] ?? ""));
  return {
    actions: [
      ...owned.actions,
      ...relabels,
      ...history.actions,
      ...claims,
      ...changes(context, states, unplaceable(observed, claimed)),
      ...forgetOldRevisions(history.old, roomForUnused(set, history.old, inUse), inUse),
    ],
    afterwards: (failure) => writeStatus(observed, status, history.current, failure),
    requeueAfterMs: dueMs(observed, claimed, status),
  };
}

/** Pods of a revision that goes become pods of the one that stays, for both have the same content. */
function relabelled(claimed: readonly Pod[], duplicates: ReadonlySet<string>, hash: string): { claimed: readonly Pod[]; actions: readonly Action[] } {
  const actions: Action[] = [];
  const current = claimed.map((pod) => {
    if (!duplicates.has(pod.metadata.labels?.[workloadLabels.controllerRevisionHash] ?? "")) return pod;
    const labels = { ...pod.metadata.labels, [workloadLabels.controllerRevisionHash]: hash };
    const changed = { ...pod, metadata: { ...pod.metadata, labels } };
    actions.push(update(pods, changed));
    return changed;
  });
  return { claimed: current, actions };
}

/** Old revisions that pods are of count towards the limit, too. */
function roomForUnused(set: DaemonSet, old: readonly ControllerRevision[], inUse: ReadonlySet<string>): number {
  const used = old.filter((revision) => inUse.has(revisionHash(revision))).length;
  return Math.max(0, (set.spec.revisionHistoryLimit ?? 10) - used);
}

function statesOf({ set, nodes: all }: ObservedDaemonSet, claimed: readonly Pod[], hash: string): NodeState[] {
  const byNode = new Map<string, Pod[]>();
  // What ended and is deleted, and only held by a finalizer, keeps no place.
  for (const pod of claimed.filter((pod) => !(isPodTerminal(pod) && pod.metadata.deletionTimestamp !== undefined)))
    byNode.set(nodeOfDaemon(pod), [...(byNode.get(nodeOfDaemon(pod)) ?? []), pod]);
  const sample = daemonPod(set, "", hash);
  return all.map((node) => ({ node, fit: fitOf(set, sample, node), pods: (byNode.get(node.metadata.name) ?? []).sort(byCreation) }));
}

/** Pods meant for nodes that are gone, which nothing else would ever remove. */
function unplaceable({ nodes: all }: ObservedDaemonSet, claimed: readonly Pod[]): Pod[] {
  const names = new Set(all.map(({ metadata }) => metadata.name));
  return claimed.filter((pod) => (pod.spec.nodeName ?? "") === "" && !names.has(nodeOfDaemon(pod)) && pod.metadata.deletionTimestamp === undefined);
}

function changes(context: DaemonContext, states: readonly NodeState[], lost: readonly Pod[]): Action[] {
  const { set, hash } = context;
  const managed = manageNodes(context, states);
  const gone = [...managed.delete, ...managed.failed, ...managed.succeeded, ...lost];
  const settled = gone.length === 0 && managed.createOn.length === 0;
  const rolling = settled && set.spec.updateStrategy?.type !== "OnDelete" ? rollNodes(context, states) : { createOn: [], delete: [] };
  const tell = (pod: Pod, type: "Warning" | "Normal", state: "failed" | "succeeded"): Action => {
    const { namespace, name } = pod.metadata;
    const what = state === "failed" ? "kill" : "delete";
    const reason = state === "failed" ? "FailedDaemonPod" : "SucceededDaemonPod";
    return note(set, type, reason, `Found ${state} daemon pod ${namespace}/${name} on node ${nodeOfDaemon(pod)}, will try to ${what} it`);
  };
  return [
    ...managed.failed.map((pod) => tell(pod, "Warning", "failed")),
    ...managed.succeeded.map((pod) => tell(pod, "Normal", "succeeded")),
    ...[...managed.createOn, ...rolling.createOn].slice(0, BURST).map((nodeName) => createPod(set, daemonPod(set, nodeName, hash))),
    ...[...gone, ...rolling.delete].slice(0, BURST).map((pod) => deletePod(set, pod)),
  ];
}

function statusOf({ set, hash, nowMs }: DaemonContext, states: readonly NodeState[]): DaemonSetStatus {
  const wanted = states.filter(({ fit }) => fit.shouldRun);
  const first = wanted.flatMap(({ pods: onNode }) => onNode.slice(0, 1));
  const available = first.filter((pod) => isPodReady(pod) && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length;
  return {
    ...set.status,
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: first.length,
    numberMisscheduled: states.filter(({ fit, pods: onNode }) => !fit.shouldRun && onNode.length > 0).length,
    numberReady: first.filter(isPodReady).length,
    updatedNumberScheduled: first.filter((pod) => isUpdated(pod, hash)).length,
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
    observedGeneration: set.metadata.generation,
  };
}

function writeStatus({ set, namedRevision }: ObservedDaemonSet, status: DaemonSetStatus, current: ControllerRevision, failure: Error | undefined): Action[] {
  let next = status;
  if (failure instanceof StatusError && failure.reason === "AlreadyExists") {
    // A stranger, or a revision of other content, has the name: another hash is needed.
    const taken = namedRevision(current.metadata.name);
    const ours = taken !== undefined && isControlledBy(taken, set) && canonicalJson(taken.data) === canonicalJson(current.data);
    if (taken !== undefined && !ours) next = { ...next, collisionCount: (next.collisionCount ?? 0) + 1 };
  }
  const zeros = { numberAvailable: 0, numberUnavailable: 0, updatedNumberScheduled: 0, observedGeneration: 0 };
  const same = set.status !== undefined && canonicalJson({ ...zeros, ...set.status }) === canonicalJson({ ...zeros, ...next });
  return same ? [] : [updateStatus(daemonSets, { ...set, status: next })];
}

/** Failed pods whose back-off ends, ready pods that become available. */
function dueMs({ set, backoffMs }: ObservedDaemonSet, claimed: readonly Pod[], status: DaemonSetStatus): number | undefined {
  const failed = claimed.filter((pod) => pod.status?.phase === "Failed").map((pod) => backoffMs(nodeOfDaemon(pod)));
  const minReadyMs = (set.spec.minReadySeconds ?? 0) * 1000;
  const waits = failed.filter((waitMs) => waitMs > 0);
  if (minReadyMs > 0 && status.numberReady !== status.numberAvailable) waits.push(minReadyMs);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

/** Makes the controller leave a node's failed pods alone for longer with each failure. */
class FailureBackoff {
  private readonly entries = new Map<string, { readonly podUid: string; readonly delayMs: number; readonly untilMs: number }>();

  waitMs(key: string, failed: Pod | undefined, nowMs: number): number {
    if (failed === undefined) return 0;
    const { uid = "" } = failed.metadata;
    const entry = this.entries.get(key);
    if (entry?.podUid === uid) return Math.max(0, entry.untilMs - nowMs);
    // The first failure is answered at once; each further pod that fails waits longer.
    const fresh = entry === undefined || nowMs - entry.untilMs > 2 * LARGEST_BACKOFF_MS;
    const delayMs = fresh ? 0 : Math.min(Math.max(FIRST_BACKOFF_MS, entry.delayMs * 2), LARGEST_BACKOFF_MS);
    this.entries.set(key, { podUid: uid, delayMs, untilMs: nowMs + delayMs });
    return delayMs;
  }

  forget(prefix: string): void {
    for (const key of this.entries.keys()) if (key.startsWith(prefix)) this.entries.delete(key);
  }
}

export function daemonSetController(): Controller {
  const backoff = new FailureBackoff();
  return {
    name: "daemonset",
    start: (context) =>
      controller<DaemonSet, ObservedDaemonSet>("daemonset", {
        for: daemonSets,
        wakes: [
          wakeOwner(pods, daemonSets, ({ spec }) => spec.selector),
          wakeByRevision(daemonSets, ({ spec }) => spec.selector),
          wake(
            nodes,
            (_node, caches) =>
              caches
                .of(daemonSets)
                .list()
                .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
            nodeMatters,
          ),
        ],
        index: (caches) => {
          indexByController(caches, pods);
          indexByController(caches, controllerRevisions);
        },
        observe: (key, caches) => {
          const set = caches.of(daemonSets).get(key);
          if (set === undefined) {
            backoff.forget(`${key}/`);
            return undefined;
          }
          const candidates = claimable(caches, pods, set, set.spec.selector);
          const nowMs = context.env.clock.now();
          const failedOn = new Map(candidates.filter((pod) => pod.status?.phase === "Failed").map((pod) => [nodeOfDaemon(pod), pod]));
          const waits = new Map([...failedOn].map(([nodeName, pod]) => [nodeName, backoff.waitMs(`${key}/${nodeName}`, pod, nowMs)]));
          return {
            set,
            nodes: caches.of(nodes).list(),
            candidates,
            revisions: claimable(caches, controllerRevisions, set, set.spec.selector),
            backoffMs: (nodeName) => waits.get(nodeName) ?? 0,
            namedRevision: (name) => caches.of(controllerRevisions).get(`${set.metadata.namespace}/${name}`),
          };
        },
        plan: planDaemonSet,
      }).start(context),
  };
}

function nodeMatters(node: Node, old: Node): boolean {
  return canonicalJson([node.metadata.labels ?? {}, node.spec]) !== canonicalJson([old.metadata.labels ?? {}, old.spec]);
}
