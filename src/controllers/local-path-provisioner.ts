// The provisioner behind the storage class `local-path`: a volume is a directory on the node that the scheduler chose for the claim's
// first consumer (docs/decisions/0008-node-directories-as-volumes.md). Names and events follow https://github.com/rancher/local-path-provisioner
// and the library that external provisioners share.
//
// Invariant: a directory is made before its volume, and gone before its volume is deleted: nothing is lost track of between two steps.
import {
  annotations,
  isNodeReady,
  isStatus,
  type Node,
  nodes,
  type PersistentVolume,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
  persistentVolumes,
  type StorageClass,
  storageClasses,
  storageClassOf,
  withoutAnnotation,
} from "../api/index.ts";
import type { ReconcileResult } from "../client/index.ts";
import { type Caches, type Controller, type ControllerContext, reconcilingController, wake } from "./controller.ts";

export const LOCAL_PATH_PROVISIONER = "rancher.io/local-path";

/** What a node does for its volumes. Both methods may be repeated, and reject when the node is out of reach or cannot. */
export interface NodeDirectories {
  /** The directory's path on the node. */
  make(node: Node, name: string): Promise<string>;
  /** With its content. */
  remove(node: Node, name: string): Promise<void>;
}

/** Keeps a volume's object until its directory is gone, also when somebody deletes the object first. */
const FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer";
const HOSTNAME_LABEL = "kubernetes.io/hostname";
const SELECTED_NODE = "local.path.provisioner/selected-node";
const ACCESS_MODES = ["ReadWriteOnce", "ReadWriteOncePod"];
/** File systems take no longer names. */
const LONGEST_NAME = 255;

export function localPathProvisioners(directories: NodeDirectories): readonly Controller[] {
  return [
    reconcilingController<PersistentVolumeClaim>("local-path-provisioner", {
      for: persistentVolumeClaims,
      reads: [nodes, persistentVolumes, storageClasses],
      reconcile: (key, caches, context) => provision(key, { caches, context, directories }),
    }),
    reconcilingController<PersistentVolume>("local-path-reclaimer", {
      for: persistentVolumes,
      // A node that comes back, or leaves for good, lets its released volumes go.
      wakes: [wake(nodes, releasedOn, (node, old) => isNodeReady(node) !== isNodeReady(old))],
      reconcile: (key, caches, context) => reclaim(key, { caches, context, directories }),
    }),
  ];
}

interface Work {
  readonly caches: Caches;
  readonly context: ControllerContext;
  readonly directories: NodeDirectories;
}

async function provision(key: string, work: Work): Promise<ReconcileResult> {
  const { caches, context, directories } = work;
  const claim = caches.of(persistentVolumeClaims).get(key);
  const storageClass = caches.of(storageClasses).get(claim === undefined ? "" : (storageClassOf(claim) ?? ""));
  if (claim === undefined || storageClass === undefined || !isOurs(claim, storageClass)) return undefined;
  const name = `pvc-${claim.metadata.uid}`;
  if (caches.of(persistentVolumes).get(name) !== undefined) return undefined;
  const fail = (problem: string): void => {
    const message = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${problem}`;
    context.recorder.event(claim, "Warning", "ProvisioningFailed", message);
  };
  const node = caches.of(nodes).get(claim.metadata.annotations?.[annotations.selectedNode] ?? "");
  const unfit = whyUnfit(claim, storageClass, node);
  if (unfit !== undefined || node === undefined) {
    fail(unfit ?? "the selected node does not exist");
    if (unfit === undefined) await askForAnotherNode(claim, context);
    return undefined;
  }
  context.recorder.event(claim, "Normal", "Provisioning", `External provisioner is provisioning volume for claim "${key}"`);
  let path: string;
  try {
    path = await directories.make(node, directoryName(name, claim));
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
    await askForAnotherNode(claim, context);
    return undefined;
  }
  await createVolume(volumeFor({ claim, storageClass, node, name, path }), context);
  context.recorder.event(claim, "Normal", "ProvisioningSucceeded", `Successfully provisioned volume ${name}`);
  return undefined;
}

/** The claim waits for us, and for nobody else. */
function isOurs({ metadata, spec }: PersistentVolumeClaim, { provisioner, volumeBindingMode }: StorageClass): boolean {
  if (provisioner !== LOCAL_PATH_PROVISIONER || (spec.volumeName ?? "") !== "" || metadata.deletionTimestamp !== undefined) return false;
  const { [annotations.storageProvisioner]: asked, [annotations.selectedNode]: selected } = metadata.annotations ?? {};
  return asked === LOCAL_PATH_PROVISIONER && (selected !== undefined || volumeBindingMode !== "WaitForFirstConsumer");
}

function whyUnfit({ metadata, spec }: PersistentVolumeClaim, { parameters = {}, mountOptions = [] }: StorageClass, node: Node | undefined): string | undefined {
  if (metadata.annotations?.[annotations.selectedNode] === undefined) return "configuration error, no node was specified";
  if (spec.selector !== undefined) return "claim.Spec.Selector is not supported";
  if (spec.dataSource !== undefined || spec.dataSourceRef !== undefined) return "data sources are not supported";
  if (spec.volumeMode === "Block") return "volumeMode Block is not supported";
  if (!(spec.accessModes ?? []).every((mode) => ACCESS_MODES.includes(mode))) {
    return "NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes";
  }
  const unknown = Object.keys(parameters);
  if (unknown.length > 0) return `parameters of the storage class are not supported: ${unknown.join(", ")}`;
  if (mountOptions.length > 0) return `mount options are not supported: ${mountOptions.join(", ")}`;
  if (node !== undefined && node.metadata.labels?.[HOSTNAME_LABEL] === undefined) return `node ${node.metadata.name} has no label ${HOSTNAME_LABEL}`;
  return undefined;
}

/** Without the annotation the scheduler decides anew, when the nodes may look different. */
async function askForAnotherNode(claim: PersistentVolumeClaim, { client }: ControllerContext): Promise<void> {
  await client.update(persistentVolumeClaims, withoutAnnotation(claim, annotations.selectedNode));
}

function directoryName(volumeName: string, { metadata }: PersistentVolumeClaim): string {
  return `${volumeName}_${metadata.namespace}_${metadata.name}`.slice(0, LONGEST_NAME);
}

interface NewVolume {
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass;
  readonly node: Node;
  readonly name: string;
  readonly path: string;
}

function volumeFor({ claim, storageClass, node, name, path }: NewVolume): PersistentVolume {
  const { namespace, name: claimName, uid, resourceVersion } = claim.metadata;
  const here = { key: HOSTNAME_LABEL, operator: "In", values: [node.metadata.labels?.[HOSTNAME_LABEL] ?? ""] };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: {
      name,
      annotations: { [annotations.provisionedBy]: LOCAL_PATH_PROVISIONER, [SELECTED_NODE]: node.metadata.name },
      finalizers: [FINALIZER],
    },
    spec: {
      accessModes: claim.spec.accessModes,
      capacity: { storage: claim.spec.resources?.requests?.["storage"] ?? "0" },
      claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name: claimName, uid, resourceVersion },
      hostPath: { path, type: "DirectoryOrCreate" },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? "Delete",
      storageClassName: storageClass.metadata.name,
      volumeMode: "Filesystem",
    },
  };
}

/** An earlier attempt may have got this far. */
async function createVolume(volume: PersistentVolume, { client }: ControllerContext): Promise<void> {
  try {
    await client.create(persistentVolumes, volume);
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
  }
}

async function reclaim(key: string, work: Work): Promise<ReconcileResult> {
  const volume = work.caches.of(persistentVolumes).get(key);
  if (volume === undefined || volume.metadata.annotations?.[annotations.provisionedBy] !== LOCAL_PATH_PROVISIONER) return undefined;
  const isDeleted = volume.spec.persistentVolumeReclaimPolicy === "Delete";
  // Whoever decided that the data is to stay may delete the object.
  if (!isDeleted) return volume.metadata.deletionTimestamp === undefined ? undefined : letGo(volume, work.context);
  if (volume.status?.phase !== "Released") return undefined;
  try {
    await removeDirectory(volume, work);
  } catch (error) {
    work.context.recorder.event(volume, "Warning", "VolumeFailedDelete", error instanceof Error ? error.message : String(error));
    throw error;
  }
  return letGo(volume, work.context);
}

async function removeDirectory({ metadata, spec }: PersistentVolume, { caches, directories }: Work): Promise<void> {
  const name = spec.hostPath?.path.split("/").pop() ?? "";
  const node = caches.of(nodes).get(metadata.annotations?.[SELECTED_NODE] ?? "");
  // What a node that has left the cluster keeps is out of reach for good.
  if (node !== undefined) await directories.remove(node, name);
}

async function letGo(volume: PersistentVolume, { client }: ControllerContext): Promise<undefined> {
  const { name, uid, finalizers = [], deletionTimestamp } = volume.metadata;
  if (finalizers.includes(FINALIZER)) {
    const rest = finalizers.filter((finalizer) => finalizer !== FINALIZER);
    await client.update(persistentVolumes, { ...volume, metadata: { ...volume.metadata, finalizers: rest } });
  }
  if (deletionTimestamp === undefined) await client.delete(persistentVolumes, { name }, { preconditions: { uid } });
}

function releasedOn({ metadata: { name } }: Node, caches: Caches): string[] {
  const released = caches
    .of(persistentVolumes)
    .list()
    .filter(({ status }) => status?.phase === "Released");
  return released.filter(({ metadata }) => metadata.annotations?.[SELECTED_NODE] === name).map(({ metadata }) => metadata.name);
}
