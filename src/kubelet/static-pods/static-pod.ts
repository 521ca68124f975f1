// Pods that a node runs of its own accord, from files (https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/), and
// their mirrors: pods that the kubelet makes in the API so that the others can see them.
import { isMirrorPod, type Pod } from "../../api/index.ts";
import { podName, podNamespace } from "../pods/pod-spec.ts";

/** The hash of the manifest, which is the static pod's UID unless the manifest has one. */
export const CONFIG_HASH = "kubernetes.io/config.hash";
/** Where the pod came from: `file`. */
export const CONFIG_SOURCE = "kubernetes.io/config.source";
export const CONFIG_SEEN = "kubernetes.io/config.seen";
/** On a mirror: the hash of the static pod that it shows. */
export const CONFIG_MIRROR = "kubernetes.io/config.mirror";
export const FILE_SOURCE = "file";

export function isStaticPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[CONFIG_SOURCE] === FILE_SOURCE && !isMirrorPod(pod);
}

/** What a static pod and its mirror have in common. */
export function fullName(pod: Pod): string {
  return `${podNamespace(pod)}/${podName(pod)}`;
}
