// NodeUnschedulable: cordoned nodes take only pods that tolerate the taint that stands for it.
import { findUntoleratedTaint, type Node, type Pod } from "../../api/index.ts";
import { changedNode, plugin, unresolvable } from "../plugin.ts";

const CORDON = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

function accepts(node: Node | undefined, pod: Pod): boolean {
  return node?.spec.unschedulable !== true || findUntoleratedTaint([CORDON], pod.spec.tolerations, [CORDON.effect]) === undefined;
}

export const nodeUnschedulable = plugin("NodeUnschedulable", {
  filter: ({ pod }, { node }) => (accepts(node, pod) ? undefined : unresolvable("node(s) were unschedulable")),
  helps: ({ pod }, event) => {
    const node = changedNode(event);
    if (node === undefined || !accepts(node, pod)) return false;
    return event.type !== "nodeUpdated" || !accepts(event.old, pod);
  },
});
