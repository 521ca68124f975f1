// Which nodes a daemon set's pods belong on, and what is to be done on each
// (https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/). Pure.
import {
  annotations,
  type DaemonSet,
  findUntoleratedTaint,
  isPodAvailable,
  isPodReady,
  type Node,
  type NodeAffinity,
  type Pod,
  podMatchesNode,
  type Toleration,
  taints,
  workloadLabels,
} from "../api/index.ts";
import { parseTime } from "../base/index.ts";
import { resolveIntOrPercent } from "./int-or-percent.ts";
import { podFromTemplate } from "./pod-template.ts";

/** Daemons stay on nodes in trouble: they may be what mends them. */
const TOLERATIONS: readonly Toleration[] = [
  { key: taints.notReady, operator: "Exists", effect: "NoExecute" },
  { key: taints.unreachable, operator: "Exists", effect: "NoExecute" },
  { key: taints.diskPressure, operator: "Exists", effect: "NoSchedule" },
  { key: taints.memoryPressure, operator: "Exists", effect: "NoSchedule" },
  { key: taints.pidPressure, operator: "Exists", effect: "NoSchedule" },
  { key: taints.unschedulable, operator: "Exists", effect: "NoSchedule" },
];
const HOST_NETWORK_TOLERATION: Toleration = { key: taints.networkUnavailable, operator: "Exists", effect: "NoSchedule" };

/** The daemon's pod for a node; the scheduler binds it there. */
export function daemonPod(set: DaemonSet, nodeName: string, hash: string): Pod {
  const pod = podFromTemplate(set, set.spec.template);
  const generation = set.metadata.annotations?.[annotations.templateGeneration] ?? String(set.metadata.generation ?? 1);
  const labels = { ...pod.metadata.labels, [workloadLabels.controllerRevisionHash]: hash, [workloadLabels.podTemplateGeneration]: generation };
  const required = { nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [nodeName] }] }] };
  const nodeAffinity: NodeAffinity = { ...pod.spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required };
  const spec = { ...pod.spec, affinity: { ...pod.spec.affinity, nodeAffinity }, tolerations: withDaemonTolerations(pod.spec) };
  return { ...pod, metadata: { ...pod.metadata, labels }, spec };
}

function withDaemonTolerations({ tolerations = [], hostNetwork }: Pod["spec"]): Toleration[] {
  const wanted = hostNetwork === true ? [...TOLERATIONS, HOST_NETWORK_TOLERATION] : TOLERATIONS;
  const same = (a: Toleration, b: Toleration): boolean =>
    a.key === b.key && a.operator === b.operator && a.effect === b.effect && (a.value ?? "") === (b.value ?? "") && a.tolerationSeconds === undefined;
  return [...tolerations, ...wanted.filter((toleration) => !tolerations.some((other) => same(other, toleration)))];
}

/** The node that a daemon's pod is on or is meant for. */
export function nodeOfDaemon({ spec }: Pod): string {
  if (spec.nodeName !== undefined && spec.nodeName !== "") return spec.nodeName;
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms.flatMap(({ matchFields = [] }) => matchFields).find(({ key }) => key === "metadata.name")?.values?.[0] ?? "";
}

export interface NodeFit {
  /** A daemon is to run here. */
  readonly shouldRun: boolean;
  /** One that runs may stay. */
  readonly mayStay: boolean;
}

/** `pod`: what daemonPod makes, for any node. */
export function fitOf(set: DaemonSet, pod: Pod, node: Node): NodeFit {
  const { nodeName = "" } = set.spec.template.spec ?? {};
  const { nodeSelector, affinity } = set.spec.template.spec ?? {};
  const placed = { ...pod, spec: { ...pod.spec, nodeSelector, affinity } };
  if ((nodeName !== "" && nodeName !== node.metadata.name) || !podMatchesNode(placed, node)) return { shouldRun: false, mayStay: false };
  const blocked = (effects: readonly string[]): boolean => findUntoleratedTaint(node.spec.taints, pod.spec.tolerations, effects) !== undefined;
  if (blocked(["NoSchedule", "NoExecute"])) return { shouldRun: false, mayStay: !blocked(["NoExecute"]) };
  return { shouldRun: true, mayStay: true };
}

export interface NodeState {
  readonly node: Node;
  readonly fit: NodeFit;
  /** Of the daemon set on or for this node, oldest first. */
  readonly pods: readonly Pod[];
}

export interface DaemonChanges {
  readonly createOn: string[];
  readonly delete: Pod[];
  readonly failed: Pod[];
  readonly succeeded: Pod[];
}

export interface DaemonContext {
  readonly set: DaemonSet;
  readonly hash: string;
  readonly nowMs: number;
  /** True while a node's failed pods must be left for a while. */
  readonly inBackoff: (nodeName: string) => boolean;
}

export function maxSurge({ spec }: DaemonSet, desired: number): number {
  return spec.updateStrategy?.type === "OnDelete" ? 0 : resolveIntOrPercent(spec.updateStrategy?.rollingUpdate?.maxSurge, desired, "up");
}
export function maxUnavailable(set: DaemonSet, desired: number): number {
  const unavailable = resolveIntOrPercent(set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, desired, "up");
  return unavailable === 0 && maxSurge(set, desired) === 0 ? 1 : unavailable;
}

export function isUpdated(pod: Pod, hash: string): boolean {
  return pod.metadata.labels?.[workloadLabels.controllerRevisionHash] === hash;
}

/** One daemon on each node that should have one, none elsewhere. */
export function manageNodes(context: DaemonContext, states: readonly NodeState[]): DaemonChanges {
  const changes: DaemonChanges = { createOn: [], delete: [], failed: [], succeeded: [] };
  for (const state of states) manageNode(context, state, changes);
  return changes;
}

function manageNode(context: DaemonContext, { node, fit, pods }: NodeState, changes: DaemonChanges): void {
  const alive = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (fit.shouldRun && pods.length === 0) {
    changes.createOn.push(node.metadata.name);
    return;
  }
  if (!fit.mayStay) {
    changes.delete.push(...alive);
    return;
  }
  const running: Pod[] = [];
  for (const pod of alive) {
    if (pod.status?.phase === "Failed") {
      if (!context.inBackoff(node.metadata.name)) changes.failed.push(pod);
    } else if (pod.status?.phase === "Succeeded") changes.succeeded.push(pod);
    else running.push(pod);
  }
  const surging = maxSurge(context.set, 100) > 0;
  if (!surging) changes.delete.push(...running.slice(1));
  else if (running.length > 1) changes.delete.push(...excessWhileSurging(context, running));
  else if (running.length === 0 && fit.shouldRun) changes.createOn.push(node.metadata.name);
}

/** Two may run side by side, one old and one new, until the new one serves or the old one no longer does. */
function excessWhileSurging({ set, hash, nowMs }: DaemonContext, running: readonly Pod[]): Pod[] {
  const updated = running.filter((pod) => isUpdated(pod, hash));
  const outdated = running.filter((pod) => !isUpdated(pod, hash));
  const excess = [...updated.slice(1), ...outdated.slice(1)];
  const [newest] = updated;
  const [old] = outdated;
  if (newest !== undefined && old !== undefined && (!isPodReady(old) || isPodAvailable(newest, set.spec.minReadySeconds ?? 0, nowMs))) excess.push(old);
  return excess;
}

/** The next step from old pods to new ones. Runs only where `manageNodes` finds nothing to do. */
export function rollNodes(context: DaemonContext, states: readonly NodeState[]): Pick<DaemonChanges, "createOn" | "delete"> {
  const desired = states.filter(({ fit }) => fit.shouldRun).length;
  return maxSurge(context.set, desired) === 0 ? replaceInPlace(context, states, desired) : replaceBySurge(context, states, desired);
}

interface Pair {
  readonly state: NodeState;
  readonly updated: Pod | undefined;
  readonly outdated: Pod | undefined;
  /** More than one of a sort: the other step cleans up first. */
  readonly crowded: boolean;
}

function pairs({ hash }: DaemonContext, states: readonly NodeState[]): Pair[] {
  return states
    .filter(({ pods }) => pods.length > 0)
    .map((state) => {
      const alive = state.pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const updated = alive.filter((pod) => isUpdated(pod, hash));
      const outdated = alive.filter((pod) => !isUpdated(pod, hash));
      return { state, updated: updated[0], outdated: outdated[0], crowded: updated.length > 1 || outdated.length > 1 };
    });
}

function replaceInPlace(context: DaemonContext, states: readonly NodeState[], desired: number): Pick<DaemonChanges, "createOn" | "delete"> {
  const available = (pod: Pod): boolean => isPodAvailable(pod, context.set.spec.minReadySeconds ?? 0, context.nowMs);
  let unavailable = 0;
  const free: Pod[] = [];
  const candidates: Pod[] = [];
  for (const { updated, outdated, crowded } of pairs(context, states)) {
    if (crowded || (updated === undefined) === (outdated === undefined)) unavailable++;
    else if (updated !== undefined) unavailable += available(updated) ? 0 : 1;
    else if (outdated !== undefined && !available(outdated)) {
      free.push(outdated);
      unavailable++;
    } else if (outdated !== undefined) candidates.push(outdated);
  }
  const room = Math.max(0, maxUnavailable(context.set, desired) - unavailable);
  return { createOn: [], delete: [...free, ...candidates.slice(0, room)] };
}

function replaceBySurge(context: DaemonContext, states: readonly NodeState[], desired: number): Pick<DaemonChanges, "createOn" | "delete"> {
  const available = (pod: Pod | undefined): boolean => pod !== undefined && isPodAvailable(pod, context.set.spec.minReadySeconds ?? 0, context.nowMs);
  const changes = { createOn: [] as string[], delete: [] as Pod[] };
  const candidates: string[] = [];
  const unwanted: Pod[] = [];
  let surging = 0;
  let serving = 0;
  for (const { state, updated, outdated, crowded } of pairs(context, states)) {
    if (crowded) {
      surging++;
      continue;
    }
    if (available(outdated ?? updated)) serving++;
    if (outdated === undefined) continue;
    if (updated !== undefined) {
      if (available(updated)) changes.delete.push(outdated);
      else surging++;
    } else if (!state.fit.shouldRun) (available(outdated) ? unwanted : changes.delete).push(outdated);
    else (available(outdated) ? candidates : changes.createOn).push(state.node.metadata.name);
  }
  changes.delete.push(...unwanted.slice(0, Math.max(0, serving - desired)));
  changes.createOn.push(...candidates.slice(0, Math.max(0, maxSurge(context.set, desired) - surging)));
  return changes;
}

/** Oldest first. */
export function byCreation(a: Pod, b: Pod): number {
  const age = ({ metadata }: Pod): number => parseTime(metadata.creationTimestamp) ?? 0;
  return age(a) - age(b) || (a.metadata.name < b.metadata.name ? -1 : 1);
}
