// Which other API objects a pod needs. A static pod may need none: it has to run without an API server.
import type { Pod, Volume } from "../generated/types.ts";

/** The first kind of API object that the pod needs; undefined when it needs none. */
export function referencedObjects({ spec }: Pod): string | undefined {
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
