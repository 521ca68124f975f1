// Metrics of an autoscaler in the flat shape in which autoscaling/v1 carries them in annotations, there and back.
import type { LabelSelector, MetricSpec, MetricStatus } from "../generated/types.ts";

/** One source of a metric: names that it has depend on the type. */
interface V1Source {
  readonly name?: string;
  readonly container?: string;
  readonly metricName?: string;
  readonly selector?: LabelSelector;
  readonly metricSelector?: LabelSelector;
  readonly target?: { readonly apiVersion?: string; readonly kind: string; readonly name: string };
  readonly targetAverageUtilization?: number;
  readonly targetAverageValue?: string;
  readonly targetValue?: string;
  readonly averageValue?: string;
  readonly currentAverageUtilization?: number;
  readonly currentAverageValue?: string;
  readonly currentValue?: string;
}

/** A metric, or its status, of autoscaling/v1. */
export interface V1Metric {
  readonly type: string;
  readonly resource?: V1Source;
  readonly containerResource?: V1Source;
  readonly pods?: V1Source;
  readonly object?: V1Source;
  readonly external?: V1Source;
}

/** Without the keys that have no value. */
function compact<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

type Target = { readonly type: string; readonly averageUtilization?: number; readonly averageValue?: string; readonly value?: string };

function target(utilization: number | undefined, average: string | undefined, value: string | undefined): Target {
  const type = utilization !== undefined ? "Utilization" : average !== undefined ? "AverageValue" : "Value";
  return compact({ type, averageUtilization: utilization, averageValue: average, value });
}

export function metricToV1({ type, resource, containerResource, pods, object, external }: MetricSpec): V1Metric {
  const amounts = (of: { target: Target }): V1Source => ({
    targetAverageUtilization: of.target.averageUtilization,
    targetAverageValue: of.target.averageValue,
  });
  return compact<V1Metric>({
    type,
    resource: resource && compact({ name: resource.name, ...amounts(resource) }),
    containerResource: containerResource && compact({ name: containerResource.name, container: containerResource.container, ...amounts(containerResource) }),
    pods: pods && compact({ metricName: pods.metric.name, selector: pods.metric.selector, targetAverageValue: pods.target.averageValue }),
    object:
      object &&
      compact({
        target: object.describedObject,
        metricName: object.metric.name,
        selector: object.metric.selector,
        targetValue: object.target.value ?? "0",
        averageValue: object.target.averageValue,
      }),
    external:
      external &&
      compact({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      }),
  });
}

export function metricFromV1({ type, resource, containerResource, pods, object, external }: V1Metric): MetricSpec {
  return compact<MetricSpec>({
    type,
    resource: resource && { name: resource.name ?? "", target: target(resource.targetAverageUtilization, resource.targetAverageValue, undefined) },
    containerResource: containerResource && {
      name: containerResource.name ?? "",
      container: containerResource.container ?? "",
      target: target(containerResource.targetAverageUtilization, containerResource.targetAverageValue, undefined),
    },
    pods: pods && { metric: compact({ name: pods.metricName ?? "", selector: pods.selector }), target: target(undefined, pods.targetAverageValue, undefined) },
    object: object && {
      describedObject: object.target ?? { kind: "", name: "" },
      metric: compact({ name: object.metricName ?? "", selector: object.selector }),
      target: object.averageValue === undefined ? target(undefined, undefined, object.targetValue) : target(undefined, object.averageValue, undefined),
    },
    external: external && {
      metric: compact({ name: external.metricName ?? "", selector: external.metricSelector }),
      target: target(undefined, external.targetAverageValue, external.targetValue),
    },
  });
}

export function metricStatusToV1({ type, resource, containerResource, pods, object, external }: MetricStatus): V1Metric {
  return compact<V1Metric>({
    type,
    resource:
      resource &&
      compact({
        name: resource.name,
        currentAverageUtilization: resource.current.averageUtilization,
        currentAverageValue: resource.current.averageValue ?? "0",
      }),
    containerResource:
      containerResource &&
      compact({
        name: containerResource.name,
        container: containerResource.container,
        currentAverageUtilization: containerResource.current.averageUtilization,
        currentAverageValue: containerResource.current.averageValue ?? "0",
      }),
    pods: pods && compact({ metricName: pods.metric.name, selector: pods.metric.selector, currentAverageValue: pods.current.averageValue }),
    object:
      object &&
      compact({
        target: object.describedObject,
        metricName: object.metric.name,
        selector: object.metric.selector,
        currentValue: object.current.value ?? "0",
        averageValue: object.current.averageValue,
      }),
    external:
      external &&
      compact({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        currentValue: external.current.value ?? "0",
        currentAverageValue: external.current.averageValue,
      }),
  });
}

export function metricStatusFromV1({ type, resource, containerResource, pods, object, external }: V1Metric): MetricStatus {
  return compact<MetricStatus>({
    type,
    resource: resource && { name: resource.name ?? "", current: current(resource) },
    containerResource: containerResource && {
      name: containerResource.name ?? "",
      container: containerResource.container ?? "",
      current: current(containerResource),
    },
    pods: pods && { metric: compact({ name: pods.metricName ?? "", selector: pods.selector }), current: current(pods) },
    object: object && {
      describedObject: object.target ?? { kind: "", name: "" },
      metric: compact({ name: object.metricName ?? "", selector: object.selector }),
      current: compact({ value: object.currentValue, averageValue: object.averageValue }),
    },
    external: external && { metric: compact({ name: external.metricName ?? "", selector: external.metricSelector }), current: current(external) },
  });
}

function current({ currentAverageUtilization, currentAverageValue, currentValue }: V1Source): NonNullable<MetricStatus["resource"]>["current"] {
  return compact({ averageUtilization: currentAverageUtilization, averageValue: currentAverageValue, value: currentValue });
}
