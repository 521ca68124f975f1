// HorizontalPodAutoscaler, v2: the stored form (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/).
import type { Mutable } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec, MetricStatus } from "../generated/types.ts";
import type { Column } from "../kind.ts";
import { validateAutoscaler, validateAutoscalerStatusUpdate, validateAutoscalerUpdate } from "./autoscaler-validation.ts";

const SHOWN = 2;
const UNKNOWN = "<unknown>";

/** Scale up at once, by 4 pods or to the double every 15 seconds, whichever is more. */
const SCALE_UP: Mutable<HPAScalingRules> = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
};
const SCALE_DOWN: Mutable<HPAScalingRules> = { selectPolicy: "Max", policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] };

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  if (spec.resource !== undefined) return `${spec.resource.name}: ${resourceText(spec.resource.target, status?.resource?.current)}`;
  if (spec.containerResource !== undefined) {
    return `${spec.containerResource.name}: ${resourceText(spec.containerResource.target, status?.containerResource?.current)}`;
  }
  if (spec.pods !== undefined) return `${status?.pods?.current.averageValue ?? UNKNOWN}/${spec.pods.target.averageValue ?? "0"}`;
  const [source, current] = spec.external === undefined ? [spec.object, status?.object?.current] : [spec.external, status?.external?.current];
  if (source === undefined) return "<unknown type>";
  if (source.target.averageValue !== undefined) return `${current?.averageValue ?? UNKNOWN}/${source.target.averageValue} (avg)`;
  return `${current?.value ?? UNKNOWN}/${source.target.value ?? "0"}`;
}

interface Amount {
  readonly averageValue?: string;
  readonly averageUtilization?: number;
}

function resourceText(target: Amount, current: Amount | undefined): string {
  if (target.averageValue !== undefined) return `${current?.averageValue ?? UNKNOWN}/${target.averageValue}`;
  const now = current?.averageUtilization === undefined ? UNKNOWN : `${current.averageUtilization}%`;
  return `${now}/${target.averageUtilization === undefined ? "<auto>" : `${target.averageUtilization}%`}`;
}

function targetsCell({ spec, status }: HorizontalPodAutoscaler): string {
  const metrics = spec.metrics ?? [];
  if (metrics.length === 0) return "<none>";
  const text = metrics
    .slice(0, SHOWN)
    .map((metric, position) => metricText(metric, status?.currentMetrics?.[position]))
    .join(", ");
  return metrics.length > SHOWN ? `${text} + ${metrics.length - SHOWN} more...` : text;
}

export const autoscalerColumns: readonly Column<HorizontalPodAutoscaler>[] = [
  nameColumn(),
  { name: "Reference", type: "string", description: "What it scales.", value: ({ spec: { scaleTargetRef: target } }) => `${target.kind}/${target.name}` },
  { name: "Targets", type: "string", description: "What its metrics are, and should be.", value: targetsCell },
  {
    name: "MinPods",
    type: "string",
    description: "The fewest pods it leaves.",
    value: ({ spec }) => (spec.minReplicas === undefined ? "<unset>" : String(spec.minReplicas)),
  },
  { name: "MaxPods", type: "string", description: "The most pods it asks for.", value: ({ spec }) => spec.maxReplicas },
  { name: "Replicas", type: "string", description: "How many pods there are.", value: ({ status }) => status?.currentReplicas ?? 0 },
  ageColumn(),
];

export function defaultAutoscaler({ spec }: Mutable<HorizontalPodAutoscaler>): void {
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) {
    spec.metrics = [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } }];
  }
  if (spec.behavior !== undefined) {
    spec.behavior.scaleUp = { ...structuredClone(SCALE_UP), ...spec.behavior.scaleUp };
    spec.behavior.scaleDown = { ...structuredClone(SCALE_DOWN), ...spec.behavior.scaleDown };
  }
}

export const horizontalPodAutoscalers = kind<HorizontalPodAutoscaler>("autoscaling/v2", "HorizontalPodAutoscaler", {
  columns: autoscalerColumns,
  countsGeneration: false,
  defaults: defaultAutoscaler,
  validateCreate: validateAutoscaler,
  validateUpdate: validateAutoscalerUpdate,
  validateStatusUpdate: validateAutoscalerStatusUpdate,
});
