// NodeName: a pod that names its node goes there and nowhere else.
import { changedNode, plugin, unresolvable } from "../plugin.ts";

export const nodeName = plugin("NodeName", {
  applies: ({ pod }) => (pod.spec.nodeName ?? "") !== "",
  filter: ({ pod }, node) => (pod.spec.nodeName === node.name ? undefined : unresolvable("node(s) didn't match the requested node name")),
  helpedBy: ["nodeAdded"],
  helps: ({ pod }, event) => changedNode(event)?.metadata.name === pod.spec.nodeName,
});
