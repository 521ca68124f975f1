// FlowSchema (flowcontrol.apiserver.k8s.io/v1): which requests belong to which priority level
// (https://kubernetes.io/docs/concepts/cluster-administration/flow-control/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { FlowSchema } from "../generated/types.ts";
import { validateFlowSchema } from "./flow-control-validation.ts";

export const flowSchemas = kind<FlowSchema>("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", {
  columns: [
    nameColumn(),
    {
      name: "PriorityLevel",
      type: "string",
      description: "The priority level of matching requests.",
      value: ({ spec }) => spec.priorityLevelConfiguration?.name ?? "",
    },
    { name: "MatchingPrecedence", type: "string", description: "The lowest number that matches wins.", value: ({ spec }) => spec.matchingPrecedence ?? 0 },
    { name: "DistinguisherMethod", type: "string", description: "How flows are told apart.", value: ({ spec }) => spec.distinguisherMethod?.type ?? "<none>" },
    ageColumn(),
    {
      name: "MissingPL",
      type: "string",
      description: "Whether the priority level is missing.",
      value: ({ status }) => status?.conditions?.find(({ type }) => type === "Dangling")?.status ?? "?",
    },
  ],
  defaults: ({ spec }) => {
    if (spec !== undefined) spec.matchingPrecedence ||= 1000;
  },
  validateCreate: validateFlowSchema,
  validateUpdate: validateFlowSchema,
});
