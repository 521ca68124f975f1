// Fills cluster roles that collect the rules of others by label
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles).
import { type ClusterRole, clusterRoles, compileLabelSelector, type PolicyRule } from "../api/index.ts";
import { nothing, type Plan, update } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";
import { canonicalJson } from "./pod-template.ts";

const AGGREGATING = "aggregating";

export interface ObservedClusterRole {
  readonly role: ClusterRole;
  readonly all: readonly ClusterRole[];
}

export function planClusterRole({ role, all }: ObservedClusterRole): Plan {
  const selectors = role.aggregationRule?.clusterRoleSelectors;
  if (selectors === undefined) return nothing;
  const rules: PolicyRule[] = [];
  const known = new Set<string>();
  const sorted = [...all].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const selector of selectors) {
    const compiled = compileLabelSelector(selector);
    for (const other of sorted) {
      if (other.metadata.name === role.metadata.name || !compiled.matches(other.metadata.labels)) continue;
      for (const rule of other.rules ?? []) {
        const text = ruleText(rule);
        if (!known.has(text)) rules.push(rule);
        known.add(text);
      }
    }
  }
  const textOf = (all: readonly PolicyRule[]): string => all.map(ruleText).join();
  if (textOf(role.rules ?? []) === textOf(rules)) return nothing;
  return { actions: [update(clusterRoles, { ...role, rules })] };
}

/** Several roles collect the same rules, and each change of any role makes all of them look again. */
function ruleText(rule: PolicyRule): string {
  let text = ruleTexts.get(rule);
  if (text === undefined) {
    text = canonicalJson(rule);
    ruleTexts.set(rule, text);
  }
  return text;
}
const ruleTexts = new WeakMap<PolicyRule, string>();

export const clusterRoleAggregationController: Controller = controller<ClusterRole, ObservedClusterRole>("clusterrole-aggregation", {
  for: clusterRoles,
  wakes: [
    wake(clusterRoles, (_role, caches) =>
      caches
        .of(clusterRoles)
        .byIndex(AGGREGATING, "")
        .map(({ metadata }) => metadata.name),
    ),
  ],
  index: (caches) => caches.of(clusterRoles).addIndex(AGGREGATING, ({ aggregationRule }) => (aggregationRule === undefined ? [] : [""])),
  observe: (key, caches) => {
    const role = caches.of(clusterRoles).get(key);
    return role?.aggregationRule === undefined ? undefined : { role, all: caches.of(clusterRoles).list() };
  },
  plan: planClusterRole,
});
