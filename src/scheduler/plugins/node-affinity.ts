// NodeAffinity: the pod's node selector and node affinity, required and preferred
// (https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/).
import { nodeSelectorTermMatches, podMatchesNode } from "../../api/index.ts";
import { changedNode, plugin, stretch, unresolvable } from "../plugin.ts";

export const nodeAffinity = plugin("NodeAffinity", {
  applies: ({ pod }) => pod.spec.nodeSelector !== undefined || pod.spec.affinity?.nodeAffinity !== undefined,
  filter: ({ pod }, { node }) =>
    node !== undefined && podMatchesNode(pod, node) ? undefined : unresolvable("node(s) didn't match Pod's node affinity/selector"),
  score: ({ pod }, { node }) => {
    const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return preferred.reduce((sum, { weight, preference }) => sum + (node !== undefined && nodeSelectorTermMatches(preference, node) ? weight : 0), 0);
  },
  normalize: (scores) => stretch(scores),
  helps: ({ pod }, event) => {
    const node = changedNode(event);
    if (node === undefined || !podMatchesNode(pod, node)) return false;
    return event.type !== "nodeUpdated" || !podMatchesNode(pod, event.old);
  },
});
