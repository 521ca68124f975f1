// TaintToleration: nodes repel pods that do not tolerate their taints
// (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/).
import { findUntoleratedTaint, type Node, type Pod, tolerates } from "../../api/index.ts";
import { changedNode, plugin, stretch, unresolvable } from "../plugin.ts";

const REPELLING = ["NoSchedule", "NoExecute"];
const DISCOURAGING = "PreferNoSchedule";

function repels(node: Node | undefined, pod: Pod): boolean {
  return findUntoleratedTaint(node?.spec.taints, pod.spec.tolerations, REPELLING) !== undefined;
}

export const taintToleration = plugin("TaintToleration", {
  filter: ({ pod }, { node }) => (repels(node, pod) ? unresolvable("node(s) had untolerated taint(s)") : undefined),
  score: ({ pod }, { node }) => {
    const discouraging = (node?.spec.taints ?? []).filter(({ effect }) => effect === DISCOURAGING);
    return discouraging.filter((taint) => !(pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint))).length;
  },
  normalize: (scores) => stretch(scores, true),
  helps: ({ pod }, event) => {
    const node = changedNode(event);
    if (node === undefined || repels(node, pod)) return false;
    return event.type !== "nodeUpdated" || repels(event.old, pod);
  },
});
