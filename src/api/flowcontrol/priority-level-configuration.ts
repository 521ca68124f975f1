// PriorityLevelConfiguration (flowcontrol.apiserver.k8s.io/v1): how many requests of a priority run at once
// (https://kubernetes.io/docs/concepts/cluster-administration/flow-control/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { PriorityLevelConfiguration, QueuingConfiguration } from "../generated/types.ts";
import { validatePriorityLevel } from "./flow-control-validation.ts";

function queuing({ spec }: PriorityLevelConfiguration, field: keyof QueuingConfiguration): number | string {
  const settings = spec.limited?.limitResponse?.queuing;
  return settings === undefined ? "<none>" : (settings[field] ?? 0);
}

export const priorityLevelConfigurations = kind<PriorityLevelConfiguration>("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", {
  columns: [
    nameColumn(),
    { name: "Type", type: "string", description: "Exempt or Limited.", value: ({ spec }) => spec.type ?? "" },
    {
      name: "NominalConcurrencyShares",
      type: "string",
      description: "Its share of the seats.",
      value: ({ spec }) => (spec.limited === undefined ? "<none>" : (spec.limited.nominalConcurrencyShares ?? 0)),
    },
    { name: "Queues", type: "string", description: "How many queues wait.", value: (object) => queuing(object, "queues") },
    { name: "HandSize", type: "string", description: "How many queues a flow may use.", value: (object) => queuing(object, "handSize") },
    { name: "QueueLengthLimit", type: "string", description: "How long a queue may grow.", value: (object) => queuing(object, "queueLengthLimit") },
    ageColumn(),
  ],
  defaults: ({ spec }) => {
    if (spec?.exempt !== undefined) {
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
    if (spec?.limited !== undefined) {
      spec.limited.nominalConcurrencyShares ??= 30;
      spec.limited.lendablePercent ??= 0;
      const settings = spec.limited.limitResponse?.queuing;
      if (settings !== undefined) {
        settings.handSize ||= 8;
        settings.queues ||= 64;
        settings.queueLengthLimit ||= 50;
      }
    }
  },
  validateCreate: validatePriorityLevel,
  validateUpdate: validatePriorityLevel,
});
