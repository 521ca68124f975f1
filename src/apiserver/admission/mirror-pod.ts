// What a pod must look like that a kubelet mirrors into the API: its node's own, and naming no other object.
import type { Node, Pod, Volume } from "../../api/index.ts";

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

/** The first kind of API object that the pod needs; undefined when it needs none. */
function referencedObjects({ spec }: Pod): string | undefined {
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  const names = (field: "secretKeyRef" | "configMapKeyRef", source: "secretRef" | "configMapRef"): boolean =>
    containers.some(
      ({ env = [], envFrom = [] }) => env.some(({ valueFrom }) => valueFrom?.[field] !== undefined) || envFrom.some((from) => from[source] !== undefined),
    );
  if ((spec.serviceAccountName ?? "") !== "") return "serviceaccounts";
  if ((spec.imagePullSecrets ?? []).length > 0 || names("secretKeyRef", "secretRef")) return "secrets";
  if (names("configMapKeyRef", "configMapRef")) return "configmaps";
  if ((spec.resourceClaims ?? []).length > 0) return "resourceclaims";
  for (const volume of spec.volumes ?? []) {
    const referenced = referencedByVolume(volume);
    if (referenced !== undefined) return referenced;
  }
  return undefined;
}

function referencedByVolume(volume: Volume): string | undefined {
  const { configMap, secret, csi, glusterfs, persistentVolumeClaim, ephemeral, azureFile, projected } = volume;
  if (configMap !== undefined) return "configmaps (via configmap volumes)";
  if (secret !== undefined) return "secrets (via secret volumes)";
  if (csi !== undefined) return "csidrivers (via CSI volumes)";
  if (glusterfs !== undefined) return "endpoints (via glusterFS volumes)";
  if (persistentVolumeClaim !== undefined) return "persistentvolumeclaims";
  if (ephemeral !== undefined) return "persistentvolumeclaims (via ephemeral volumes)";
  if (azureFile !== undefined) return "secrets (via azureFile volumes)";
  for (const source of projected?.sources ?? []) {
    if (source.configMap !== undefined) return "configmaps (via projected volumes)";
    if (source.secret !== undefined) return "secrets (via projected volumes)";
    if (source.serviceAccountToken !== undefined) return "serviceaccounts (via projected volumes)";
    if (source.clusterTrustBundle !== undefined) return "clustertrustbundles";
    if (source.downwardAPI === undefined) return "podcertificates";
  }
  return undefined;
}
