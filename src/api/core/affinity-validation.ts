// Where a pod may and would rather run: node selectors, affinity, spreading, tolerations
// (https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/).
import { checkLabelKey, checkLabelSelector, checkOneOf, checkPositive, checkText, problemsAt } from "../field-checks.ts";
import { duplicate, type FieldError, type FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type {
  Affinity,
  LabelSelector,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from "../generated/types.ts";
import { checkDnsLabel, checkDnsSubdomain, checkLabelValue } from "../names.ts";

const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution";
const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

export function checkTaintEffect(path: FieldPath, effect: string): FieldError[] {
  return checkOneOf(path, effect, EFFECTS);
}

function checkRequirement(path: FieldPath, { key, operator, values = [] }: NodeSelectorRequirement, checkValues: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const at = path.child("values");
  switch (operator) {
    case "In":
    case "NotIn":
      if (values.length === 0) errors.push(required(at, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case "Exists":
    case "DoesNotExist":
      if (values.length > 0) errors.push(forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      break;
    case "Gt":
    case "Lt":
      if (values.length !== 1) errors.push(required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
      break;
    default:
      errors.push(invalid(path.child("operator"), operator, "not a valid selector operator"));
  }
  errors.push(...checkLabelKey(path.child("key"), key));
  if (checkValues) errors.push(...values.flatMap((value, position) => checkText(at.index(position), value, checkLabelValue)));
  return errors;
}

function checkFieldRequirement(path: FieldPath, { key, operator, values = [] }: NodeSelectorRequirement): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== "In" && operator !== "NotIn") errors.push(invalid(path.child("operator"), operator, "not a valid selector operator"));
  else if (values.length !== 1) {
    errors.push(required(path.child("values"), "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"));
  }
  if (key !== "metadata.name") return [...errors, invalid(path.child("key"), key, "not a valid field selector key")];
  return [...errors, ...values.flatMap((value, position) => checkText(path.child("values").index(position), value, checkDnsSubdomain))];
}

function checkTerm(path: FieldPath, term: NodeSelectorTerm, checkValues: boolean): FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((item, position) => checkRequirement(path.child("matchExpressions").index(position), item, checkValues)),
    ...(term.matchFields ?? []).flatMap((item, position) => checkFieldRequirement(path.child("matchFields").index(position), item)),
  ];
}

export function checkNodeSelector(path: FieldPath, selector: NodeSelector): FieldError[] {
  const at = path.child("nodeSelectorTerms");
  if (selector.nodeSelectorTerms.length === 0) return [required(at, "must have at least one node selector term")];
  return selector.nodeSelectorTerms.flatMap((term, position) => checkTerm(at.index(position), term, true));
}

function checkWeight(path: FieldPath, weight: number): FieldError[] {
  return weight > 0 && weight <= 100 ? [] : [invalid(path, weight, "must be in the range 1-100")];
}

function checkKeys(path: FieldPath, keys: readonly string[], selector: LabelSelector | undefined): FieldError[] {
  if (keys.length === 0) return [];
  if (selector === undefined) return [forbidden(path, "must not be specified when labelSelector is not set")];
  return keys.flatMap((key, position) => checkLabelKey(path.index(position), key));
}

/** Label keys whose values come from the pod; the server has merged them into the selector, once each. */
function checkMatchLabelKeys(path: FieldPath, match: readonly string[], mismatch: readonly string[], selector: LabelSelector | undefined): FieldError[] {
  const errors = [...checkKeys(path.child("matchLabelKeys"), match, selector), ...checkKeys(path.child("mismatchLabelKeys"), mismatch, selector)];
  const seen = new Set(Object.keys(selector?.matchLabels ?? {}));
  for (const { key } of selector?.matchExpressions ?? []) {
    if (match.includes(key) && seen.has(key)) errors.push(invalid(path.index(match.indexOf(key)), key, "exists in both matchLabelKeys and labelSelector"));
    seen.add(key);
  }
  for (const [position, key] of match.entries()) {
    if (mismatch.includes(key)) errors.push(invalid(path.child("matchLabelKeys").index(position), key, "exists in both matchLabelKeys and mismatchLabelKeys"));
  }
  return errors;
}

function checkPodTerm(path: FieldPath, term: PodAffinityTerm): FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], matchLabelKeys = [], mismatchLabelKeys = [], topologyKey } = term;
  return [
    ...checkLabelSelector(path.child("labelSelector"), labelSelector),
    ...checkLabelSelector(path.child("namespaceSelector"), namespaceSelector),
    ...namespaces.flatMap((name) => checkText(path.child("namespace"), name, checkDnsLabel)),
    ...checkMatchLabelKeys(path, matchLabelKeys, mismatchLabelKeys, labelSelector),
    ...(topologyKey ? [] : [required(path.child("topologyKey"), "can not be empty")]),
    ...checkLabelKey(path.child("topologyKey"), topologyKey),
  ];
}

function checkPodAffinity(path: FieldPath, affinity: PodAffinity | undefined): FieldError[] {
  return [
    ...(affinity?.[REQUIRED] ?? []).flatMap((term, position) => checkPodTerm(path.child(REQUIRED).index(position), term)),
    ...(affinity?.[PREFERRED] ?? []).flatMap(({ weight, podAffinityTerm }, position) => {
      const at = path.child(PREFERRED).index(position);
      return [...checkWeight(at.child("weight"), weight), ...checkPodTerm(at.child("podAffinityTerm"), podAffinityTerm)];
    }),
  ];
}

export function checkAffinity(path: FieldPath, affinity: Affinity | undefined): FieldError[] {
  const node = path.child("nodeAffinity");
  const nodeRequired = affinity?.nodeAffinity?.[REQUIRED];
  return [
    ...(nodeRequired === undefined ? [] : checkNodeSelector(node.child(REQUIRED), nodeRequired)),
    ...(affinity?.nodeAffinity?.[PREFERRED] ?? []).flatMap(({ weight, preference }, position) => {
      const at = node.child(PREFERRED).index(position);
      return [...checkWeight(at.child("weight"), weight), ...checkTerm(at.child("preference"), preference, false)];
    }),
    ...checkPodAffinity(path.child("podAffinity"), affinity?.podAffinity),
    ...checkPodAffinity(path.child("podAntiAffinity"), affinity?.podAntiAffinity),
  ];
}

export function checkTopologySpread(path: FieldPath, constraints: readonly TopologySpreadConstraint[] | undefined): FieldError[] {
  const all = constraints ?? [];
  return all.flatMap((constraint, position) => {
    const at = path.index(position);
    const { topologyKey, whenUnsatisfiable, minDomains } = constraint;
    const errors = checkPositive(at.child("maxSkew"), constraint.maxSkew);
    if (!topologyKey) errors.push(required(at.child("topologyKey"), "can not be empty"));
    errors.push(...checkOneOf(at.child("whenUnsatisfiable"), whenUnsatisfiable, ["DoNotSchedule", "ScheduleAnyway"]));
    if (all.slice(position + 1).some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable)) {
      errors.push(duplicate(at.child("{topologyKey, whenUnsatisfiable}"), `{${topologyKey}, ${whenUnsatisfiable}}`));
    }
    if (minDomains !== undefined) {
      errors.push(...checkPositive(at.child("minDomains"), minDomains));
      if (whenUnsatisfiable !== "DoNotSchedule") {
        errors.push(invalid(at.child("minDomains"), minDomains, `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`));
      }
    }
    errors.push(
      ...checkOneOf(at.child("nodeAffinityPolicy"), constraint.nodeAffinityPolicy, ["Honor", "Ignore"]),
      ...checkOneOf(at.child("nodeTaintsPolicy"), constraint.nodeTaintsPolicy, ["Honor", "Ignore"]),
      ...checkMatchLabelKeys(at, constraint.matchLabelKeys ?? [], [], constraint.labelSelector),
      ...checkLabelSelector(at.child("labelSelector"), constraint.labelSelector),
    );
    return errors;
  });
}

function checkTolerationOperator(path: FieldPath, operator: string, value: string): FieldError[] {
  if (operator === "Equal" || operator === "") {
    const problems = checkLabelValue(value);
    return problems.length === 0 ? [] : problemsAt(path, value, [problems.join(";")]);
  }
  if (operator === "Exists") return value === "" ? [] : [invalid(path, value, "value must be empty when `operator` is 'Exists'")];
  const comparing = operator === "Lt" || operator === "Gt";
  return [notSupported(path, operator, comparing ? ["Equal", "Exists", "Lt", "Gt"] : ["Equal", "Exists"])];
}

export function checkTolerations(path: FieldPath, tolerations: readonly Toleration[] | undefined): FieldError[] {
  return (tolerations ?? []).flatMap(({ key = "", operator = "", value = "", effect = "", tolerationSeconds }, position) => {
    const at = path.index(position);
    const errors = key === "" ? [] : checkLabelKey(at.child("key"), key);
    if (key === "" && operator !== "Exists") {
      errors.push(invalid(at.child("operator"), operator, 'operator must be Exists when `key` is empty, which means "match all values and all keys"'));
    }
    if (tolerationSeconds !== undefined && effect !== "NoExecute") {
      errors.push(invalid(at.child("effect"), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    errors.push(...checkTolerationOperator(at.child("operator"), operator, value));
    if (effect !== "") errors.push(...checkTaintEffect(at.child("effect"), effect));
    return errors;
  });
}
