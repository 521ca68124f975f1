// What is wrong with the rules of a role, and with what a ClusterRole aggregates.
import { checkLabelSelector } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid, required } from "../field-errors.ts";
import type { AggregationRule, PolicyRule } from "../generated/types.ts";

const isEmpty = (names: readonly string[] | undefined): boolean => names === undefined || names.length === 0;

/** `isNamespaced`: of a Role, which cannot speak of paths outside resources. */
export function checkPolicyRules(rules: readonly PolicyRule[] | undefined, isNamespaced: boolean): FieldError[] {
  return (rules ?? []).flatMap((rule, position) => checkPolicyRule(FieldPath.root("rules").index(position), rule, isNamespaced));
}

function checkPolicyRule(path: FieldPath, rule: PolicyRule, isNamespaced: boolean): FieldError[] {
  const errors = isEmpty(rule.verbs) ? [required(path.child("verbs"), "verbs must contain at least one value")] : [];
  if (!isEmpty(rule.nonResourceURLs)) {
    const at = path.child("nonResourceURLs");
    if (isNamespaced) errors.push(invalid(at, rule.nonResourceURLs, "namespaced rules cannot apply to non-resource URLs"));
    if (!isEmpty(rule.apiGroups) || !isEmpty(rule.resources) || !isEmpty(rule.resourceNames)) {
      errors.push(invalid(at, rule.nonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"));
    }
    return errors;
  }
  if (isEmpty(rule.apiGroups)) errors.push(required(path.child("apiGroups"), "resource rules must supply at least one api group"));
  if (isEmpty(rule.resources)) errors.push(required(path.child("resources"), "resource rules must supply at least one resource"));
  return errors;
}

export function checkAggregationRule(rule: AggregationRule | undefined): FieldError[] {
  if (rule === undefined) return [];
  const path = FieldPath.root("aggregationRule").child("clusterRoleSelectors");
  const selectors = rule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) return [required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")];
  return selectors.flatMap((selector, position) => {
    const errors = checkLabelSelector(path.index(position), selector);
    return errors.length === 0 ? [] : [...errors, invalid(path.index(position), null, "invalid label selector.")];
  });
}
