// NodeAffinity: the pod's node selector and node affinity, required and preferred, and what a profile adds to them for all its pods
// (https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/, https://kubernetes.io/docs/reference/scheduling/config/).
import { type Node, type NodeAffinity, nodeSelectorMatches, nodeSelectorTermMatches, type PreferredSchedulingTerm, podMatchesNode } from "../../api/index.ts";
import { changedNode, type Plugin, PreFilterVerdict, plugin, SKIP_SCORE, stretch, unresolvable } from "../plugin.ts";
import type { PodInfo } from "../pod-info.ts";

export interface NodeAffinityArgs {
  /** Holds for every pod of the profile, beside its own. */
  readonly addedAffinity?: NodeAffinity;
}

const NOT_ENFORCED = unresolvable("node(s) didn't match scheduler-enforced node affinity");
const NO_MATCH = unresolvable("node(s) didn't match Pod's node affinity/selector");

/** The nodes that the pod names outright; undefined when it leaves any open. */
function namedNodes({ pod }: PodInfo): ReadonlySet<string> | undefined {
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (terms.length === 0) return undefined;
  const all = new Set<string>();
  for (const { matchFields = [] } of terms) {
    const lists = matchFields.filter(({ key, operator }) => key === "metadata.name" && operator === "In").map(({ values = [] }) => values);
    const [first, ...rest] = lists;
    if (first === undefined) return undefined;
    for (const name of first) if (rest.every((names) => names.includes(name))) all.add(name);
  }
  return all;
}

function prepareFilter(pod: PodInfo): PreFilterVerdict | undefined {
  const names = namedNodes(pod);
  if (names === undefined) return undefined;
  return names.size === 0 ? PreFilterVerdict.reject(unresolvable("pod affinity terms conflict")) : PreFilterVerdict.only(names);
}

export function createNodeAffinity({ addedAffinity }: NodeAffinityArgs = {}): Plugin {
  const required = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const added = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const isEnforced = (node: Node): boolean => required === undefined || nodeSelectorMatches(required, node);
  const isChoosy = ({ pod: { spec } }: PodInfo): boolean =>
    required !== undefined || spec.nodeSelector !== undefined || spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined;
  return plugin<undefined | readonly PreferredSchedulingTerm[]>("NodeAffinity", {
    preFilter: (pod) => (isChoosy(pod) ? prepareFilter(pod) : PreFilterVerdict.skip),
    filter: ({ pod }, { node }) => {
      if (node === undefined || !isEnforced(node)) return NOT_ENFORCED;
      return podMatchesNode(pod, node) ? undefined : NO_MATCH;
    },
    preScore: ({ pod }) => {
      const preferred = [...added, ...(pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])];
      return preferred.length === 0 ? SKIP_SCORE : preferred;
    },
    score: (_pod, { node }, preferred = []) =>
      preferred.reduce((sum, { weight, preference }) => sum + (node !== undefined && nodeSelectorTermMatches(preference, node) ? weight : 0), 0),
    normalize: (scores) => stretch(scores),
    helpedBy: ["nodeAdded", "nodeUpdated"],
    helps: ({ pod }, event) => {
      const node = changedNode(event);
      const isWanted = (candidate: Node): boolean => isEnforced(candidate) && podMatchesNode(pod, candidate);
      return node !== undefined && isWanted(node) && (event.type !== "nodeUpdated" || !isWanted(event.old));
    },
  });
}
