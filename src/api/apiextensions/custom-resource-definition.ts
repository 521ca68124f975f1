// CustomResourceDefinition (apiextensions.k8s.io/v1): a resource declared by a user
// (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/).
import { createdAtColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { CustomResourceDefinition } from "../generated/types.ts";

export const customResourceDefinitions = kind<CustomResourceDefinition>("apiextensions.k8s.io/v1", "CustomResourceDefinition", {
  columns: [nameColumn(), createdAtColumn()],
  defaults: (object) => {
    const { spec } = object;
    if (spec === undefined) return;
    if (spec.names !== undefined) {
      spec.names.singular ||= (spec.names.kind ?? "").toLowerCase();
      if ((spec.names.kind ?? "") !== "") spec.names.listKind ||= `${spec.names.kind}List`;
    }
    spec.conversion ??= { strategy: "None" };
    const service = spec.conversion.webhook?.clientConfig?.service;
    if (service !== undefined) service.port ??= 443;
  },
  requiresResourceVersion: true,
});
