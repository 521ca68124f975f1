// Runs numbered pods, each with a name, a place and claims of its own
// (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/).
//
// Invariants: never two pods of one number. With OrderedReady one step is taken at a time: pods come in order, each when its
// predecessors serve; they go in reverse; scaling goes before updating.
import {
  type ControllerRevision,
  controllerRevisions,
  isPodAvailable,
  isPodReady,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  pods,
  type StatefulSet,
  type StatefulSetStatus,
  StatusError,
  statefulSets,
  workloadLabels,
} from "../api/index.ts";
import { parseTime } from "../base/index.ts";
import { type Action, create, type Plan, patch, type Reports, remove, updateStatus } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";
import { resolveIntOrPercent } from "./int-or-percent.ts";
import { claim, claimable, indexByController, isControlledBy, wakeOwner } from "./owner.ts";
import { canonicalJson } from "./pod-template.ts";
import { forgetOldRevisions, historyOf, wakeByRevision } from "./revision-history.ts";
import { claimOwners, claimsOf, hasIdentity, isHealthy, ordinalOf, podRevision, startOrdinal, statefulPod } from "./statefulset-pods.ts";

export interface ObservedStatefulSet {
  readonly set: StatefulSet;
  /** Pods of the set, and matching orphans. */
  readonly candidates: readonly Pod[];
  readonly revisions: readonly ControllerRevision[];
  readonly claimNamed: (name: string) => PersistentVolumeClaim | undefined;
  readonly namedRevision: (name: string) => ControllerRevision | undefined;
}

interface Revisions {
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
}

export function planStatefulSet(observed: ObservedStatefulSet, nowMs: number): Plan {
  const { set } = observed;
  const owned = claim(controllerRevisions, set, set.spec.selector, observed.revisions);
  const history = historyOf({ owner: set, template: set.spec.template, revisions: owned.claimed, collisionCount: set.status?.collisionCount ?? 0 });
  const update = history.current;
  const current = owned.claimed.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update;
  const members = claim(
    pods,
    set,
    set.spec.selector,
    observed.candidates.filter((pod) => ordinalOf(set, pod) !== undefined),
  );
  const revisions = { current, update };
  const steps = set.metadata.deletionTimestamp === undefined ? new Steps(observed, revisions, members.claimed, nowMs).take() : [];
  const inUse = new Set([
    current.metadata.labels?.[workloadLabels.controllerRevisionHash] ?? "",
    ...members.claimed.map((pod) => hashOf(podRevision(pod), set)),
  ]);
  const status = statusOf(set, revisions, members.claimed, nowMs);
  return {
    actions: [
      ...owned.actions,
      ...history.actions,
      ...members.actions,
      ...steps,
      ...forgetOldRevisions(history.old, set.spec.revisionHistoryLimit ?? 10, inUse),
    ],
    afterwards: (failure) => writeStatus(observed, status, update, failure),
    requeueAfterMs: availabilityDueMs(set, members.claimed, nowMs),
  };
}

/** Pods name their revision, revisions are found by their hash. */
function hashOf(revisionName: string, set: StatefulSet): string {
  return revisionName.slice(set.metadata.name.length + 1);
}

/** What is to be done now, in order; ends where something must be waited for. */
class Steps {
  private readonly actions: Action[] = [];
  private readonly replicas = new Map<number, Pod>();
  private readonly condemned: Pod[] = [];
  private readonly ordered: boolean;
  private readonly first: number;
  private readonly count: number;

  constructor(
    private readonly observed: ObservedStatefulSet,
    private readonly revisions: Revisions,
    members: readonly Pod[],
    private readonly nowMs: number,
  ) {
    const { set } = observed;
    this.ordered = set.spec.podManagementPolicy !== "Parallel";
    this.first = startOrdinal(set);
    this.count = set.spec.replicas ?? 1;
    for (const pod of members) {
      const ordinal = ordinalOf(set, pod) ?? 0;
      if (ordinal >= this.first && ordinal < this.first + this.count) this.replicas.set(ordinal, pod);
      else this.condemned.push(pod);
    }
    this.condemned.sort((a, b) => (ordinalOf(set, b) ?? 0) - (ordinalOf(set, a) ?? 0));
  }

  take(): Action[] {
    if (this.bringUp() && this.takeDown()) this.roll();
    return this.actions;
  }

  private get set(): StatefulSet {
    return this.observed.set;
  }

  /** False: the rest must wait. */
  private bringUp(): boolean {
    for (let ordinal = this.first; ordinal < this.first + this.count; ordinal++) {
      const goesOn = this.bringUpOne(ordinal, this.replicas.get(ordinal));
      if (!goesOn && this.ordered) return false;
    }
    return true;
  }

  private bringUpOne(ordinal: number, pod: Pod | undefined): boolean {
    if (pod === undefined) {
      this.createReplica(ordinal);
      return false;
    }
    const { phase } = pod.status ?? {};
    if (phase === "Failed" || phase === "Succeeded") {
      if (pod.metadata.deletionTimestamp === undefined) this.deletePod(pod);
      return false;
    }
    if (phase === "Pending" || phase === undefined) this.createClaims(ordinal, pod.metadata.name);
    this.ownClaims(ordinal, pod, false);
    if (!hasIdentity(pod, ordinal)) this.restoreIdentity(pod, ordinal);
    return isHealthy(this.set, pod, this.nowMs);
  }

  /** Highest number first; while all serve, or where the one to go is the one that does not. */
  private takeDown(): boolean {
    const firstUnhealthy = this.firstUnhealthy();
    for (const pod of this.condemned) this.ownClaims(ordinalOf(this.set, pod) ?? 0, pod, true);
    for (const pod of this.condemned) {
      const going = pod.metadata.deletionTimestamp !== undefined;
      const blocked = !isHealthy(this.set, pod, this.nowMs) && pod !== firstUnhealthy;
      if (!going && !(this.ordered && blocked)) this.deletePod(pod);
      if (this.ordered) return false;
    }
    return true;
  }

  private firstUnhealthy(): Pod | undefined {
    const living = [...this.replicas].sort(([a], [b]) => a - b).map(([, pod]) => pod);
    return [...living, ...[...this.condemned].reverse()].find((pod) => !isHealthy(this.set, pod, this.nowMs));
  }

  /** Deletes pods of another revision from the highest number down to the partition; they come back updated. */
  private roll(): void {
    const { updateStrategy } = this.set.spec;
    if (updateStrategy?.type === "OnDelete") return;
    const { partition = 0, maxUnavailable } = updateStrategy?.rollingUpdate ?? {};
    const numbers = Array.from({ length: Math.max(0, this.count - partition) }, (_, position) => this.first + partition + position).reverse();
    if (maxUnavailable === undefined) this.rollOneByOne(numbers);
    else this.rollSeveral(numbers, Math.max(1, resolveIntOrPercent(maxUnavailable, this.count, "down")));
  }

  /** The first outdated one goes, whatever its state; an updated one that does not serve yet is waited for. */
  private rollOneByOne(numbers: readonly number[]): void {
    for (const ordinal of numbers) {
      const pod = this.replicas.get(ordinal);
      if (pod !== undefined && this.isOutdated(pod)) {
        this.deletePod(pod);
        return;
      }
      if (pod === undefined || !isHealthy(this.set, pod, this.nowMs)) return;
    }
  }

  private rollSeveral(numbers: readonly number[], allowed: number): void {
    const serving = [...this.replicas.values()].filter((pod) => isHealthy(this.set, pod, this.nowMs)).length;
    let unavailable = this.count - serving;
    for (const ordinal of numbers) {
      const pod = this.replicas.get(ordinal);
      if (pod === undefined || !this.isOutdated(pod)) continue;
      // What does not serve anyway costs nobody anything.
      if (!isHealthy(this.set, pod, this.nowMs)) this.deletePod(pod);
      else if (unavailable < allowed) {
        this.deletePod(pod);
        unavailable++;
      } else return;
    }
  }

  private isOutdated(pod: Pod): boolean {
    return pod.metadata.deletionTimestamp === undefined && podRevision(pod) !== this.revisions.update.metadata.name;
  }

  private createReplica(ordinal: number): void {
    const pod = statefulPod(this.set, ordinal, this.revisionFor(ordinal));
    // A claim on its way out would be taken from under the pod.
    const stale = claimsOf(this.set, ordinal).some(({ metadata }) => this.observed.claimNamed(metadata.name)?.metadata.deletionTimestamp !== undefined);
    if (stale) return;
    this.createClaims(ordinal, pod.metadata.name);
    this.actions.push(create(pods, pod, this.reports("Create", pod)));
  }

  /** Numbers below the partition, and those not yet reached by an update, come back as they were. */
  private revisionFor(ordinal: number): ControllerRevision {
    const { updateStrategy } = this.set.spec;
    const { current, update } = this.revisions;
    if (updateStrategy?.type === "OnDelete") return update;
    const rolling = updateStrategy?.rollingUpdate;
    const kept = rolling === undefined ? (this.set.status?.currentReplicas ?? 0) : (rolling.partition ?? 0);
    return ordinal < this.first + kept ? current : update;
  }

  private createClaims(ordinal: number, podName: string): void {
    for (const wanted of claimsOf(this.set, ordinal)) {
      if (this.observed.claimNamed(wanted.metadata.name) !== undefined) continue;
      const { name } = this.set.metadata;
      this.actions.push(
        create(persistentVolumeClaims, wanted, {
          succeeded: () => ({
            about: this.set,
            type: "Normal",
            reason: "SuccessfulCreate",
            message: `Create Claim ${wanted.metadata.name} Pod ${podName} in StatefulSet ${name} success`,
          }),
          failed: (error) => ({
            about: this.set,
            type: "Warning",
            reason: "FailedCreate",
            message: `Create Claim ${wanted.metadata.name} for Pod ${podName} in StatefulSet ${name} failed error: ${error.message}`,
          }),
        }),
      );
    }
  }

  private ownClaims(ordinal: number, pod: Pod, condemned: boolean): void {
    for (const { metadata } of claimsOf(this.set, ordinal)) {
      const existing = this.observed.claimNamed(metadata.name);
      if (existing === undefined) continue;
      const owners = claimOwners(this.set, existing, pod, condemned);
      if (owners === undefined) continue;
      const { uid = "", resourceVersion = "" } = existing.metadata;
      const body = { metadata: { uid, resourceVersion, ownerReferences: owners.map((owner) => ({ ...owner })) } };
      this.actions.push(patch(persistentVolumeClaims, existing, { type: "merge", body }));
    }
  }

  private restoreIdentity(pod: Pod, ordinal: number): void {
    const labels = { [workloadLabels.statefulSetPodName]: pod.metadata.name, [workloadLabels.podIndex]: String(ordinal) };
    this.actions.push(patch(pods, pod, { type: "merge", body: { metadata: { uid: pod.metadata.uid ?? "", labels } } }));
  }

  private deletePod(pod: Pod): void {
    this.actions.push(remove(pods, pod, this.reports("Delete", pod)));
  }

  private reports(verb: "Create" | "Delete", pod: Pod): Reports<Pod> {
    const { set } = this;
    const what = `${verb} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    return {
      succeeded: () => ({ about: set, type: "Normal", reason: `Successful${verb}`, message: `${what} successful` }),
      failed: (error) => ({ about: set, type: "Warning", reason: `Failed${verb}`, message: `${what} failed error: ${error.message}` }),
    };
  }
}

function statusOf(set: StatefulSet, { current, update }: Revisions, members: readonly Pod[], nowMs: number): StatefulSetStatus {
  const ready = members.filter((pod) => pod.status?.phase === "Running" && isPodReady(pod));
  const staying = members.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const ofRevision = (revision: ControllerRevision): number => staying.filter((pod) => podRevision(pod) === revision.metadata.name).length;
  const status: StatefulSetStatus = {
    ...set.status,
    observedGeneration: set.metadata.generation,
    replicas: members.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length,
    currentReplicas: ofRevision(current),
    updatedReplicas: ofRevision(update),
    currentRevision: current.metadata.name,
    updateRevision: update.metadata.name,
    collisionCount: set.status?.collisionCount ?? 0,
  };
  const rolling = set.spec.updateStrategy?.type !== "OnDelete";
  const wanted = set.spec.replicas ?? 1;
  const done = [status.updatedReplicas, status.readyReplicas, status.replicas].every((count) => count === wanted);
  return rolling && done ? { ...status, currentReplicas: status.updatedReplicas, currentRevision: update.metadata.name } : status;
}

function writeStatus({ set, namedRevision }: ObservedStatefulSet, status: StatefulSetStatus, update: ControllerRevision, failure: Error | undefined): Action[] {
  let next = status;
  if (failure instanceof StatusError && failure.reason === "AlreadyExists") {
    const taken = namedRevision(update.metadata.name);
    const ours = taken !== undefined && isControlledBy(taken, set) && canonicalJson(taken.data) === canonicalJson(update.data);
    if (taken !== undefined && !ours) next = { ...next, collisionCount: (next.collisionCount ?? 0) + 1 };
  }
  const zeros = { readyReplicas: 0, availableReplicas: 0, currentReplicas: 0, updatedReplicas: 0, collisionCount: 0, observedGeneration: 0 };
  const same = set.status !== undefined && canonicalJson({ ...zeros, ...set.status }) === canonicalJson({ ...zeros, ...next });
  return same ? [] : [updateStatus(statefulSets, { ...set, status: next })];
}

/** When the next ready pod becomes available. */
function availabilityDueMs(set: StatefulSet, members: readonly Pod[], nowMs: number): number | undefined {
  const minReadyMs = (set.spec.minReadySeconds ?? 0) * 1000;
  const waits = members
    .filter((pod) => isPodReady(pod) && !isPodAvailable(pod, minReadyMs / 1000, nowMs))
    .map((pod) => (parseTime(pod.status?.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime) ?? nowMs) + minReadyMs - nowMs);
  return waits.length === 0 ? undefined : Math.max(1, Math.min(...waits));
}

export const statefulSetController: Controller = controller<StatefulSet, ObservedStatefulSet>("statefulset", {
  for: statefulSets,
  wakes: [
    wakeOwner(pods, statefulSets, ({ spec }) => spec.selector),
    wakeByRevision(statefulSets, ({ spec }) => spec.selector),
    // A claim that has gone may be what a pod waits for.
    wake(
      persistentVolumeClaims,
      ({ metadata }, caches) =>
        caches
          .of(statefulSets)
          .inNamespace(metadata.namespace ?? "")
          .filter(({ metadata: of, spec }) => spec.volumeClaimTemplates?.some((template) => metadata.name.startsWith(`${template.metadata.name}-${of.name}-`)))
          .map((set) => `${set.metadata.namespace}/${set.metadata.name}`),
      (claimed, old) => claimed.metadata.deletionTimestamp !== old.metadata.deletionTimestamp,
    ),
  ],
  index: (caches) => {
    indexByController(caches, pods);
    indexByController(caches, controllerRevisions);
  },
  observe: (key, caches) => {
    const set = caches.of(statefulSets).get(key);
    if (set === undefined) return undefined;
    const { namespace } = set.metadata;
    return {
      set,
      candidates: claimable(caches, pods, set, set.spec.selector),
      revisions: claimable(caches, controllerRevisions, set, set.spec.selector),
      claimNamed: (name) => caches.of(persistentVolumeClaims).get(`${namespace}/${name}`),
      namedRevision: (name) => caches.of(controllerRevisions).get(`${namespace}/${name}`),
    };
  },
  plan: planStatefulSet,
});
