// What a pod must look like that a kubelet mirrors into the API: its node's own, and naming no other object.
import { type Node, type Pod, referencedObjects } from "../../api/index.ts";

export const MIRROR_POD_ANNOTATION = "kubernetes.io/config.mirror";

export function isMirrorPod({ metadata }: Pod): boolean {
  return metadata.annotations?.[MIRROR_POD_ANNOTATION] !== undefined;
}

/** Why `node` may not create `pod`; undefined when it may. */
export function mirrorPodProblem(pod: Pod, node: Node): string | undefined {
  const name = node.metadata.name;
  if (!isMirrorPod(pod)) return `pod does not have "${MIRROR_POD_ANNOTATION}" annotation, node "${name}" can only create mirror pods`;
  if (pod.spec.nodeName !== name) return `node "${name}" can only create pods with spec.nodeName set to itself`;
  const [owner, ...others] = pod.metadata.ownerReferences ?? [];
  if (others.length > 0) return `node "${name}" can only create pods with a single owner reference set to itself`;
  if (owner === undefined || owner.apiVersion !== "v1" || owner.kind !== "Node" || owner.name !== name) {
    return `node "${name}" can only create pods with an owner reference set to itself`;
  }
  if (owner.controller !== true) return `node "${name}" can only create pods with a controller owner reference set to itself`;
  if (owner.blockOwnerDeletion === true) return `node "${name}" must not set blockOwnerDeletion on an owner reference`;
  if (owner.uid !== node.metadata.uid) return `node ${name} UID mismatch: expected ${owner.uid} got ${node.metadata.uid}`;
  const referenced = referencedObjects(pod);
  return referenced === undefined ? undefined : `node "${name}" can not create pods that reference ${referenced}`;
}
