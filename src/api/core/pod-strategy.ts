// What the server itself changes of a pod that is created or updated: the gate condition, label keys merged into selectors,
// and, for the subresources, all that the caller may not touch put back.
import { type Mutable, mutableCopy } from "../../base/index.ts";
import type { Container, LabelSelector, Pod, PodAffinityTerm } from "../generated/types.ts";
import { podConditions } from "../well-known.ts";

type Expression = { key: string; operator: string; values?: string[] };

function addExpressions(selector: Mutable<LabelSelector>, keys: readonly string[], operator: string, labels: Readonly<Record<string, string>>): void {
  const added: Expression[] = keys.flatMap((key) => (Object.hasOwn(labels, key) ? [{ key, operator, values: [labels[key] ?? ""] }] : []));
  if (added.length > 0) selector.matchExpressions = [...(selector.matchExpressions ?? []), ...added];
}

/** Makes the selectors of affinity and spreading select the pods that agree with this one on the named label keys (KEP-3633, KEP-3243). */
function mergeLabelKeys(pod: Mutable<Pod>): void {
  const labels = pod.metadata.labels ?? {};
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const terms: Mutable<PodAffinityTerm>[] = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
  for (const term of terms) {
    if (term.labelSelector === undefined) continue;
    addExpressions(term.labelSelector, term.matchLabelKeys ?? [], "In", labels);
    addExpressions(term.labelSelector, term.mismatchLabelKeys ?? [], "NotIn", labels);
  }
  for (const { labelSelector, matchLabelKeys = [] } of pod.spec.topologySpreadConstraints ?? []) {
    if (labelSelector !== undefined) addExpressions(labelSelector, matchLabelKeys, "In", labels);
  }
}

/** Fields of features that v1.36 does not have on by default are dropped, as upstream's server drops them, so that no kubelet passes over them. */
function dropDisabledFields({ spec }: Mutable<Pod>): void {
  for (const container of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]) {
    const { stopSignal, ...lifecycle } = container.lifecycle ?? {};
    if (stopSignal === undefined) continue;
    if (Object.keys(lifecycle).length === 0) delete container.lifecycle;
    else container.lifecycle = lifecycle;
  }
}

/** What creation adds beside the status. */
export function prepareNewPod(pod: Mutable<Pod>): void {
  dropDisabledFields(pod);
  mergeLabelKeys(pod);
  if ((pod.spec.schedulingGates ?? []).length === 0) return;
  pod.status = {
    ...pod.status,
    conditions: [
      { type: podConditions.scheduled, status: "False", reason: "SchedulingGated", message: "Scheduling is blocked due to non-empty scheduling gates" },
    ],
  };
}

/** Owners, the QoS class and observed generations survive a status that leaves them out. */
export function preparePodStatus(pod: Mutable<Pod>, old: Pod): void {
  const before = mutableCopy(old);
  pod.spec = before.spec;
  replace(pod.metadata, "deletionTimestamp", before.metadata.deletionTimestamp);
  replace(pod.metadata, "ownerReferences", before.metadata.ownerReferences);
  const status = pod.status ?? {};
  pod.status = status;
  if ((status.qosClass ?? "") === "") replace(status, "qosClass", old.status?.qosClass);
  if ((status.observedGeneration ?? 0) === 0) replace(status, "observedGeneration", old.status?.observedGeneration);
  const known = [...(old.status?.conditions ?? [])];
  for (const condition of status.conditions ?? []) {
    const position = known.findIndex(({ type }) => type === condition.type);
    const [previous] = position === -1 ? [] : known.splice(position, 1);
    if ((condition.observedGeneration ?? 0) === 0) replace(condition, "observedGeneration", previous?.observedGeneration);
  }
}

/** Sets the field, or removes it when there is no value. */
function replace<T extends object, K extends keyof T>(object: T, key: K, value: T[K] | undefined): void {
  if (value === undefined) delete object[key];
  else object[key] = value;
}

/** Everything but what one subresource is about, and who manages what, comes from `old`. */
function restore(pod: Mutable<Pod>, old: Pod): void {
  const { metadata, spec, status } = mutableCopy(old);
  const { managedFields } = pod.metadata;
  pod.metadata = metadata;
  replace(pod.metadata, "managedFields", managedFields);
  pod.spec = spec;
  replace(pod, "status", status);
}

export function keepAllButEphemeralContainers(pod: Mutable<Pod>, old: Pod): void {
  const { ephemeralContainers } = pod.spec;
  const { resourceVersion } = pod.metadata;
  restore(pod, old);
  replace(pod.metadata, "resourceVersion", resourceVersion);
  replace(pod.spec, "ephemeralContainers", ephemeralContainers);
}

/** A list of containers that was added to or reordered is left as it is, for validation to refuse. */
export function keepAllButResources(pod: Mutable<Pod>, old: Pod): void {
  const { containers, initContainers, resources } = pod.spec;
  if (containers.length !== old.spec.containers.length || (initContainers?.length ?? 0) !== (old.spec.initContainers?.length ?? 0)) return;
  const { resourceVersion } = pod.metadata;
  restore(pod, old);
  replace(pod.metadata, "resourceVersion", resourceVersion);
  replace(pod.spec, "resources", resources);
  pod.spec.containers = withResourcesOf(pod.spec.containers, containers);
  if (initContainers !== undefined) pod.spec.initContainers = withResourcesOf(pod.spec.initContainers ?? [], initContainers);
}

function withResourcesOf(old: Mutable<Container>[], asked: Mutable<Container>[]): Mutable<Container>[] {
  if (asked.some(({ name }, position) => old[position]?.name !== name)) return asked;
  return old.map((container, position) => {
    replace(container, "resources", asked[position]?.resources);
    replace(container, "resizePolicy", asked[position]?.resizePolicy);
    return container;
  });
}
