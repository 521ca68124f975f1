// Counts for each PodDisruptionBudget how many of its pods may be evicted now
// (https://kubernetes.io/docs/concepts/workloads/pods/disruptions/). When that cannot be counted, none may.
import {
  type Condition,
  compileLabelSelector,
  deployments,
  isPodReady,
  type OwnerReference,
  type Pod,
  type PodDisruptionBudget,
  type PodDisruptionBudgetStatus,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  type Scale,
  StatusError,
  statefulSets,
} from "../api/index.ts";
import { formatTime, parseTime } from "../base/index.ts";
import { type Client, ignoreNotFound } from "../client/index.ts";
import { type Action, note, type Plan, patch, updateStatus } from "./action.ts";
import { type Caches, type Controller, controller, wake } from "./controller.ts";
import { resolveIntOrPercent } from "./int-or-percent.ts";
import type { KindDiscovery } from "./kind-discovery.ts";
import { controllerOf } from "./owner.ts";
import { canonicalJson } from "./pod-template.ts";

/** So long an eviction that was granted may take to show; then it counts no more. */
const DELETION_TIMEOUT_MS = 120_000;

/** A kind may come to be served, an API server come back: no event tells of it. */
const UNKNOWN_RETRY_MS = 60_000;

/** The workload that makes pods, and how many it is to have. */
export interface Workload {
  readonly uid: string;
  readonly replicas: number;
}

export interface ObservedBudget {
  readonly budget: PodDisruptionBudget;
  readonly pods: readonly Pod[];
  /** Undefined: there is none. */
  readonly workloadOf: (owner: OwnerReference) => Workload | undefined;
  /** Why workloads could not be found out. */
  readonly problem?: string;
}

export function planBudget({ budget, pods: selected, workloadOf, problem }: ObservedBudget, nowMs: number): Plan {
  const expected = problem === undefined ? expectedPods(budget, selected, workloadOf) : { problem };
  if ("problem" in expected) {
    const failed = condition(budget, "False", "SyncFailed", expected.problem, nowMs);
    const warning = note(budget, "Warning", "CalculateExpectedPodCountFailed", `Failed to calculate the number of expected pods: ${expected.problem}`);
    const actions = [...write(budget, { ...budget.status, disruptionsAllowed: 0, conditions: [failed] }), warning];
    return { actions, ...(problem === undefined ? {} : { requeueAfterMs: UNKNOWN_RETRY_MS }) };
  }
  const { disruptedPods, overdue, recheckMs } = disrupted(budget, selected, nowMs);
  const currentHealthy = selected.filter(
    (pod) => pod.metadata.deletionTimestamp === undefined && disruptedPods[pod.metadata.name] === undefined && isPodReady(pod),
  ).length;
  const disruptionsAllowed = expected.count > 0 ? Math.max(0, currentHealthy - expected.desiredHealthy) : 0;
  const allowed = disruptionsAllowed > 0;
  const status: PodDisruptionBudgetStatus = {
    observedGeneration: budget.metadata.generation,
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy: expected.desiredHealthy,
    expectedPods: expected.count,
    ...(Object.keys(disruptedPods).length === 0 ? {} : { disruptedPods }),
    conditions: [condition(budget, allowed ? "True" : "False", allowed ? "SufficientPods" : "InsufficientPods", "", nowMs)],
  };
  const writes = write(budget, status);
  const { namespace } = budget.metadata;
  const late = overdue.map((pod) =>
    note(pod, "Warning", "NotDeleted", `Pod was expected by PDB ${namespace}/${budget.metadata.name} to be deleted but it wasn't`),
  );
  // Said with a change only: the budget is counted again and again.
  const remarks =
    writes.length === 0
      ? []
      : [...(selected.length === 0 ? [note(budget, "Normal", "NoPods", "No matching pods found")] : []), ...unmanagedNote(budget, expected.unmanaged)];
  return { actions: [...writes, ...late, ...remarks], ...(recheckMs === undefined ? {} : { requeueAfterMs: recheckMs }) };
}

function unmanagedNote(budget: PodDisruptionBudget, unmanaged: boolean): Action[] {
  if (!unmanaged) return [];
  const text =
    "Pods selected by this PodDisruptionBudget were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. " +
    'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.';
  return [note(budget, "Warning", "UnmanagedPods", text)];
}

type Expected = { readonly count: number; readonly desiredHealthy: number; readonly unmanaged: boolean } | { readonly problem: string };

function expectedPods({ spec }: PodDisruptionBudget, selected: readonly Pod[], workloadOf: ObservedBudget["workloadOf"]): Expected {
  const { minAvailable, maxUnavailable } = spec ?? {};
  if (maxUnavailable === undefined && typeof minAvailable === "number") return { count: selected.length, desiredHealthy: minAvailable, unmanaged: false };
  if (maxUnavailable === undefined && minAvailable === undefined) return { count: 0, desiredHealthy: 0, unmanaged: false };
  const workloads = new Map<string, number>();
  let unmanaged = false;
  for (const pod of selected) {
    const owner = controllerOf(pod);
    if (owner === undefined) {
      unmanaged = true;
      continue;
    }
    const workload = workloadOf(owner);
    if (workload === undefined) return { problem: `found no controllers for pod ${JSON.stringify(pod.metadata.name)}` };
    workloads.set(workload.uid, workload.replicas);
  }
  const count = [...workloads.values()].reduce((sum, replicas) => sum + replicas, 0);
  if (maxUnavailable !== undefined) return { count, desiredHealthy: Math.max(0, count - resolveIntOrPercent(maxUnavailable, count, "up")), unmanaged };
  return { count, desiredHealthy: resolveIntOrPercent(minAvailable, count, "up"), unmanaged };
}

/** Evictions that were granted and have not shown yet, without those that never came. */
function disrupted({ status }: PodDisruptionBudget, selected: readonly Pod[], nowMs: number) {
  const disruptedPods: Record<string, string> = {};
  const overdue: Pod[] = [];
  const waits: number[] = [];
  for (const pod of selected) {
    const time = status?.disruptedPods?.[pod.metadata.name];
    if (time === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    const untilMs = (parseTime(time) ?? 0) + DELETION_TIMEOUT_MS;
    if (untilMs < nowMs) overdue.push(pod);
    else {
      disruptedPods[pod.metadata.name] = time;
      waits.push(untilMs - nowMs + 1);
    }
  }
  return { disruptedPods, overdue, recheckMs: waits.length === 0 ? undefined : Math.min(...waits) };
}

function condition({ metadata, status }: PodDisruptionBudget, value: string, reason: string, message: string, nowMs: number): Condition {
  const known = status?.conditions?.find(({ type }) => type === "DisruptionAllowed");
  const lastTransitionTime = known?.status === value ? known.lastTransitionTime : formatTime(nowMs);
  return { type: "DisruptionAllowed", status: value, reason, message, observedGeneration: metadata.generation, lastTransitionTime };
}

function write(budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus): Action[] {
  const zeros = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, observedGeneration: 0, disruptedPods: {} };
  const same = budget.status !== undefined && canonicalJson({ ...zeros, ...budget.status }) === canonicalJson({ ...zeros, ...status });
  return same ? [] : [updateStatus(podDisruptionBudgets, { ...budget, status })];
}

/** A replica set under a deployment has the deployment's size. */
function findWorkload(caches: Caches, namespace: string, { kind, name, uid }: OwnerReference): Workload | undefined {
  const key = `${namespace}/${name}`;
  if (kind === "ReplicaSet") {
    const set = caches.of(replicaSets).get(key);
    if (set === undefined || set.metadata.uid !== uid) return undefined;
    const parent = controllerOf(set);
    const deployment = parent?.kind === "Deployment" ? caches.of(deployments).get(`${namespace}/${parent.name}`) : undefined;
    const owner = deployment !== undefined && deployment.metadata.uid === parent?.uid ? deployment : set;
    return { uid: owner.metadata.uid ?? "", replicas: owner.spec.replicas ?? 1 };
  }
  const owner =
    kind === "ReplicationController" ? caches.of(replicationControllers).get(key) : kind === "StatefulSet" ? caches.of(statefulSets).get(key) : undefined;
  return owner?.metadata.uid === uid ? { uid, replicas: owner.spec.replicas ?? 1 } : undefined;
}

function selects({ spec }: PodDisruptionBudget, labels: Readonly<Record<string, string>> | undefined): boolean {
  return spec?.selector !== undefined && compileLabelSelector(spec.selector).matches(labels);
}

function budgetsOfNamespace({ metadata }: { metadata: { namespace?: string } }, caches: Caches): string[] {
  return caches
    .of(podDisruptionBudgets)
    .inNamespace(metadata.namespace ?? "")
    .map((budget) => `${metadata.namespace}/${budget.metadata.name}`);
}

function resized(object: { spec: { replicas?: number } }, old: { spec: { replicas?: number } }): boolean {
  return object.spec.replicas !== old.spec.replicas;
}

/** The budget asks for a share of the workloads' size, or for all but some of it. */
function needsWorkloads({ spec }: PodDisruptionBudget): boolean {
  return spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === "string";
}

/** What only the API knows: the size of workloads of other kinds, by their `/scale`. */
async function scalesOf(
  owners: readonly OwnerReference[],
  namespace: string,
  { kinds, client }: { readonly kinds: KindDiscovery; readonly client: Client },
): Promise<ReadonlyMap<string, Workload> | { readonly problem: string }> {
  const found = new Map<string, Workload>();
  for (const { apiVersion, kind: kindName, name, uid } of owners) {
    if (found.has(uid)) continue;
    const kind = kinds.kindsNamed(groupOf(apiVersion), kindName)[0];
    if (kind === undefined) return { problem: `no matches for kind ${JSON.stringify(kindName)} in version ${JSON.stringify(apiVersion)}` };
    if (kind.declaration.scale === undefined)
      return { problem: `${kind.resource}${kind.group === "" ? "" : `.${kind.group}`} does not implement the scale subresource` };
    try {
      const scale = (await ignoreNotFound(client.get(kind, { namespace, name }, { subresource: "scale" }))) as Scale | undefined;
      if (scale?.metadata?.uid === uid) found.set(uid, { uid, replicas: scale.spec?.replicas ?? 0 });
    } catch (error) {
      // Nothing may be evicted on a count that is not known.
      if (error instanceof StatusError) return { problem: error.message };
      throw error;
    }
  }
  return found;
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
}

export const disruptionController = (kinds: KindDiscovery): Controller =>
  controller<PodDisruptionBudget, ObservedBudget>("disruption", {
    for: podDisruptionBudgets,
    wakes: [
      wake(
        pods,
        (pod, caches) =>
          caches
            .of(podDisruptionBudgets)
            .inNamespace(pod.metadata.namespace ?? "")
            .filter((budget) => selects(budget, pod.metadata.labels))
            .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
        (pod, old) =>
          isPodReady(pod) !== isPodReady(old) ||
          pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp ||
          pod.metadata.labels !== old.metadata.labels,
      ),
      // A percentage is one of the workload's size.
      wake(deployments, budgetsOfNamespace, resized),
      wake(replicaSets, budgetsOfNamespace, resized),
      wake(statefulSets, budgetsOfNamespace, resized),
      wake(replicationControllers, budgetsOfNamespace, resized),
    ],
    observe: async (key, caches, { client }) => {
      const budget = caches.of(podDisruptionBudgets).get(key);
      if (budget === undefined) return undefined;
      const { namespace = "" } = budget.metadata;
      const selected = caches
        .of(pods)
        .inNamespace(namespace)
        .filter(({ metadata }) => selects(budget, metadata.labels));
      const known = (owner: OwnerReference): Workload | undefined => findWorkload(caches, namespace, owner);
      const owners = needsWorkloads(budget) ? selected.flatMap((pod) => controllerOf(pod) ?? []) : [];
      const scales = await scalesOf(
        owners.filter((owner) => known(owner) === undefined),
        namespace,
        { kinds, client },
      );
      if ("problem" in scales) return { budget, pods: selected, workloadOf: known, ...scales };
      return { budget, pods: selected, workloadOf: (owner) => known(owner) ?? scales.get(owner.uid) };
    },
    plan: planBudget,
  });

/** Takes back the mark of a pod that was to be disrupted and was not. */
export function planStaleDisruption(pod: Pod, nowMs: number): Plan {
  const mark = pod.status?.conditions?.find(({ type }) => type === "DisruptionTarget");
  const going = pod.metadata.deletionTimestamp !== undefined || pod.status?.phase === "Failed" || pod.status?.phase === "Succeeded";
  if (mark?.status !== "True" || going) return { actions: [] };
  const dueMs = (parseTime(mark.lastTransitionTime) ?? nowMs) + DELETION_TIMEOUT_MS;
  if (dueMs > nowMs) return { actions: [], requeueAfterMs: dueMs - nowMs };
  const body = {
    metadata: { uid: pod.metadata.uid ?? "" },
    status: { conditions: [{ type: "DisruptionTarget", status: "False", lastTransitionTime: formatTime(nowMs) }] },
  };
  return { actions: [patch(pods, pod, { type: "strategic", body }, "status")] };
}

export const staleDisruptionController: Controller = controller<Pod, Pod>("stale-disruption", {
  for: pods,
  relevant: (pod, old) =>
    pod.status?.conditions !== old.status?.conditions && (pod.status?.conditions?.some(({ type }) => type === "DisruptionTarget") ?? false),
  observe: (key, caches) => caches.of(pods).get(key),
  plan: planStaleDisruption,
});
