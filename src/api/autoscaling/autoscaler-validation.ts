// HorizontalPodAutoscalers, in their v2 form (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/).
import { parseQuantity, Quantity } from "../../base/index.ts";
import { checkContainerResourceName } from "../core/resource-validation.ts";
import { checkDnsLabelAt, checkNonnegative, checkOneOf, checkRequired, problemsAt } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { CrossVersionObjectReference, HorizontalPodAutoscaler, HPAScalingRules, MetricIdentifier, MetricSpec, MetricTarget } from "../generated/types.ts";
import { checkPathSegmentName } from "../names.ts";

const SPEC = FieldPath.root("spec");
const SOURCES = { ContainerResource: "containerResource", External: "external", Object: "object", Pods: "pods", Resource: "resource" } as const;
const MAX_WINDOW_SECONDS = 3600;
const MAX_PERIOD_SECONDS = 1800;

function checkSegment(path: FieldPath, name: string | undefined, detail = ""): FieldError[] {
  return name ? problemsAt(path, name, checkPathSegmentName(name)) : [required(path, detail)];
}

/** What is scaled is named with its group; what a metric describes need not be. */
function checkReference(path: FieldPath, reference: CrossVersionObjectReference, needsGroup = false): FieldError[] {
  const errors = [...checkSegment(path.child("kind"), reference.kind), ...checkSegment(path.child("name"), reference.name)];
  const parts = (reference.apiVersion ?? "").split("/");
  if (parts.length === 1 && needsGroup) return [...errors, invalid(path.child("apiVersion"), reference.apiVersion ?? "", "apiVersion must specify API group")];
  if (parts.length <= 2) return errors;
  return [...errors, invalid(path.child("apiVersion"), reference.apiVersion, `unexpected GroupVersion string: ${reference.apiVersion}`)];
}

function checkIdentifier(path: FieldPath, { name }: MetricIdentifier): FieldError[] {
  return checkSegment(path.child("name"), name, "must specify a metric name");
}

function isPositive(text: string): boolean {
  return parseQuantity(text).compare(Quantity.zero) > 0;
}

function checkTarget(path: FieldPath, { type, value, averageValue, averageUtilization }: MetricTarget): FieldError[] {
  const errors = checkRequired(path.child("type"), type, "must specify a metric target type");
  if (!["Utilization", "Value", "AverageValue"].includes(type))
    errors.push(invalid(path.child("type"), type, "must be either Utilization, Value, or AverageValue"));
  if (value !== undefined && !isPositive(value)) errors.push(invalid(path.child("value"), value, "must be positive"));
  if (averageValue !== undefined && !isPositive(averageValue)) errors.push(invalid(path.child("averageValue"), averageValue, "must be positive"));
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalid(path.child("averageUtilization"), averageUtilization, "must be greater than 0"));
  return errors;
}

/** Of a resource's target one number is set, and only one. */
function checkResourceTarget(path: FieldPath, target: MetricTarget): FieldError[] {
  const errors = checkTarget(path, target);
  const { averageUtilization: utilization, averageValue: value } = target;
  if (utilization === undefined && value === undefined) {
    errors.push(required(path.child("averageUtilization"), "must set either a target raw value or a target utilization"));
  }
  if (utilization !== undefined && value !== undefined)
    errors.push(forbidden(path.child("averageValue"), "may not set both a target raw value and a target utilization"));
  return errors;
}

function checkSource(path: FieldPath, { object, external, pods, resource, containerResource }: MetricSpec): FieldError[] {
  const target = path.child("target");
  const metric = path.child("metric");
  if (object !== undefined) {
    const errors = [
      ...checkReference(path.child("describedObject"), object.describedObject),
      ...checkIdentifier(metric, object.metric),
      ...checkTarget(target, object.target),
    ];
    if (object.target.value !== undefined || object.target.averageValue !== undefined) return errors;
    return [...errors, required(target.child("averageValue"), "must set either a target value or averageValue")];
  }
  if (external !== undefined) {
    const errors = [...checkIdentifier(metric, external.metric), ...checkTarget(target, external.target)];
    const { value, averageValue } = external.target;
    if (value === undefined && averageValue === undefined) {
      errors.push(required(target.child("averageValue"), "must set either a target value for metric or a per-pod target"));
    }
    if (value !== undefined && averageValue !== undefined) {
      errors.push(forbidden(target.child("value"), "may not set both a target value for metric and a per-pod target"));
    }
    return errors;
  }
  if (pods !== undefined) {
    const errors = [...checkIdentifier(metric, pods.metric), ...checkTarget(target, pods.target)];
    return pods.target.averageValue === undefined ? [...errors, required(target.child("averageValue"), "must specify a positive target averageValue")] : errors;
  }
  if (resource !== undefined)
    return [...checkRequired(path.child("name"), resource.name, "must specify a resource name"), ...checkResourceTarget(target, resource.target)];
  if (containerResource === undefined) return [];
  const { name, container } = containerResource;
  return [
    ...(name ? checkContainerResourceName(path.child("name"), name) : [required(path.child("name"), "must specify a resource name")]),
    ...(container ? checkDnsLabelAt(path.child("container"), container) : [required(path.child("container"), "must specify a container")]),
    ...checkResourceTarget(target, containerResource.target),
  ];
}

function checkMetric(path: FieldPath, metric: MetricSpec): FieldError[] {
  const types = Object.keys(SOURCES);
  if (!metric.type) return [required(path.child("type"), "must specify a metric source type"), notSupported(path.child("type"), metric.type, types)];
  const expected = SOURCES[metric.type as keyof typeof SOURCES] as (typeof SOURCES)[keyof typeof SOURCES] | undefined;
  if (expected === undefined) return [notSupported(path.child("type"), metric.type, types)];
  const given = Object.values(SOURCES).filter((name) => metric[name] !== undefined);
  const errors = metric[expected] === undefined ? [] : checkSource(path.child(expected), { type: metric.type, [expected]: metric[expected] });
  if (metric[expected] === undefined) errors.push(required(path.child(expected), "must populate information for the given metric source"));
  return [...errors, ...given.filter((name) => name !== expected).map((name) => forbidden(path.child(name), "must populate the given metric source only"))];
}

function checkRules(path: FieldPath, rules: HPAScalingRules | undefined): FieldError[] {
  if (rules === undefined) return [];
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  const at = path.child("stabilizationWindowSeconds");
  const errors: FieldError[] = [];
  if (window !== undefined && window < 0) errors.push(invalid(at, window, "must be greater than or equal to zero"));
  if (window !== undefined && window > MAX_WINDOW_SECONDS) errors.push(invalid(at, window, `must be less than or equal to ${MAX_WINDOW_SECONDS}`));
  errors.push(...checkOneOf(path.child("selectPolicy"), selectPolicy, ["Disabled", "Max", "Min"]));
  if (policies.length === 0) errors.push(required(path.child("policies"), "must specify at least one Policy"));
  for (const [position, { type, value, periodSeconds }] of policies.entries()) {
    const policy = path.child("policies").index(position);
    errors.push(...checkOneOf(policy.child("type"), type, ["Percent", "Pods"]));
    if (value <= 0) errors.push(invalid(policy.child("value"), value, "must be greater than zero"));
    if (periodSeconds <= 0) errors.push(invalid(policy.child("periodSeconds"), periodSeconds, "must be greater than zero"));
    if (periodSeconds > MAX_PERIOD_SECONDS)
      errors.push(invalid(policy.child("periodSeconds"), periodSeconds, `must be less than or equal to ${MAX_PERIOD_SECONDS}`));
  }
  const isNegative = tolerance !== undefined && parseQuantity(tolerance).compare(Quantity.zero) < 0;
  return isNegative ? [...errors, invalid(path.child("tolerance"), tolerance, "must be greater than or equal to 0")] : errors;
}

/** To no pods at all only an outside metric can scale, and only where that is allowed: it is an alpha feature. */
export function validateAutoscaler({ spec }: HorizontalPodAutoscaler, needsGroup = true): FieldError[] {
  const { minReplicas, maxReplicas, metrics = [] } = spec;
  const path = SPEC.child("maxReplicas");
  const errors = minReplicas !== undefined && minReplicas < 1 ? [invalid(SPEC.child("minReplicas"), minReplicas, "must be greater than or equal to 1")] : [];
  if (!maxReplicas) errors.push(required(path, "must be set and greater than 0"));
  else if (maxReplicas < 0) errors.push(invalid(path, maxReplicas, "must be greater than or equal to 1"));
  if (minReplicas === 0 && !metrics.some(({ type }) => type === "Object" || type === "External")) {
    errors.push(forbidden(SPEC.child("metrics"), "must specify at least one Object or External metric to support scaling to zero replicas"));
  }
  if (minReplicas !== undefined && maxReplicas < minReplicas) errors.push(invalid(path, maxReplicas, "must be greater than or equal to `minReplicas`"));
  return [
    ...errors,
    ...checkReference(SPEC.child("scaleTargetRef"), spec.scaleTargetRef, needsGroup),
    ...metrics.flatMap((metric, position) => checkMetric(SPEC.child("metrics").index(position), metric)),
    ...checkRules(SPEC.child("behavior", "scaleUp"), spec.behavior?.scaleUp),
    ...checkRules(SPEC.child("behavior", "scaleDown"), spec.behavior?.scaleDown),
  ];
}

/** One that was let in without a group may stay so. */
export function validateAutoscalerUpdate(autoscaler: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler): FieldError[] {
  return validateAutoscaler(autoscaler, (old.spec.scaleTargetRef.apiVersion ?? "").includes("/"));
}

export function validateAutoscalerStatusUpdate({ status }: HorizontalPodAutoscaler, _old: HorizontalPodAutoscaler): FieldError[] {
  const path = FieldPath.root("status");
  return [
    ...checkNonnegative(path.child("currentReplicas"), status?.currentReplicas),
    ...checkNonnegative(path.child("desiredReplicas"), status?.desiredReplicas),
  ];
}
