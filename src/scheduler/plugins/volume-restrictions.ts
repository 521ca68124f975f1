// VolumeRestrictions: a claim of mode ReadWriteOncePod has one pod at a time, and disks that only one machine may write are not
// mounted twice on a node (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes).
import { claimKeysOf, type Pod, type Volume } from "../../api/index.ts";
import type { NodeInfo } from "../node-info.ts";
import { PreFilterVerdict, plugin, unresolvable, unschedulable } from "../plugin.ts";

const DISK_CONFLICT = "node(s) had no available disk";
const POD_CONFLICT = "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod";

/** The pods that have a claim which is to have one pod only, and where they are. */
type Holders = readonly { readonly uid: string; readonly nodeName: string }[];

export const volumeRestrictions = plugin<Holders>("VolumeRestrictions", {
  applies: ({ pod }) => (pod.spec.volumes ?? []).some((volume) => volume.persistentVolumeClaim !== undefined || isDisk(volume)),
  preFilter: ({ pod, uid }, cluster) => {
    const names = (pod.spec.volumes ?? []).flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
    const missing = names.find((name) => cluster.storage.claims.get(`${pod.metadata.namespace}/${name}`) === undefined);
    if (missing !== undefined) return PreFilterVerdict.reject(unresolvable(`persistentvolumeclaim "${missing}" not found`));
    const exclusive = claimKeysOf(pod).filter((key) => cluster.storage.claims.get(key)?.spec.accessModes?.includes("ReadWriteOncePod"));
    if (exclusive.length === 0) return [];
    const holds = (other: Pod): boolean => claimKeysOf(other).some((key) => exclusive.includes(key));
    return cluster.list().flatMap(({ name: nodeName, pods }) => {
      return [...pods.values()].filter((other) => other.uid !== uid && holds(other.pod)).map((other) => ({ uid: other.uid, nodeName }));
    });
  },
  filter: ({ pod }, node, holders) => {
    if (hasDiskConflict(pod, node)) return unschedulable(DISK_CONFLICT);
    // Those on this node may be about to make room.
    const isHeld = holders.some(({ uid, nodeName }) => nodeName !== node.name || node.pods.has(uid));
    return isHeld ? unschedulable(POD_CONFLICT) : undefined;
  },
  helps: ({ pod }, event) => {
    if (event.type === "nodeAdded") return true;
    if (event.type === "podRemoved") return event.pod.pod.metadata.namespace === pod.metadata.namespace;
    return event.type === "claimChanged" && claimKeysOf(pod).includes(`${event.object.metadata.namespace}/${event.object.metadata.name}`);
  },
});

function isDisk({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }: Volume): boolean {
  return gcePersistentDisk !== undefined || awsElasticBlockStore !== undefined || iscsi !== undefined || rbd !== undefined;
}

function hasDiskConflict({ spec }: Pod, { pods }: NodeInfo): boolean {
  const disks = (spec.volumes ?? []).filter(isDisk);
  if (disks.length === 0) return false;
  const others = [...pods.values()].flatMap(({ pod }) => pod.spec.volumes ?? []).filter(isDisk);
  return disks.some((disk) => others.some((other) => isSameDisk(disk, other)));
}

/** The same disk, unless both only read it. */
function isSameDisk(one: Volume, other: Volume): boolean {
  const writes = (first: { readonly readOnly?: boolean }, second: { readonly readOnly?: boolean }): boolean =>
    first.readOnly !== true || second.readOnly !== true;
  if (one.gcePersistentDisk !== undefined && other.gcePersistentDisk !== undefined) {
    return one.gcePersistentDisk.pdName === other.gcePersistentDisk.pdName && writes(one.gcePersistentDisk, other.gcePersistentDisk);
  }
  if (one.awsElasticBlockStore !== undefined) return one.awsElasticBlockStore.volumeID === other.awsElasticBlockStore?.volumeID;
  if (one.iscsi !== undefined && other.iscsi !== undefined) return one.iscsi.iqn === other.iscsi.iqn && writes(one.iscsi, other.iscsi);
  const [rbd, otherRbd] = [one.rbd, other.rbd];
  if (rbd === undefined || otherRbd === undefined) return false;
  const isSameImage = (rbd.pool ?? "rbd") === (otherRbd.pool ?? "rbd") && rbd.image === otherRbd.image;
  return isSameImage && rbd.monitors.some((monitor) => otherRbd.monitors.includes(monitor)) && writes(rbd, otherRbd);
}
