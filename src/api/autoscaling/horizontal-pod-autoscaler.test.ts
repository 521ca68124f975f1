import { describe, expect, test } from "vitest";
import { type Mutable, mutableCopy } from "../../base/types.ts";
import { fieldErrorText } from "../field-errors.ts";
import type { HorizontalPodAutoscaler, MetricSpec } from "../generated/types.ts";
import { validateAutoscaler } from "./autoscaler-validation.ts";
import { horizontalPodAutoscalers } from "./horizontal-pod-autoscaler.ts";
import { autoscalerFromV1, autoscalerToV1, horizontalPodAutoscalersV1 } from "./horizontal-pod-autoscaler-v1.ts";

type Spec = Mutable<HorizontalPodAutoscaler["spec"]>;

function autoscaler(change: (spec: Spec) => void = () => undefined): Mutable<HorizontalPodAutoscaler> {
  const object = mutableCopy<HorizontalPodAutoscaler>({
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "h", namespace: "default" },
    spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" }, maxReplicas: 5 },
  });
  change(object.spec);
  horizontalPodAutoscalers.declaration.defaults?.(object);
  return object;
}

const metrics: readonly MetricSpec[] = [
  { type: "Resource", resource: { name: "memory", target: { type: "AverageValue", averageValue: "10Mi" } } },
  { type: "ContainerResource", containerResource: { name: "cpu", container: "a", target: { type: "Utilization", averageUtilization: 50 } } },
  { type: "Pods", pods: { metric: { name: "requests" }, target: { type: "AverageValue", averageValue: "5" } } },
  { type: "External", external: { metric: { name: "queue", selector: { matchLabels: { a: "b" } } }, target: { type: "Value", value: "30" } } },
  { type: "Object", object: { describedObject: { kind: "Ingress", name: "i" }, metric: { name: "hits" }, target: { type: "Value", value: "2k" } } },
];

describe("autoscalers", () => {
  test("aim at 80% of cpu unless told otherwise", () => {
    expect(autoscaler().spec).toMatchObject({
      minReplicas: 1,
      metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } }],
    });
    expect(validateAutoscaler(autoscaler())).toEqual([]);
  });

  test.each<[string, (spec: Spec) => void, string[]]>([
    [
      "no largest number",
      (spec) => {
        spec.maxReplicas = 0;
      },
      [
        "spec.maxReplicas: Required value: must be set and greater than 0",
        "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
      ],
    ],
    [
      "nothing to scale",
      (spec) => {
        spec.scaleTargetRef = { kind: "", name: "a/b" };
      },
      [
        "spec.scaleTargetRef.kind: Required value",
        "spec.scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'",
        'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
      ],
    ],
    [
      "a metric of another type",
      (spec) => {
        spec.metrics = [{ type: "Pods", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 1 } } }];
      },
      [
        "spec.metrics[0].pods: Required value: must populate information for the given metric source",
        "spec.metrics[0].resource: Forbidden: must populate the given metric source only",
      ],
    ],
    [
      "a window of more than an hour",
      (spec) => {
        spec.behavior = { scaleDown: { stabilizationWindowSeconds: 3601 } };
      },
      ["spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600"],
    ],
  ])("with %s", (_what, change, expected) => {
    expect(validateAutoscaler(autoscaler(change)).map(fieldErrorText)).toEqual(expected);
  });

  test("show what their metrics are and should be", () => {
    const object = autoscaler((spec) => {
      spec.metrics = mutableCopy(metrics) as Spec["metrics"];
    });
    const row = horizontalPodAutoscalers.declaration.columns.map((column) => column.value(object, 0));
    expect(row).toEqual(["h", "Deployment/web", "memory: <unknown>/10Mi, cpu: <unknown>/50% + 3 more...", "1", 5, 0, "<unknown>"]);
  });

  test("go through v1 and back unchanged", () => {
    const object = autoscaler((spec) => {
      spec.metrics = mutableCopy(metrics) as Spec["metrics"];
      spec.behavior = { scaleUp: { stabilizationWindowSeconds: 5 } };
    });
    object.metadata.annotations = { mine: "kept" };
    const v1 = autoscalerToV1(object);
    expect(v1.spec).toEqual({ scaleTargetRef: object.spec.scaleTargetRef, maxReplicas: 5, minReplicas: 1 });
    expect(autoscalerFromV1(v1)).toEqual(object);
  });

  test("of v1 know the utilization of cpu", () => {
    const { storedAs } = horizontalPodAutoscalersV1.declaration;
    const v1 = { ...autoscalerToV1(autoscaler()), status: { currentReplicas: 2, desiredReplicas: 3, currentCPUUtilizationPercentage: 40 } };
    expect(v1.spec.targetCPUUtilizationPercentage).toBe(80);
    const stored = storedAs?.toStored(v1) as HorizontalPodAutoscaler;
    expect(stored.status).toMatchObject({ currentReplicas: 2, currentMetrics: [{ resource: { name: "cpu", current: { averageUtilization: 40 } } }] });
    expect(storedAs?.kind()).toBe(horizontalPodAutoscalers);
  });
});
