// PodMetrics: how much each container of a pod used lately; told by a source, never stored
// (https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/#metrics-api).
import { Quantity, tryParseQuantity } from "../../base/index.ts";
import { nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { PodMetrics } from "../generated/types.ts";

/** What the containers use together. */
function total({ containers }: PodMetrics, resource: string): string {
  return containers.reduce((sum, { usage }) => sum.add(tryParseQuantity(usage[resource] ?? "") ?? Quantity.zero), Quantity.zero).toString();
}

export const podMetrics = kind<PodMetrics>("metrics.k8s.io/v1beta1", "PodMetrics", {
  columns: [
    nameColumn(),
    { name: "Cpu", type: "string", description: "Cores of all containers, on average over the window.", value: (object) => total(object, "cpu") },
    { name: "Memory", type: "string", description: "The working set of all containers.", value: (object) => total(object, "memory") },
    { name: "Window", type: "string", description: "The time that the figures are of.", value: ({ window }) => window },
  ],
  countsGeneration: false,
});
