// HorizontalPodAutoscaler, v1: a view of the v2 form. It knows one metric, the utilization of cpu; what else v2 says travels in
// annotations (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v1/).
import type { Mutable } from "../../base/index.ts";
import { kind } from "../declare.ts";
import type { AutoscalingHorizontalPodAutoscaler, HorizontalPodAutoscaler, MetricSpec, MetricStatus } from "../generated/types.ts";
import type { KubeObject } from "../object.ts";
import { validateAutoscaler, validateAutoscalerStatusUpdate, validateAutoscalerUpdate } from "./autoscaler-validation.ts";
import { autoscalerColumns, horizontalPodAutoscalers } from "./horizontal-pod-autoscaler.ts";
import { metricFromV1, metricStatusFromV1, metricStatusToV1, metricToV1, type V1Metric } from "./metrics-v1.ts";

const ANNOTATIONS = {
  metrics: "autoscaling.alpha.kubernetes.io/metrics",
  currentMetrics: "autoscaling.alpha.kubernetes.io/current-metrics",
  conditions: "autoscaling.alpha.kubernetes.io/conditions",
  behavior: "autoscaling.alpha.kubernetes.io/behavior",
  scaleDownTolerance: "autoscaling.alpha.kubernetes.io/scale-down-tolerance",
  scaleUpTolerance: "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
} as const;
const DEFAULT_UTILIZATION = 80;

function cpuUtilization({ resource }: MetricSpec): number | undefined {
  return resource?.name === "cpu" ? resource.target.averageUtilization : undefined;
}

/** The JSON an annotation holds; undefined when there is none or it is broken, as a client may have written it. */
function fromAnnotation<T>(object: KubeObject, key: string): T | undefined {
  const text = object.metadata.annotations?.[key];
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function otherAnnotations(object: KubeObject): Record<string, string> {
  const ours: readonly string[] = Object.values(ANNOTATIONS);
  return Object.fromEntries(Object.entries(object.metadata.annotations ?? {}).filter(([key]) => !ours.includes(key)));
}

function withAnnotations(object: KubeObject, annotations: Readonly<Record<string, string>>): KubeObject["metadata"] {
  const { annotations: _replaced, ...metadata } = object.metadata;
  return Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations };
}

/** The v2 form of a v1 object. */
export function autoscalerFromV1(object: AutoscalingHorizontalPodAutoscaler): HorizontalPodAutoscaler {
  const { targetCPUUtilizationPercentage: target, ...spec } = object.spec;
  const { currentCPUUtilizationPercentage: current, ...status } = object.status ?? { currentReplicas: 0, desiredReplicas: 0 };
  const metrics: MetricSpec[] = (fromAnnotation<V1Metric[]>(object, ANNOTATIONS.metrics) ?? []).map(metricFromV1);
  if (target !== undefined || metrics.length === 0) {
    metrics.push({ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: target ?? DEFAULT_UTILIZATION } } });
  }
  const cpu: MetricStatus[] = current === undefined ? [] : [{ type: "Resource", resource: { name: "cpu", current: { averageUtilization: current } } }];
  const currentMetrics = fromAnnotation<V1Metric[]>(object, ANNOTATIONS.currentMetrics)?.map(metricStatusFromV1) ?? cpu;
  const conditions = fromAnnotation<NonNullable<HorizontalPodAutoscaler["status"]>["conditions"]>(object, ANNOTATIONS.conditions);
  const behavior = fromAnnotation<HorizontalPodAutoscaler["spec"]["behavior"]>(object, ANNOTATIONS.behavior);
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: withAnnotations(object, otherAnnotations(object)),
    spec: { ...spec, metrics, ...(behavior === undefined ? {} : { behavior }) },
    ...(object.status === undefined && conditions === undefined && currentMetrics.length === 0
      ? {}
      : { status: { ...status, ...(currentMetrics.length === 0 ? {} : { currentMetrics }), ...(conditions === undefined ? {} : { conditions }) } }),
  };
}

/** The v1 view of a v2 object. */
export function autoscalerToV1(object: HorizontalPodAutoscaler): AutoscalingHorizontalPodAutoscaler {
  const { metrics = [], behavior, ...spec } = object.spec;
  const { currentMetrics = [], conditions = [], ...status } = object.status ?? { desiredReplicas: 0 };
  const target = metrics.map(cpuUtilization).find((utilization) => utilization !== undefined);
  const current = currentMetrics.find(({ resource }) => resource?.name === "cpu" && resource.current.averageUtilization !== undefined);
  const others = metrics.filter((metric) => cpuUtilization(metric) === undefined);
  const annotations = otherAnnotations(object);
  if (others.length > 0) annotations[ANNOTATIONS.metrics] = JSON.stringify(others.map(metricToV1));
  if (currentMetrics.length > 0) annotations[ANNOTATIONS.currentMetrics] = JSON.stringify(currentMetrics.map(metricStatusToV1));
  if (conditions.length > 0) annotations[ANNOTATIONS.conditions] = JSON.stringify(conditions);
  if (behavior !== undefined) annotations[ANNOTATIONS.behavior] = JSON.stringify(behavior);
  const utilization = current?.resource?.current.averageUtilization;
  return {
    apiVersion: "autoscaling/v1",
    kind: "HorizontalPodAutoscaler",
    metadata: withAnnotations(object, annotations),
    spec: { ...spec, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    ...(object.status === undefined
      ? {}
      : { status: { currentReplicas: 0, ...status, ...(utilization === undefined ? {} : { currentCPUUtilizationPercentage: utilization }) } }),
  };
}

export const horizontalPodAutoscalersV1 = kind<AutoscalingHorizontalPodAutoscaler>("autoscaling/v1", "HorizontalPodAutoscaler", {
  columns: autoscalerColumns.map((column) => ({ ...column, value: (object, now) => column.value(autoscalerFromV1(object), now) })),
  countsGeneration: false,
  defaults({ spec }: Mutable<AutoscalingHorizontalPodAutoscaler>): void {
    spec.minReplicas ??= 1;
  },
  validateCreate: (object) => validateAutoscaler(autoscalerFromV1(object)),
  validateUpdate: (object, old) => validateAutoscalerUpdate(autoscalerFromV1(object), autoscalerFromV1(old)),
  validateStatusUpdate: (object, old) => validateAutoscalerStatusUpdate(autoscalerFromV1(object), autoscalerFromV1(old)),
  storedAs: {
    kind: () => horizontalPodAutoscalers,
    toStored: autoscalerFromV1,
    fromStored: (object) => autoscalerToV1(object as HorizontalPodAutoscaler),
  },
});
