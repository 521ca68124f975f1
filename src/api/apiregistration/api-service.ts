// APIService (apiregistration.k8s.io/v1): which server answers for a group and version
// (https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { APIService } from "../generated/types.ts";

function availableText({ status }: APIService): string {
  const condition = status?.conditions?.find(({ type }) => type === "Available");
  if (condition === undefined) return "Unknown";
  return condition.status === "True" || (condition.reason ?? "") === "" ? condition.status : `${condition.status} (${condition.reason})`;
}

export const apiServices = kind<APIService>("apiregistration.k8s.io/v1", "APIService", {
  columns: [
    nameColumn(),
    {
      name: "Service",
      type: "string",
      description: "The service that answers; Local is this server.",
      value: ({ spec }) => (spec.service === undefined ? "Local" : `${spec.service.namespace ?? ""}/${spec.service.name ?? ""}`),
    },
    { name: "Available", type: "string", description: "Whether it answers.", value: availableText },
    ageColumn(),
  ],
  defaults: ({ spec }) => {
    if (spec?.service !== undefined) spec.service.port ??= 443;
  },
  requiresResourceVersion: true,
  countsGeneration: false,
});
