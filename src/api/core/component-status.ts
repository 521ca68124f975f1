// ComponentStatus: deprecated, computed when asked for, never stored
// (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/component-status-v1/).
import { nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { ComponentCondition, ComponentStatus } from "../generated/types.ts";

function healthy({ conditions }: ComponentStatus): ComponentCondition | undefined {
  return conditions?.find(({ type }) => type === "Healthy");
}

function statusCell(component: ComponentStatus): string {
  const condition = healthy(component);
  if (condition === undefined) return "Unknown";
  return condition.status === "True" ? "Healthy" : "Unhealthy";
}

export const componentStatuses = kind<ComponentStatus>("v1", "ComponentStatus", {
  columns: [
    nameColumn(),
    { name: "Status", type: "string", description: "Whether it is healthy.", value: statusCell },
    { name: "Message", type: "string", description: "What it said.", value: (component) => healthy(component)?.message ?? "" },
    { name: "Error", type: "string", description: "What went wrong.", value: (component) => healthy(component)?.error ?? "" },
  ],
  deprecation: "v1 ComponentStatus is deprecated in v1.19+",
  countsGeneration: false,
});
