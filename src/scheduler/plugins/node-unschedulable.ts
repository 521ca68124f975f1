// NodeUnschedulable: cordoned nodes take only pods that tolerate the taint that stands for it.
import { findUntoleratedTaint, type Node, type Pod } from "../../api/index.ts";
import { changedNode, plugin, unresolvable } from "../plugin.ts";

const CORDON = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

const CORDONED = unresolvable("node(s) were unschedulable");

function toleratesCordon({ spec }: Pod): boolean {
  return findUntoleratedTaint([CORDON], spec.tolerations, [CORDON.effect]) === undefined;
}

function accepts(node: Node | undefined, pod: Pod): boolean {
  return node?.spec.unschedulable !== true || toleratesCordon(pod);
}

export const nodeUnschedulable = plugin("NodeUnschedulable", {
  filter: ({ pod }, { node }) => (accepts(node, pod) ? undefined : CORDONED),
  helpedBy: ["nodeAdded", "nodeUpdated", "podChanged"],
  helps: ({ pod }, event) => {
    if (event.type === "podChanged") return toleratesCordon(event.pod.pod);
    const node = changedNode(event);
    if (node === undefined || !accepts(node, pod)) return false;
    return event.type !== "nodeUpdated" || !accepts(event.old, pod);
  },
});
