// Eviction: a deletion that respects disruption budgets
// (https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/). A budget is charged before the pod is deleted, under
// optimistic concurrency, so that two evictions never spend the same disruption.

import {
  badRequestError,
  compileLabelSelector,
  type DeleteOptions,
  type Eviction,
  forbiddenError,
  invalidError,
  isPodReady,
  isStatus,
  notFoundError,
  type Pod,
  type PodDisruptionBudget,
  podDisruptionBudgets,
  pods,
  StatusError,
  tooManyRequestsError,
  validateDeleteOptions,
} from "../../api/index.ts";
import { type Env, formatTime, type Mutable, mutableCopy } from "../../base/index.ts";
import { viewOf } from "../cache/resource.ts";
import { checkDeletePreconditions } from "../storage/deletion.ts";
import type { Registry } from "../storage/registry.ts";
import type { WriteRequestContext } from "../storage/write-context.ts";
import { withCondition } from "./binding.ts";
import { type SubresourceCreator, successStatus } from "./creators.ts";

const MAX_DISRUPTED_PODS = 2000;
const ATTEMPTS = 20;
const VIOLATION = "Cannot evict pod as it would violate the pod's disruption budget.";

export function evictionCreator(env: Env, registry: Registry): SubresourceCreator {
  return async ({ namespace, name }, body, context) => {
    const eviction = body as unknown as Eviction;
    const named = eviction.metadata?.name;
    if (named !== undefined && named !== "" && named !== name) throw badRequestError("name in URL does not match name in Eviction object");
    const options = eviction.deleteOptions ?? {};
    const errors = validateDeleteOptions(options);
    if (errors.length > 0) throw invalidError({ group: "meta.k8s.io", kind: "DeleteOptions" }, "", errors);
    const isDryRun = context.dryRun || (options.dryRun ?? []).length > 0;
    await new PodEviction(env, registry, { ...context, dryRun: isDryRun }).evict(namespace, name, options);
    return successStatus();
  };
}

class PodEviction {
  constructor(
    private readonly env: Env,
    private readonly registry: Registry,
    private readonly context: WriteRequestContext,
  ) {}

  async evict(namespace: string, name: string, options: Partial<DeleteOptions>): Promise<void> {
    const pod = await this.#deleteUnguarded(namespace, name, options);
    if (pod === undefined) return;
    const { budgetName, pinned } = await this.#charge(pod);
    try {
      await this.#delete(namespace, name, pinned ? withResourceVersion(options, pod) : options);
    } catch (error) {
      // The pod changed while it was looked at: whether it is healthy must be judged anew.
      if (pinned && isStatus(error, "Conflict") && options.preconditions?.resourceVersion === undefined) throw stillProcessed(budgetName);
      throw error;
    }
  }

  /** Deletes a pod that no budget can guard. Gives the pod when one can. */
  async #deleteUnguarded(namespace: string, name: string, options: Partial<DeleteOptions>): Promise<Pod | undefined> {
    const isPinned = options.preconditions?.resourceVersion !== undefined;
    for (let attempt = 1; ; attempt++) {
      const pod = viewOf(pods, await this.registry.reader.get(pods, namespace, name));
      if (!isUnguarded(pod)) return pod;
      const mayChangeHealth = pod.status?.phase === "Pending" && pod.metadata.deletionTimestamp === undefined;
      try {
        await this.#delete(namespace, name, mayChangeHealth && !isPinned ? withResourceVersion(options, pod) : options);
        return undefined;
      } catch (error) {
        if (isPinned || !isStatus(error, "Conflict") || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Charges the pod's budget. `pinned`: the deletion is only right for the pod as it was seen. */
  async #charge(pod: Pod): Promise<{ budgetName: string; pinned: boolean }> {
    const [budget, ...others] = await this.#budgetsOf(pod);
    if (others.length > 0) {
      const message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
      throw new StatusError({ reason: "InternalError", code: 500, message });
    }
    if (budget === undefined) return { budgetName: "", pinned: false };
    const { name } = budget.metadata;
    if (!isPodReady(pod) && mayGoUnhealthy(budget)) return { budgetName: name, pinned: true };
    await this.registry.writer.update(
      {
        kind: podDisruptionBudgets,
        namespace: pod.metadata.namespace ?? "",
        name,
        subresource: "status",
        ownChange: true,
        change: (current) => {
          if (current === undefined) throw notFoundError(podDisruptionBudgets, name);
          return chargedBudget(current, pod.metadata.name, formatTime(this.env.clock.now()));
        },
      },
      this.context,
    );
    return { budgetName: name, pinned: false };
  }

  async #budgetsOf(pod: Pod): Promise<PodDisruptionBudget[]> {
    const { items } = await this.registry.reader.list(podDisruptionBudgets, { namespace: pod.metadata.namespace ?? "" });
    return items
      .map((revision) => viewOf(podDisruptionBudgets, revision))
      .filter((budget) => budget.spec?.selector !== undefined && compileLabelSelector(budget.spec.selector).matches(pod.metadata.labels ?? {}));
  }

  /** Says on the pod why it goes, then deletes it. */
  async #delete(namespace: string, name: string, options: Partial<DeleteOptions>): Promise<void> {
    const { resourceVersion, uid } = options.preconditions ?? {};
    const change = (current: Pod | undefined): Mutable<Pod> => {
      if (current === undefined) throw notFoundError(pods, name);
      checkDeletePreconditions(pods, current, options);
      const pod = mutableCopy(current);
      const condition = { type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI", message: "Eviction API: evicting" };
      pod.status = { ...pod.status, conditions: withCondition(pod.status?.conditions ?? [], condition, formatTime(this.env.clock.now())) };
      pod.metadata.resourceVersion = resourceVersion;
      return pod;
    };
    const { revision } = await this.registry.writer.update({ kind: pods, namespace, name, subresource: "status", change, ownChange: true }, this.context);
    const pinned = resourceVersion === undefined ? options : { ...options, preconditions: { uid, resourceVersion: revision.resourceVersion } };
    const { dryRun: _, ...deletion } = pinned;
    await this.registry.deleter.delete(pods, namespace, name, deletion, this.context);
  }
}

/** It does not serve, or not any more: its going disrupts nothing. */
function isUnguarded({ status, metadata }: Pod): boolean {
  return ["Succeeded", "Failed", "Pending"].includes(status?.phase ?? "") || metadata.deletionTimestamp !== undefined;
}

function mayGoUnhealthy({ spec, status }: PodDisruptionBudget): boolean {
  if (spec?.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

function withResourceVersion(options: Partial<DeleteOptions>, pod: Pod): Partial<DeleteOptions> {
  return { ...options, preconditions: { ...options.preconditions, resourceVersion: pod.metadata.resourceVersion } };
}

function stillProcessed(name: string): StatusError {
  return tooManyRequestsError(VIOLATION, 10, [
    { reason: "DisruptionBudget", message: `The disruption budget ${name} is still being processed by the server.` },
  ]);
}

/** The budget with one disruption less. Throws when it has none to give. */
function chargedBudget(budget: PodDisruptionBudget, podName: string, now: string): Mutable<PodDisruptionBudget> {
  const { name, generation = 0 } = budget.metadata;
  const { observedGeneration = 0, disruptionsAllowed = 0, disruptedPods = {} } = budget.status ?? {};
  if (observedGeneration < generation) throw stillProcessed(name);
  const resource = { group: "policy", resource: "poddisruptionbudget" };
  if (disruptionsAllowed < 0) throw forbiddenError(resource, name, "pdb disruptions allowed is negative");
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED_PODS) {
    throw forbiddenError(resource, name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller");
  }
  if (disruptionsAllowed === 0) throw tooManyRequestsError(VIOLATION, 0, [{ reason: "DisruptionBudget", message: whyNot(budget) }]);
  const charged = mutableCopy(budget);
  charged.status = { ...charged.status, disruptionsAllowed: disruptionsAllowed - 1, disruptedPods: { ...disruptedPods, [podName]: now } } as Mutable<
    NonNullable<PodDisruptionBudget["status"]>
  >;
  if (disruptionsAllowed === 1) denyFurther(charged, now);
  return charged;
}

/** The last disruption is spent: the condition that tells so. */
function denyFurther(budget: Mutable<PodDisruptionBudget>, now: string): void {
  const { status, metadata } = budget;
  if (status === undefined) return;
  const conditions = status.conditions ?? [];
  const known = conditions.find(({ type }) => type === "DisruptionAllowed");
  const condition = {
    type: "DisruptionAllowed",
    status: "False",
    reason: "InsufficientPods",
    message: "",
    observedGeneration: status.observedGeneration ?? metadata.generation,
    lastTransitionTime: known?.status === "False" ? known.lastTransitionTime : now,
  };
  status.conditions = [...conditions.filter((other) => other !== known), condition];
}

function whyNot({ metadata: { name }, status }: PodDisruptionBudget): string {
  const { currentHealthy = 0, desiredHealthy = 0, conditions = [] } = status ?? {};
  const condition = conditions.find(({ type }) => type === "DisruptionAllowed");
  const isDenied = condition?.status === "False" && condition.message !== "";
  if (isDenied && condition.reason === "SyncFailed") {
    return `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${condition.message}`;
  }
  if (currentHealthy <= desiredHealthy) return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  const base = `The disruption budget ${name} does not allow evicting pods currently`;
  return isDenied ? `${base} (${condition.reason}): ${condition.message}` : base;
}
