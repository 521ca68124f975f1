// Which nodes a pod's node selector and required node affinity accept
// (https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/). Terms are alternatives; within a term all must hold; an empty term accepts nothing.
import type { Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod } from "../generated/types.ts";

/** Whole numbers as `Gt` and `Lt` compare them: 64 bits. */
function asInteger(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.replace("+", ""));
  return value >= -(2n ** 63n) && value < 2n ** 63n ? value : undefined;
}

function requirementMatches({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
    case "Lt": {
      const actual = asInteger(value);
      const bound = asInteger(values[0]);
      if (actual === undefined || bound === undefined) return false;
      return operator === "Gt" ? actual > bound : actual < bound;
    }
    default:
      return false;
  }
}

/** Keys come from users: they never reach what objects inherit. */
function ownValue(map: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Tells whether the term accepts the node. */
export function nodeSelectorTermMatches(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  const fields: Readonly<Record<string, string>> = { "metadata.name": node.metadata.name };
  return (
    matchExpressions.every((requirement) => requirementMatches(requirement, ownValue(labels, requirement.key))) &&
    matchFields.every((requirement) => requirementMatches(requirement, ownValue(fields, requirement.key)))
  );
}

/** Tells whether one of the selector's terms accepts the node. */
export function nodeSelectorMatches(selector: NodeSelector, node: Node): boolean {
  return selector.nodeSelectorTerms.some((term) => nodeSelectorTermMatches(term, node));
}

/** Tells whether the pod's `nodeSelector` and required node affinity accept the node. */
export function podMatchesNode(pod: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => ownValue(labels, key) === value)) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || nodeSelectorMatches(required, node);
}
