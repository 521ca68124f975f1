// TaintToleration: nodes repel pods that do not tolerate their taints
// (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/).
import { findUntoleratedTaint, type Node, type Pod, tolerates } from "../../api/index.ts";
import { changedNode, plugin, SKIP_SCORE, stretch, unresolvable } from "../plugin.ts";

const REPELLING = ["NoSchedule", "NoExecute"];
const DISCOURAGING = "PreferNoSchedule";
const REPELLED = unresolvable("node(s) had untolerated taint(s)");

function repels(node: Node | undefined, pod: Pod): boolean {
  return findUntoleratedTaint(node?.spec.taints, pod.spec.tolerations, REPELLING) !== undefined;
}

export const taintToleration = plugin("TaintToleration", {
  filter: ({ pod }, { node }) => (repels(node, pod) ? REPELLED : undefined),
  preScore: (_pod, _cluster, nodes) => (nodes.some(({ node }) => node?.spec.taints?.some(({ effect }) => effect === DISCOURAGING)) ? undefined : SKIP_SCORE),
  score: ({ pod }, { node }) => {
    let count = 0;
    for (const taint of node?.spec.taints ?? []) {
      if (taint.effect === DISCOURAGING && !(pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint))) count++;
    }
    return count;
  },
  normalize: (scores) => stretch(scores, true),
  helpedBy: ["nodeAdded", "nodeUpdated", "podChanged"],
  helps: ({ pod }, event) => {
    if (event.type === "podChanged") return (event.pod.pod.spec.tolerations ?? []).length !== (event.old.pod.spec.tolerations ?? []).length;
    const node = changedNode(event);
    if (node === undefined || repels(node, pod)) return false;
    return event.type !== "nodeUpdated" || repels(event.old, pod);
  },
});
