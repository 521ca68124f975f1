// The pods of each node, as the controllers look them up that follow nodes.
import { type Node, nodes, objectKey, type Pod, pods } from "../api/index.ts";
import { type Caches, type Wake, wake } from "./controller.ts";

const NODE_INDEX = "node";

/** Must be called before the pods of a node are asked for. */
export function indexPodsByNode(caches: Caches): void {
  caches.of(pods).addIndex(NODE_INDEX, ({ spec }) => [spec.nodeName ?? ""]);
}

export function podsOnNode(caches: Caches, nodeName: string): Pod[] {
  return caches.of(pods).byIndex(NODE_INDEX, nodeName);
}

/** Wakes the pods of a node that came, went, or changed in a way that matters to them. */
export function wakePodsOfNode(relevant: (node: Node, old: Node) => boolean): Wake {
  return wake(nodes, ({ metadata }, caches) => podsOnNode(caches, metadata.name).map(objectKey), relevant);
}
