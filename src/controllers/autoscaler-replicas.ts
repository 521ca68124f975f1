// How many pods a metric calls for
// (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details). Pure.
//
// Amounts are in thousandths of the metric's unit. Pods that are going away or failed do not count; pods that are not ready, or
// have no sample, are assumed to need whatever changes the result least, and never turn it round.
import { isPodReady, isRestartableInit, type Pod, podCondition, podConditions, podRequests } from "../api/index.ts";
import { parseTime, tryParseQuantity } from "../base/index.ts";

export interface Sample {
  readonly value: number;
  readonly atMs: number;
  readonly windowMs: number;
}

/** By the pod's name. */
export type Samples = ReadonlyMap<string, Sample>;

/** How far the ratio of current to target may be off, as a fraction, before anything is done. */
export interface Tolerances {
  readonly down: number;
  readonly up: number;
}

/** The pods that the target selects, and how many there are to be. */
export interface Population {
  readonly pods: readonly Pod[];
  readonly specReplicas: number;
  readonly tolerances: Tolerances;
  readonly nowMs: number;
}

export interface Proposal {
  readonly ok: true;
  readonly replicas: number;
  /** Percent of what is requested. */
  readonly utilization?: number;
  /** The average a pod, or the value where the metric is not of pods. */
  readonly amount: number;
}
export type ProposalOrProblem = Proposal | { readonly ok: false; readonly problem: string };

/** Upstream's defaults. */
const CPU_INITIALIZATION_MS = 5 * 60_000;
const INITIAL_READINESS_DELAY_MS = 30_000;
const LARGEST_REPLICAS = 2 ** 31 - 1;
const NO_PODS = "no pods returned by selector while calculating replica count";

export interface ResourceTarget {
  readonly resource: string;
  /** "": the pod as a whole. */
  readonly container: string;
}

/** For a target in percent of the requests. */
export function replicasForUtilization(population: Population, samples: Samples, target: ResourceTarget & { readonly percent: number }): ProposalOrProblem {
  const { percent, resource } = target;
  const requests = new Map<string, number>();
  // Looked at only when there are samples that they can be compared with.
  const readRequests = (): string | undefined => {
    for (const pod of population.pods) {
      const request = requestOf(pod, target);
      if (typeof request === "string") return request;
      requests.set(pod.metadata.name, request);
    }
    return undefined;
  };
  const measure = (of: Samples): Measurement | undefined => {
    let used = 0;
    let requested = 0;
    let count = 0;
    for (const [name, { value }] of of) {
      const request = requests.get(name);
      if (request === undefined) continue;
      used += value;
      requested += request;
      count++;
    }
    if (requested === 0) return undefined;
    const utilization = Math.trunc((used * 100) / requested);
    return { ratio: utilization / percent, utilization, amount: Math.trunc(used / count) };
  };
  const whenMissing = (name: string): number => Math.trunc(((requests.get(name) ?? 0) * Math.max(100, percent)) / 100);
  return balance(population, samples, { resource, prepare: readRequests, measure, whenMissing });
}

/** For a target as an average amount a pod. `resource` is "" for metrics that are none. */
export function replicasForAverage(population: Population, samples: Samples, target: number, resource: string): ProposalOrProblem {
  const measure = (of: Samples): Measurement => {
    const amount = Math.trunc([...of.values()].reduce((sum, { value }) => sum + value, 0) / of.size);
    return { ratio: amount / target, amount };
  };
  return balance(population, samples, { resource, prepare: () => undefined, measure, whenMissing: () => target });
}

/** For one value that all pods together should bring to `target`. */
export function replicasForValue({ pods, specReplicas, tolerances }: Population, value: number, target: number): ProposalOrProblem {
  const ratio = value / target;
  if (specReplicas === 0) return { ok: true, replicas: wholeReplicas(ratio), amount: value };
  if (isWithin(tolerances, ratio)) return { ok: true, replicas: specReplicas, amount: value };
  if (pods.length === 0) return { ok: false, problem: `unable to calculate ready pods: ${NO_PODS}` };
  const ready = pods.filter((pod) => pod.status?.phase === "Running" && isPodReady(pod)).length;
  return { ok: true, replicas: wholeReplicas(ratio * ready), amount: value };
}

/** For one value of which each pod should have `target`. The pods may be still to come: then all of it is one pod's. */
export function replicasForShare(statusReplicas: number, tolerances: Tolerances, value: number, target: number): Proposal {
  const isRight = isWithin(tolerances, value / (target * statusReplicas));
  return { ok: true, replicas: isRight ? statusReplicas : wholeReplicas(value / target), amount: Math.ceil(value / Math.max(1, statusReplicas)) };
}

function wholeReplicas(replicas: number): number {
  return Math.min(Math.ceil(replicas), LARGEST_REPLICAS);
}

function isWithin({ down, up }: Tolerances, ratio: number): boolean {
  return 1 - down <= ratio && ratio <= 1 + up;
}

interface Measurement {
  /** Current to target. */
  readonly ratio: number;
  readonly utilization?: number;
  readonly amount: number;
}

interface Measure {
  readonly resource: string;
  /** Called before the first measurement; what it returns is wrong with the pods. */
  readonly prepare: () => string | undefined;
  /** Undefined when the samples are of none of the pods. */
  readonly measure: (samples: Samples) => Measurement | undefined;
  /** What a pod without a sample is taken to use when the others use too little. */
  readonly whenMissing: (name: string) => number;
}

function balance(population: Population, samples: Samples, { resource, prepare, measure, whenMissing }: Measure): ProposalOrProblem {
  const { pods, specReplicas, tolerances } = population;
  if (pods.length === 0) return { ok: false, problem: NO_PODS };
  const groups = groupPods(population, samples, resource);
  const counted = new Map([...samples].filter(([name]) => !groups.ignored.has(name) && !groups.unready.has(name)));
  if (counted.size === 0) return { ok: false, problem: "did not receive metrics for targeted pods (pods might be unready)" };
  const problem = prepare();
  if (problem !== undefined) return { ok: false, problem };
  const first = measure(counted);
  if (first === undefined) return { ok: false, problem: "no metrics returned matched known pods" };
  const { ratio, ...current } = first;
  const propose = (replicas: number): Proposal => ({ ok: true, replicas, ...current });
  const scalesUpUnready = groups.unready.size > 0 && ratio > 1;
  if (!scalesUpUnready && groups.missing.size === 0) {
    return propose(isWithin(tolerances, ratio) ? specReplicas : wholeReplicas(ratio * groups.ready));
  }
  const assume = (names: ReadonlySet<string>, value: (name: string) => number): void => {
    for (const name of names) counted.set(name, { value: value(name), atMs: 0, windowMs: 0 });
  };
  if (ratio < 1) assume(groups.missing, whenMissing);
  else if (ratio > 1) assume(groups.missing, () => 0);
  if (scalesUpUnready) assume(groups.unready, () => 0);
  const assumed = measure(counted)?.ratio ?? 1;
  const isTurned = (ratio < 1 && assumed > 1) || (ratio > 1 && assumed < 1);
  if (isWithin(tolerances, assumed) || isTurned) return propose(specReplicas);
  const replicas = wholeReplicas(assumed * counted.size);
  const isOpposite = (assumed < 1 && replicas > specReplicas) || (assumed > 1 && replicas < specReplicas);
  return propose(isOpposite ? specReplicas : replicas);
}

interface Groups {
  readonly ready: number;
  readonly unready: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
  readonly ignored: ReadonlySet<string>;
}

function groupPods({ pods, nowMs }: Population, samples: Samples, resource: string): Groups {
  let ready = 0;
  const unready = new Set<string>();
  const missing = new Set<string>();
  const ignored = new Set<string>();
  for (const pod of pods) {
    const { name } = pod.metadata;
    const sample = samples.get(name);
    if (pod.metadata.deletionTimestamp !== undefined || pod.status?.phase === "Failed") ignored.add(name);
    else if (pod.status?.phase === "Pending") unready.add(name);
    else if (sample === undefined) missing.add(name);
    else if (resource === "cpu" && saysNothingYet(pod, sample, nowMs)) unready.add(name);
    else ready++;
  }
  return { ready, unready, missing, ignored };
}

/** Starting costs cpu that says nothing about the load: such a sample waits until the pod is ready, and for one window more. */
function saysNothingYet(pod: Pod, sample: Sample, nowMs: number): boolean {
  const condition = podCondition(pod, podConditions.ready);
  const startedMs = parseTime(pod.status?.startTime);
  if (condition === undefined || startedMs === undefined) return true;
  const changedMs = parseTime(condition.lastTransitionTime) ?? 0;
  const isUnready = condition.status === "False";
  if (startedMs + CPU_INITIALIZATION_MS > nowMs) return isUnready || sample.atMs < changedMs + sample.windowMs;
  return isUnready && startedMs + INITIAL_READINESS_DELAY_MS > changedMs;
}

/** In thousandths; a text says what is missing. */
function requestOf(pod: Pod, { resource, container }: ResourceTarget): number | string {
  const { name } = pod.metadata;
  if (container === "" && Object.keys(pod.spec.resources?.requests ?? {}).length > 0) {
    return podRequests(pod).get(resource)?.milliValue() ?? `missing pod-level request for ${resource} in Pod ${name}`;
  }
  const lasting = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isRestartableInit)];
  const counted = container === "" ? lasting : lasting.filter((candidate) => candidate.name === container);
  if (counted.length === 0) return `container ${container} not found in Pod ${name}`;
  let sum = 0;
  for (const { name: containerName, resources } of counted) {
    const request = tryParseQuantity(resources?.requests?.[resource] ?? "");
    if (request === undefined) return `missing request for ${resource} in container ${containerName} of Pod ${name}`;
    sum += request.milliValue();
  }
  return sum;
}
