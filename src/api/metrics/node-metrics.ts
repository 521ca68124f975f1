// NodeMetrics: how much a node used lately; told by a source, never stored
// (https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/#metrics-api).
import { nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { NodeMetrics } from "../generated/types.ts";

export const nodeMetrics = kind<NodeMetrics>("metrics.k8s.io/v1beta1", "NodeMetrics", {
  columns: [
    nameColumn(),
    { name: "Cpu", type: "string", description: "Cores, on average over the window.", value: ({ usage }) => usage["cpu"] ?? "" },
    { name: "Memory", type: "string", description: "The working set.", value: ({ usage }) => usage["memory"] ?? "" },
    { name: "Window", type: "string", description: "The time that the figures are of.", value: ({ window }) => window },
  ],
  countsGeneration: false,
});
