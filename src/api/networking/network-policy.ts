// NetworkPolicy (networking.k8s.io/v1): which traffic pods accept and send (https://kubernetes.io/docs/concepts/services-networking/network-policies/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { LabelSelector, NetworkPolicy } from "../generated/types.ts";
import { validateNetworkPolicy } from "./network-policy-validation.ts";

/** Requirements as `kubectl -l` takes them, in alphabetical order of the keys. */
function selectorText(selector: LabelSelector | undefined): string {
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([key, value]): [string, string] => [key, `${key}=${value}`]);
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }): [string, string] => {
    if (operator === "Exists") return [key, key];
    if (operator === "DoesNotExist") return [key, `!${key}`];
    return [key, `${key} ${operator === "In" ? "in" : "notin"} (${[...values].sort().join(",")})`];
  });
  const requirements = [...labels, ...expressions].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return requirements.length === 0 ? "<none>" : requirements.map(([, text]) => text).join(",");
}

export const networkPolicies = kind<NetworkPolicy>("networking.k8s.io/v1", "NetworkPolicy", {
  columns: [
    nameColumn(),
    { name: "Pod-Selector", type: "string", description: "The pods the policy applies to.", value: ({ spec }) => selectorText(spec.podSelector) },
    ageColumn(),
  ],
  defaults: ({ spec }) => {
    if (spec === undefined) return;
    if ((spec.policyTypes ?? []).length === 0) spec.policyTypes = (spec.egress ?? []).length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
    for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
      for (const port of rule.ports ?? []) port.protocol ??= "TCP";
    }
  },
  validateCreate: validateNetworkPolicy,
  validateUpdate: validateNetworkPolicy,
});
