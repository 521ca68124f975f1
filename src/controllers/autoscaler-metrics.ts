// The metrics of an autoscaler: what each calls for, under upstream's names and messages, which users read in conditions and
// events (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale-walkthrough/). Pure.
import type { LabelSelector, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from "../api/index.ts";
import { parseQuantity, Quantity } from "../base/index.ts";
import {
  type Population,
  type ProposalOrProblem,
  type ResourceTarget,
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
  type Samples,
} from "./autoscaler-replicas.ts";

/** What the metrics APIs told: samples of pods, or one value; in thousandths. */
export type MetricReading =
  | { readonly ok: true; readonly samples: Samples }
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly problem: string };

export interface Circumstances extends Population {
  readonly namespace: string;
  /** Pods that there are, whatever was asked for. */
  readonly statusReplicas: number;
}

export type Assessment =
  | { readonly ok: true; readonly replicas: number; readonly name: string; readonly status: MetricStatus }
  /** `cause` is for the condition and the event named `reason`; `problem` says the same from further off. */
  | { readonly ok: false; readonly reason: string; readonly cause: string; readonly problem: string };

/** How many pods the metric calls for, and what its status is then. */
export function assessMetric(spec: MetricSpec, reading: MetricReading, about: Circumstances): Assessment {
  if (spec.resource !== undefined) return assessResource(spec.resource, reading, about);
  if (spec.containerResource !== undefined) return assessContainerResource(spec.containerResource, reading, about);
  if (spec.pods !== undefined) return assessPods(spec.pods, reading, about);
  if (spec.object !== undefined) return assessObject(spec.object, reading, about);
  if (spec.external !== undefined) return assessExternal(spec.external, reading, about);
  const cause = `unknown metric source type ${JSON.stringify(spec.type)}`;
  return { ok: false, reason: "InvalidMetricSourceType", cause, problem: cause };
}

function assessResource({ name, target }: NonNullable<MetricSpec["resource"]>, reading: MetricReading, about: Circumstances): Assessment {
  const result = assessUsage({ resource: name, container: "" }, target, reading, about);
  if (!result.ok) return failed("FailedGetResourceMetric", result.cause, `failed to get ${name} resource metric value: ${result.cause}`);
  const metric = target.averageValue === undefined ? `${name} resource utilization (percentage of request)` : `${name} resource`;
  return { ok: true, replicas: result.replicas, name: metric, status: { type: "Resource", resource: { name, current: result.current } } };
}

function assessContainerResource(source: NonNullable<MetricSpec["containerResource"]>, reading: MetricReading, about: Circumstances): Assessment {
  const { name, container, target } = source;
  const result = assessUsage({ resource: name, container }, target, reading, about);
  if (!result.ok) return failed("FailedGetContainerResourceMetric", result.cause, `failed to get ${container} container metric value: ${result.cause}`);
  const metric = target.averageValue === undefined ? `${name} container resource utilization (percentage of request)` : `${name} resource`;
  const status = { type: "ContainerResource", containerResource: { name, container, current: result.current } };
  return { ok: true, replicas: result.replicas, name: metric, status };
}

type UsageAssessment = { readonly ok: true; readonly replicas: number; readonly current: MetricValueStatus } | { readonly ok: false; readonly cause: string };

function assessUsage(of: ResourceTarget, target: MetricTarget, reading: MetricReading, about: Circumstances): UsageAssessment {
  const { resource } = of;
  const format = resource === "memory" ? "BinarySI" : "DecimalSI";
  const samples = readSamples(reading, `unable to get metrics for resource ${resource}`);
  const { averageValue, averageUtilization } = target;
  if (averageValue !== undefined) {
    const result = samples.ok ? replicasForAverage(about, samples.samples, milli(averageValue), resource) : samples;
    if (!result.ok) return { ok: false, cause: `failed to get ${resource} usage: ${result.problem}` };
    return { ok: true, replicas: result.replicas, current: { averageValue: quantity(result.amount, format) } };
  }
  if (averageUtilization === undefined) {
    return { ok: false, cause: "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set" };
  }
  const result = samples.ok ? replicasForUtilization(about, samples.samples, { ...of, percent: averageUtilization }) : samples;
  if (!result.ok) return { ok: false, cause: `failed to get ${resource} utilization: ${result.problem}` };
  return { ok: true, replicas: result.replicas, current: { averageUtilization: result.utilization, averageValue: quantity(result.amount, format) } };
}

function assessPods({ metric, target }: NonNullable<MetricSpec["pods"]>, reading: MetricReading, about: Circumstances): Assessment {
  const samples = readSamples(reading, `unable to get metric ${metric.name}`);
  const result = samples.ok ? replicasForAverage(about, samples.samples, milli(target.averageValue ?? "0"), "") : samples;
  if (!result.ok) return failed("FailedGetPodsMetric", result.problem, `failed to get pods metric value: ${result.problem}`);
  const status = { type: "Pods", pods: { metric, current: { averageValue: quantity(result.amount) } } };
  return { ok: true, replicas: result.replicas, name: `pods metric ${metric.name}`, status };
}

function assessObject({ metric, target, describedObject }: NonNullable<MetricSpec["object"]>, reading: MetricReading, about: Circumstances): Assessment {
  const value = readValue(reading, `unable to get metric ${metric.name}: ${describedObject.kind} on ${about.namespace} ${describedObject.name}/`);
  const fail = (cause: string, why = cause): Assessment => failed("FailedGetObjectMetric", cause, `failed to get object metric value: ${why}`);
  const status = (current: MetricValueStatus): MetricStatus => ({ type: "Object", object: { describedObject, metric, current } });
  if (target.value !== undefined) {
    const result = value.ok ? replicasForValue(about, value.value, milli(target.value)) : value;
    if (!result.ok) return fail(result.problem);
    const name = `${describedObject.kind} metric ${metric.name}`;
    return { ok: true, replicas: result.replicas, name, status: status({ value: quantity(result.amount) }) };
  }
  if (target.averageValue === undefined) return fail("invalid object metric source: neither a value target nor an average value target was set");
  const result = value.ok ? replicasForShare(about.statusReplicas, about.tolerances, value.value, milli(target.averageValue)) : value;
  if (!result.ok) return fail(result.problem, `failed to get ${metric.name} object metric: ${result.problem}`);
  const name = `external metric ${metric.name}(${selectorText(metric.selector)})`;
  return { ok: true, replicas: result.replicas, name, status: status({ averageValue: quantity(result.amount) }) };
}

function assessExternal({ metric, target }: NonNullable<MetricSpec["external"]>, reading: MetricReading, about: Circumstances): Assessment {
  const value = readValue(reading, `unable to get external metric ${about.namespace}/${metric.name}/${selectorText(metric.selector)}: `);
  const fail = (cause: string, why = cause): Assessment =>
    failed("FailedGetExternalMetric", cause, `failed to get ${metric.name} external metric value: ${why}`);
  const name = `external metric ${metric.name}(${selectorText(metric.selector)})`;
  const succeed = (result: ProposalOrProblem & { ok: true }, current: MetricValueStatus): Assessment => ({
    ok: true,
    replicas: result.replicas,
    name,
    status: { type: "External", external: { metric, current } },
  });
  if (target.averageValue !== undefined) {
    const result = value.ok ? replicasForShare(about.statusReplicas, about.tolerances, value.value, milli(target.averageValue)) : value;
    if (!result.ok) return fail(result.problem, `failed to get ${metric.name} external metric: ${result.problem}`);
    return succeed(result, { averageValue: quantity(result.amount) });
  }
  if (target.value === undefined) return fail("invalid external metric source: neither a value target nor an average value target was set");
  const result = value.ok ? replicasForValue(about, value.value, milli(target.value)) : value;
  if (!result.ok) return fail(result.problem, `failed to get external metric ${metric.name}: ${result.problem}`);
  return succeed(result, { value: quantity(result.amount) });
}

function failed(reason: string, cause: string, problem: string): Assessment {
  return { ok: false, reason, cause, problem };
}

type Problem = { readonly ok: false; readonly problem: string };

function readSamples(reading: MetricReading, context: string): { readonly ok: true; readonly samples: Samples } | Problem {
  if (reading.ok) return { ok: true, samples: "samples" in reading ? reading.samples : new Map() };
  return { ok: false, problem: `${context}: ${reading.problem}` };
}

function readValue(reading: MetricReading, context: string): { readonly ok: true; readonly value: number } | Problem {
  if (reading.ok) return { ok: true, value: "value" in reading ? reading.value : 0 };
  return { ok: false, problem: `${context}${reading.problem}` };
}

function milli(text: string): number {
  return parseQuantity(text).milliValue();
}

function quantity(amount: number, format: "BinarySI" | "DecimalSI" = "DecimalSI"): string {
  return Quantity.fromMilli(amount, format).toString();
}

/** As upstream's messages show a LabelSelector. */
export function selectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return "nil";
  const labels = Object.entries(selector.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(" ")}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join("")}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join("")}},}`;
}
