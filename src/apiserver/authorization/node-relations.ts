// Which objects a node has to do with: the pods bound to it, and what those pods name. It is what the Node authorizer
// (https://kubernetes.io/docs/reference/access-authn-authz/node/) allows a kubelet to read.
//
// Pods are indexed by node as they change; what a pod names is looked up when it is asked for, over the pods of one node.
import {
  type Container,
  type EphemeralContainer,
  type PersistentVolume,
  type Pod,
  persistentVolumes,
  pods,
  resourceSlices,
  type Volume,
  volumeAttachments,
} from "../../api/index.ts";
import type { ObjectReader } from "../object-reader.ts";

const MIRROR_POD_ANNOTATION = "kubernetes.io/config.mirror";

type AnyContainer = Container | EphemeralContainer;

function containersOf({ spec }: Pod): readonly AnyContainer[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
}

function containerNamesSecret(container: AnyContainer, name: string): boolean {
  return (
    (container.envFrom ?? []).some(({ secretRef }) => secretRef?.name === name) ||
    (container.env ?? []).some(({ valueFrom }) => valueFrom?.secretKeyRef?.name === name)
  );
}

function containerNamesConfigMap(container: AnyContainer, name: string): boolean {
  return (
    (container.envFrom ?? []).some(({ configMapRef }) => configMapRef?.name === name) ||
    (container.env ?? []).some(({ valueFrom }) => valueFrom?.configMapKeyRef?.name === name)
  );
}

function volumeNamesSecret(volume: Volume, name: string): boolean {
  const { azureFile, cephfs, cinder, flexVolume, projected, rbd, secret, scaleIO, iscsi, storageos, csi } = volume;
  const references = [cephfs?.secretRef, cinder?.secretRef, flexVolume?.secretRef, rbd?.secretRef, scaleIO?.secretRef, iscsi?.secretRef];
  return (
    secret?.secretName === name ||
    azureFile?.secretName === name ||
    [...references, storageos?.secretRef, csi?.nodePublishSecretRef].some((reference) => reference?.name === name) ||
    (projected?.sources ?? []).some((source) => source.secret?.name === name)
  );
}

/** Tells whether the pod cannot run without the Secret `name` of its namespace. */
export function podNamesSecret(pod: Pod, name: string): boolean {
  return (
    (pod.spec.imagePullSecrets ?? []).some((reference) => reference.name === name) ||
    containersOf(pod).some((container) => containerNamesSecret(container, name)) ||
    (pod.spec.volumes ?? []).some((volume) => volumeNamesSecret(volume, name))
  );
}

export function podNamesConfigMap(pod: Pod, name: string): boolean {
  return (
    containersOf(pod).some((container) => containerNamesConfigMap(container, name)) ||
    (pod.spec.volumes ?? []).some(
      ({ configMap, projected }) => configMap?.name === name || (projected?.sources ?? []).some((source) => source.configMap?.name === name),
    )
  );
}

export function podNamesClaim(pod: Pod, name: string): boolean {
  return (pod.spec.volumes ?? []).some(
    (volume) => volume.persistentVolumeClaim?.claimName === name || (volume.ephemeral !== undefined && `${pod.metadata.name}-${volume.name}` === name),
  );
}

function podNamesResourceClaim(pod: Pod, name: string): boolean {
  return (
    (pod.spec.resourceClaims ?? []).some((claim) => claim.resourceClaimName === name) ||
    (pod.status?.resourceClaimStatuses ?? []).some((claim) => claim.resourceClaimName === name) ||
    pod.status?.extendedResourceClaimStatus?.resourceClaimName === name
  );
}

/** The secrets that a kubelet needs to mount `volume`. */
function volumeSecrets({ spec }: PersistentVolume): { readonly namespace: string; readonly name: string }[] {
  const claimNamespace = spec.claimRef?.namespace ?? "";
  const { azureFile, cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos, csi } = spec;
  const references = [cephfs?.secretRef, cinder?.secretRef, flexVolume?.secretRef, rbd?.secretRef, scaleIO?.secretRef, iscsi?.secretRef, storageos?.secretRef];
  const needed = [...references, csi?.nodePublishSecretRef, csi?.nodeStageSecretRef, csi?.nodeExpandSecretRef];
  const secrets = needed.flatMap((reference) =>
    reference?.name === undefined ? [] : [{ namespace: reference.namespace || claimNamespace, name: reference.name }],
  );
  if (azureFile !== undefined) secrets.push({ namespace: azureFile.secretNamespace || claimNamespace, name: azureFile.secretName });
  return secrets;
}

export class NodeRelations {
  private readonly podsByNode = new Map<string, Map<string, Pod>>();
  private readonly volumesByClaim = new Map<string, Map<string, PersistentVolume>>();
  private readonly objects: ObjectReader;
  private readonly subscriptions: (() => void)[];

  constructor(objects: ObjectReader) {
    this.objects = objects;
    this.subscriptions = [
      objects.subscribe(pods, (pod, old) => reindex(this.podsByNode, podNode, pod, old)),
      objects.subscribe(persistentVolumes, (volume, old) => reindex(this.volumesByClaim, volumeClaim, volume, old)),
    ];
  }

  close(): void {
    for (const unsubscribe of this.subscriptions) unsubscribe();
  }

  hasPod(node: string, namespace: string, name: string): boolean {
    return this.objects.get(pods, namespace, name)?.spec.nodeName === node;
  }
  hasSecret(node: string, namespace: string, name: string): boolean {
    if (this.somePod(node, namespace, (pod) => podNamesSecret(pod, name))) return true;
    return this.claimedVolumes(node).some((volume) => volumeSecrets(volume).some((secret) => secret.namespace === namespace && secret.name === name));
  }
  hasConfigMap(node: string, namespace: string, name: string): boolean {
    return this.somePod(node, namespace, (pod) => podNamesConfigMap(pod, name));
  }
  hasServiceAccount(node: string, namespace: string, name: string): boolean {
    return this.somePod(node, namespace, ({ spec }) => spec.serviceAccountName === name);
  }
  hasClaim(node: string, namespace: string, name: string): boolean {
    return this.somePod(node, namespace, (pod) => podNamesClaim(pod, name));
  }
  hasVolume(node: string, name: string): boolean {
    return this.claimedVolumes(node).some((volume) => volume.metadata.name === name);
  }
  hasResourceClaim(node: string, namespace: string, name: string): boolean {
    return this.somePod(node, namespace, (pod) => podNamesResourceClaim(pod, name));
  }
  hasVolumeAttachment(node: string, name: string): boolean {
    return this.objects.get(volumeAttachments, "", name)?.spec.nodeName === node;
  }
  hasResourceSlice(node: string, name: string): boolean {
    return this.objects.get(resourceSlices, "", name)?.spec.nodeName === node;
  }

  /** Mirror pods do not count: a node that makes them must not gain access by what it writes into them. */
  private somePod(node: string, namespace: string, test: (pod: Pod) => boolean): boolean {
    for (const pod of this.podsByNode.get(node)?.values() ?? []) {
      if (pod.metadata.namespace === namespace && pod.metadata.annotations?.[MIRROR_POD_ANNOTATION] === undefined && test(pod)) return true;
    }
    return false;
  }

  private claimedVolumes(node: string): PersistentVolume[] {
    const volumes: PersistentVolume[] = [];
    for (const { metadata, spec } of this.podsByNode.get(node)?.values() ?? []) {
      if (metadata.annotations?.[MIRROR_POD_ANNOTATION] !== undefined) continue;
      for (const volume of spec.volumes ?? []) {
        const claim = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral === undefined ? undefined : `${metadata.name}-${volume.name}`);
        if (claim !== undefined) volumes.push(...(this.volumesByClaim.get(`${metadata.namespace}/${claim}`)?.values() ?? []));
      }
    }
    return volumes;
  }
}

function podNode({ spec }: Pod): string {
  return spec.nodeName ?? "";
}
function volumeClaim({ spec }: PersistentVolume): string {
  return spec.claimRef === undefined ? "" : `${spec.claimRef.namespace}/${spec.claimRef.name}`;
}

interface Named {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Moves an object to the group it now belongs to; "" is none. */
function reindex<T extends Named>(groups: Map<string, Map<string, T>>, groupOf: (object: T) => string, object: T | undefined, old: T | undefined): void {
  const identity = ({ metadata }: T): string => `${metadata.namespace ?? ""}/${metadata.name}`;
  if (old !== undefined) {
    const key = groupOf(old);
    const group = groups.get(key);
    group?.delete(identity(old));
    if (group?.size === 0) groups.delete(key);
  }
  if (object === undefined || groupOf(object) === "") return;
  const group = groups.get(groupOf(object)) ?? new Map<string, T>();
  groups.set(groupOf(object), group.set(identity(object), object));
}
