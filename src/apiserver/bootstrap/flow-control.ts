// The mandatory objects of API priority and fairness
// (https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#mandatory-configuration-objects).

import { flowSchemas, type Kind, priorityLevelConfigurations } from "../../api/index.ts";
import type { BootstrapObject } from "./bootstrap-object.ts";

const annotations = { "apf.kubernetes.io/autoupdate-spec": "true" };
const EVERYTHING = {
  resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"], clusterScope: true }],
  nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
};

export function mandatoryFlowControl(): (readonly [Kind, BootstrapObject])[] {
  return [
    [priorityLevelConfigurations, level("exempt", { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } })],
    [
      priorityLevelConfigurations,
      level("catch-all", { type: "Limited", limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: "Reject" } } }),
    ],
    [flowSchemas, schema("exempt", 1, ["system:masters"])],
    [flowSchemas, { ...schema("catch-all", 10_000, ["system:unauthenticated", "system:authenticated"], { type: "ByUser" }) }],
  ];
}

function level(name: string, spec: object): BootstrapObject {
  return { metadata: { name, annotations }, spec };
}

function schema(name: string, matchingPrecedence: number, groups: readonly string[], distinguisherMethod?: object): BootstrapObject {
  const subjects = groups.map((group) => ({ kind: "Group", group: { name: group } }));
  const rules = [{ subjects, ...EVERYTHING }];
  return { metadata: { name, annotations }, spec: { priorityLevelConfiguration: { name }, matchingPrecedence, distinguisherMethod, rules } };
}
