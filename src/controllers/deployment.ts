// Rolls the pods of a deployment from one template to the next by way of replica sets, one per template
// (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/).
//
// Invariants: a replica set is found by its template, its hash only makes the name; revisions grow by one per change of
// template; old replica sets stay as history up to the limit; a paused deployment scales but does not roll.
import {
  annotations,
  type Deployment,
  type DeploymentStatus,
  deployments,
  isPodTerminal,
  type Pod,
  type PodTemplateSpec,
  pods,
  type ReplicaSet,
  replicaSets,
  StatusError,
  workloadLabels,
} from "../api/index.ts";
import { type Action, create, note, type Plan, remove, update, updateStatus } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";
import {
  annotateReplicas,
  byAge,
  type Draft,
  desiredReplicas,
  draftOf,
  grownReplicas,
  isRolling,
  roll,
  scale,
  scaleProportionally,
} from "./deployment-replicas.ts";
import {
  countedStatus,
  hasProgressDeadline,
  hasRevisionHistoryLimit,
  isComplete,
  progressCheckDueMs,
  progressing,
  rolloutStatus,
  type StatusInputs,
  withCondition,
} from "./deployment-status.ts";
import { CONTROLLER_INDEX, claim, claimable, controllerOf, controllerReference, indexByController, wakeOwner } from "./owner.ts";
import { canonicalJson, stableHash } from "./pod-template.ts";

export interface ObservedDeployment {
  readonly deployment: Deployment;
  /** Replica sets of the deployment, and matching orphans. */
  readonly candidates: readonly ReplicaSet[];
  /** The pods of those. */
  readonly pods: readonly Pod[];
  /** Any replica set of the namespace, for telling a collision of names. */
  readonly named: (name: string) => ReplicaSet | undefined;
}

/** Never copied from a deployment to its replica sets. */
const OWN_ANNOTATIONS: ReadonlySet<string> = new Set([
  annotations.lastApplied,
  annotations.deploymentRevision,
  annotations.revisionHistory,
  annotations.desiredReplicas,
  annotations.maxReplicas,
  "deprecated.deployment.rollback.to",
]);
const MAX_HISTORY_LENGTH = 2000;
const MAX_NAME_LENGTH = 253;

export function planDeployment(observed: ObservedDeployment, nowMs: number): Plan {
  const deployment = withPauseCondition(observed.deployment, nowMs);
  const { selector, paused = false } = deployment.spec;
  if (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0) return planSelectingAll(deployment);
  const { claimed, actions } = claim(replicaSets, deployment, selector, observed.candidates);
  const newestSet = findNewest(deployment, claimed);
  const old = claimed.filter((set) => set !== newestSet).map(draftOf);
  let newest = newestSet === undefined ? undefined : draftOf(newestSet);
  const rollout = new Rollout(observed, deployment, actions, nowMs);
  if (deployment.metadata.deletionTimestamp !== undefined) return rollout.finish(newest, old, "counted");
  if (newest !== undefined) adjustNewest(deployment, newest, old);
  const scaling = [...old, ...(newest === undefined ? [] : [newest])].some((draft) => isBeingScaled(deployment, draft));
  if (paused || scaling) {
    scaleProportionally(deployment, newest, old);
    return rollout.finish(newest, old, "counted", paused);
  }
  if (isRolling(deployment)) {
    newest ??= draftNewest(deployment, old);
    roll(deployment, newest, old);
    return rollout.finish(newest, old, "rollout");
  }
  if (old.some(({ replicas }) => replicas > 0)) {
    for (const draft of old) scale(deployment, draft, 0);
    return rollout.finish(newest, old, "rollout");
  }
  if (oldPodsRun(observed, newest)) return rollout.finish(newest, old, "rollout");
  newest ??= draftNewest(deployment, old);
  scale(deployment, newest, desiredReplicas(deployment));
  return rollout.finish(newest, old, "rollout");
}

/** Turns drafts into actions and a status. */
class Rollout {
  constructor(
    private readonly observed: ObservedDeployment,
    private readonly deployment: Deployment,
    private readonly claims: readonly Action[],
    private readonly nowMs: number,
  ) {}

  finish(newest: Draft | undefined, old: readonly Draft[], kind: "counted" | "rollout", paused = false): Plan {
    const { deployment, nowMs } = this;
    const all = newest === undefined ? old : [...old, newest];
    const inputs: StatusInputs = { deployment, newest, all, nowMs };
    const changes = all.filter(isChanged).map((draft) => this.write(draft));
    const tidy = paused || (kind === "rollout" && isComplete(deployment, deployment.status));
    const counted = kind === "counted" ? countedStatus(inputs) : rolloutStatus(inputs);
    const status = newest === undefined ? counted : this.withNewest(newest, counted);
    return {
      actions: [...this.claims, ...changes, ...(tidy ? cleanUp(deployment, old) : [])],
      afterwards: (failure) => this.writeStatus(newest, status, failure),
      requeueAfterMs: progressCheckDueMs(inputs, status),
    };
  }

  /** Notes that the newest replica set was found or made, when nothing was said of progress yet or it is a new one. */
  private withNewest(newest: Draft, status: DeploymentStatus): DeploymentStatus {
    if (!hasProgressDeadline(this.deployment)) return status;
    const condition = { type: "Progressing", status: "True" } as const;
    if (newest.original === undefined)
      return withCondition(status, { ...condition, reason: "NewReplicaSetCreated", message: `Created new replica set "${newest.name}"` }, this.nowMs);
    if (progressing(status) !== undefined) return status;
    return withCondition(status, { ...condition, reason: "FoundNewReplicaSet", message: `Found new replica set "${newest.name}"` }, this.nowMs);
  }

  private write(draft: Draft): Action {
    const { deployment } = this;
    const { original } = draft;
    if (original === undefined) return this.createNewest(draft);
    const before = original.spec.replicas ?? 1;
    const metadata = { ...original.metadata, annotations: draft.annotations };
    const changed: ReplicaSet = { ...original, metadata, spec: { ...original.spec, replicas: draft.replicas, minReadySeconds: draft.minReadySeconds } };
    const direction = before < draft.replicas ? "up" : "down";
    const message = `Scaled ${direction} replica set ${draft.name} from ${before} to ${draft.replicas}`;
    return update(replicaSets, changed, {
      succeeded: () => (before === draft.replicas ? undefined : { about: deployment, type: "Normal", reason: "ScalingReplicaSet", message }),
    });
  }

  private createNewest(draft: Draft): Action {
    const { deployment } = this;
    const message = `Scaled up replica set ${draft.name} from 0 to ${draft.replicas}`;
    return create(replicaSets, newReplicaSet(deployment, draft), {
      succeeded: () => (draft.replicas === 0 ? undefined : { about: deployment, type: "Normal", reason: "ScalingReplicaSet", message }),
      failed: (error) => (isAlreadyExists(error) ? undefined : { about: deployment, type: "Warning", ...creationFailure(draft, error) }),
    });
  }

  private writeStatus(newest: Draft | undefined, planned: DeploymentStatus, failure: Error | undefined): Action[] {
    const { deployment, observed, nowMs } = this;
    const creating = newest !== undefined && newest.original === undefined;
    let status = planned;
    let revision = newest?.annotations[annotations.deploymentRevision];
    if (failure !== undefined) {
      // The status tells what was reached; the rest comes when it is tried again.
      if (!creating) return [];
      status = deployment.status ?? {};
      revision = undefined;
      if (isAlreadyExists(failure)) {
        // Our own one that the cache has not shown yet, or a stranger of the same name: then another hash is needed.
        const taken = observed.named(newest.name);
        if (taken === undefined || (controllerOf(taken)?.uid === deployment.metadata.uid && sameTemplate(taken.spec.template, deployment.spec.template)))
          return [];
        status = { ...status, collisionCount: (status.collisionCount ?? 0) + 1 };
      } else if (hasProgressDeadline(deployment))
        status = withCondition(status, { type: "Progressing", status: "False", ...creationFailure(newest, failure) }, nowMs);
    }
    const known = deployment.metadata.annotations?.[annotations.deploymentRevision];
    const sameStatus = canonicalJson(withZeros(observed.deployment.status)) === canonicalJson(withZeros(status));
    if (sameStatus && (revision === undefined || revision === known)) return [];
    const metadata =
      revision === undefined
        ? deployment.metadata
        : { ...deployment.metadata, annotations: { ...deployment.metadata.annotations, [annotations.deploymentRevision]: revision } };
    return [updateStatus(deployments, { ...deployment, metadata, status })];
  }
}

function creationFailure(draft: Draft, error: Error): { reason: string; message: string } {
  return { reason: "ReplicaSetCreateError", message: `Failed to create new replica set "${draft.name}": ${error.message}` };
}

function isAlreadyExists(error: Error): boolean {
  return error instanceof StatusError && error.reason === "AlreadyExists";
}

/** Absent counts are zeros: the API drops them. */
function withZeros(status: DeploymentStatus | undefined): DeploymentStatus {
  const counts = { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0, unavailableReplicas: 0, terminatingReplicas: 0 };
  return { ...counts, observedGeneration: 0, conditions: [], ...status };
}

function planSelectingAll(deployment: Deployment): Plan {
  const message = "This deployment is selecting all pods. A non-empty selector is required.";
  const { generation = 0 } = deployment.metadata;
  const actions = [note(deployment, "Warning", "SelectingAll", message)];
  if ((deployment.status?.observedGeneration ?? 0) < generation)
    actions.push(updateStatus(deployments, { ...deployment, status: { ...deployment.status, observedGeneration: generation } }));
  return { actions };
}

/** Pausing and resuming stop and restart the clock of the progress deadline. */
function withPauseCondition(deployment: Deployment, nowMs: number): Deployment {
  const current = progressing(deployment.status);
  if (!hasProgressDeadline(deployment) || current?.reason === "ProgressDeadlineExceeded" || deployment.metadata.deletionTimestamp !== undefined)
    return deployment;
  const { paused = false } = deployment.spec;
  if (paused === (current?.reason === "DeploymentPaused")) return deployment;
  const [reason, message] = paused ? ["DeploymentPaused", "Deployment is paused"] : ["DeploymentResumed", "Deployment is resumed"];
  return { ...deployment, status: withCondition(deployment.status ?? {}, { type: "Progressing", status: "Unknown", reason, message }, nowMs) };
}

const templateTexts = new WeakMap<PodTemplateSpec, string>();

/** A template without its hash, as text to compare by. */
function templateText(template: PodTemplateSpec): string {
  const known = templateTexts.get(template);
  if (known !== undefined) return known;
  const { [workloadLabels.podTemplateHash]: _hash, ...labels } = template.metadata?.labels ?? {};
  const text = canonicalJson({ ...template, metadata: { ...template.metadata, labels } });
  templateTexts.set(template, text);
  return text;
}

function sameTemplate(one: PodTemplateSpec | undefined, other: PodTemplateSpec): boolean {
  return one !== undefined && templateText(one) === templateText(other);
}

/** The oldest replica set with the deployment's template. */
function findNewest(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const same = sets.filter(({ spec }) => sameTemplate(spec.template, deployment.spec.template));
  return same.map(draftOf).sort(byAge)[0]?.original;
}

/** A whole number of 64 bits, which may be more than a `number` counts by ones; 0 when there is none, or no number. */
function revisionOf({ annotations: { [annotations.deploymentRevision]: text = "" } }: Pick<Draft, "annotations">): bigint {
  return /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
}

function nextRevision(old: readonly Draft[]): bigint {
  let next = 1n;
  for (const revision of old.map(revisionOf)) if (revision >= next) next = revision + 1n;
  return next;
}

/** Carries over annotations and the next revision; a replica set that was rolled back to remembers its earlier revisions. */
function adjustNewest(deployment: Deployment, newest: Draft, old: readonly Draft[]): void {
  copyAnnotations(deployment, newest);
  newest.minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  const revision = nextRevision(old);
  const known = newest.annotations[annotations.deploymentRevision];
  if (revisionOf(newest) >= revision) return;
  newest.annotations[annotations.deploymentRevision] = String(revision);
  if (known !== undefined) newest.annotations[annotations.revisionHistory] = longerHistory(newest.annotations[annotations.revisionHistory] ?? "", known);
}

function longerHistory(history: string, revision: string): string {
  const revisions = history === "" ? [revision] : [...history.split(","), revision];
  while (revisions.length > 1 && revisions.join(",").length > MAX_HISTORY_LENGTH) revisions.shift();
  return revisions.join(",");
}

function copyAnnotations(deployment: Deployment, draft: Draft): void {
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) if (!OWN_ANNOTATIONS.has(key)) draft.annotations[key] = value;
}

function draftNewest(deployment: Deployment, old: readonly Draft[]): Draft {
  const hash = templateHash(deployment);
  const name = `${deployment.metadata.name.slice(0, MAX_NAME_LENGTH - 1 - hash.length)}-${hash}`;
  const draft: Draft = { name, original: undefined, replicas: 0, annotations: {}, minReadySeconds: deployment.spec.minReadySeconds ?? 0 };
  copyAnnotations(deployment, draft);
  draft.annotations[annotations.deploymentRevision] = String(nextRevision(old));
  draft.replicas = grownReplicas(deployment, [...old, draft], draft);
  annotateReplicas(deployment, draft);
  return draft;
}

function templateHash(deployment: Deployment): string {
  return stableHash(templateText(deployment.spec.template), deployment.status?.collisionCount ?? 0);
}

function newReplicaSet(deployment: Deployment, draft: Draft): ReplicaSet {
  const { template, selector } = deployment.spec;
  const hashLabel = { [workloadLabels.podTemplateHash]: templateHash(deployment) };
  const labels = { ...template.metadata?.labels, ...hashLabel };
  return {
    apiVersion: replicaSets.apiVersion,
    kind: replicaSets.kind,
    metadata: {
      name: draft.name,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: draft.annotations,
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas: draft.replicas,
      ...(draft.minReadySeconds === 0 ? {} : { minReadySeconds: draft.minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, ...hashLabel } },
      template: { ...template, metadata: { ...template.metadata, labels } as NonNullable<PodTemplateSpec["metadata"]> },
    },
  };
}

/** The deployment's size was changed since this replica set was last scaled. */
function isBeingScaled(deployment: Deployment, { original, replicas }: Draft): boolean {
  const desired = original?.metadata.annotations?.[annotations.desiredReplicas];
  return replicas > 0 && desired !== undefined && /^[0-9]{1,10}$/.test(desired) && Number(desired) !== desiredReplicas(deployment);
}

function isChanged({ original, replicas, annotations: wanted, minReadySeconds }: Draft): boolean {
  if (original === undefined) return true;
  const { metadata, spec } = original;
  return (
    (spec.replicas ?? 1) !== replicas || (spec.minReadySeconds ?? 0) !== minReadySeconds || canonicalJson(metadata.annotations ?? {}) !== canonicalJson(wanted)
  );
}

/** Recreation waits for the last old pod. */
function oldPodsRun({ pods: observed, candidates }: ObservedDeployment, newest: Draft | undefined): boolean {
  const newestUid = newest?.original?.metadata.uid;
  if (candidates.some((set) => set !== newest?.original && (set.status?.replicas ?? 0) > 0)) return true;
  return observed.some((pod) => controllerOf(pod)?.uid !== newestUid && !isPodTerminal(pod));
}

/** Deletes the oldest revisions past the limit, if they are empty. */
function cleanUp(deployment: Deployment, old: readonly Draft[]): Action[] {
  if (!hasRevisionHistoryLimit(deployment)) return [];
  const alive = old.flatMap(({ original }) => (original !== undefined && original.metadata.deletionTimestamp === undefined ? [original] : []));
  const surplus = alive.length - (deployment.spec.revisionHistoryLimit ?? 0);
  if (surplus <= 0) return [];
  return alive
    .map(draftOf)
    .sort((a, b) => Number(revisionOf(a) - revisionOf(b)) || byAge(a, b))
    .slice(0, surplus)
    .flatMap(({ original, replicas }) => (original !== undefined && replicas === 0 && isSettledEmpty(original) ? [remove(replicaSets, original)] : []));
}

function isSettledEmpty({ metadata, status }: ReplicaSet): boolean {
  return (status?.replicas ?? 0) === 0 && (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0);
}

export const deploymentController: Controller = controller<Deployment, ObservedDeployment>("deployment", {
  for: deployments,
  wakes: [
    wakeOwner(replicaSets, deployments, ({ spec }) => spec.selector),
    // The last pod of an old replica set is gone: a recreation may go on.
    wake(
      pods,
      (pod, caches) => {
        const owner = controllerOf(pod);
        if (owner?.kind !== replicaSets.kind) return [];
        const parent = controllerOf(caches.of(replicaSets).get(`${pod.metadata.namespace}/${owner.name}`) ?? pod);
        return parent?.kind === deployments.kind ? [`${pod.metadata.namespace}/${parent.name}`] : [];
      },
      (pod, old) => isPodTerminal(pod) !== isPodTerminal(old),
    ),
  ],
  index: (caches) => {
    indexByController(caches, replicaSets);
    indexByController(caches, pods);
  },
  observe: (key, caches) => {
    const deployment = caches.of(deployments).get(key);
    if (deployment === undefined) return undefined;
    const candidates = claimable(caches, replicaSets, deployment, deployment.spec.selector);
    return {
      deployment,
      candidates,
      pods: candidates.flatMap(({ metadata }) => caches.of(pods).byIndex(CONTROLLER_INDEX, metadata.uid ?? "")),
      named: (name) => caches.of(replicaSets).get(`${deployment.metadata.namespace}/${name}`),
    };
  },
  plan: planDeployment,
});
