// Volumes that a pod has through a claim, its own (ephemeral) or one it names: the claim leads to the volume, and the volume to what
// lies on this node (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#claims-as-volumes).
import { claimNameOf, isClaimOfPod, notClaimOfPod, type PersistentVolume, type PersistentVolumeClaim } from "../../api/index.ts";
import { allContainers, podNamespace } from "../pods/pod-spec.ts";
import { setUpHostPath } from "./host-path.ts";
import { setUpLocal } from "./local.ts";
import { type MountedVolume, type VolumeContext, VolumeError, volume } from "./volume.ts";

const GID = "pv.beta.kubernetes.io/gid";
const PROTECTION = "kubernetes.io/pvc-protection";

export const persistentVolumeClaim = volume("persistentVolumeClaim", {
  setUp: async ({ readOnly }, context) => setUp(await claimOf(context), readOnly === true, context),
});

export const ephemeral = volume("ephemeral", {
  setUp: async (_source, context) => {
    const claim = await claimOf(context);
    if (!isClaimOfPod(claim, context.pod)) throw new VolumeError(notClaimOfPod(claim, context.pod));
    return setUp(claim, false, context);
  },
});

async function setUp(claim: PersistentVolumeClaim, readOnly: boolean, context: VolumeContext): Promise<MountedVolume> {
  const found = await volumeOf(claim, context);
  checkMode(found, context);
  const { name } = found.metadata;
  try {
    const mounted = await setUpSource(found, context);
    return { ...mounted, ...groupOf(found), readOnly: readOnly || mounted.readOnly };
  } catch (error) {
    // Users know the volume by its own name.
    throw error instanceof VolumeError ? new VolumeError(error.message, name) : error;
  }
}

/** The group that an administrator wrote on the volume (https://kubernetes.io/docs/reference/labels-annotations-taints/#pv-beta-kubernetes-io-gid). */
function groupOf({ metadata }: PersistentVolume): Pick<MountedVolume, "gid"> {
  const text = metadata.annotations?.[GID] ?? "";
  return /^\d+$/.test(text) ? { gid: Number(text) } : {};
}

async function claimOf({ pod, spec, objects }: VolumeContext): Promise<PersistentVolumeClaim> {
  const name = claimNameOf(pod, spec) ?? "";
  const found = await objects.claim(podNamespace(pod), name);
  const problem = found === undefined ? `persistentvolumeclaim "${name}" not found` : whyUnusable(found);
  if (found === undefined || problem !== undefined) throw new VolumeError(`error processing PVC ${podNamespace(pod)}/${name}: ${problem}`);
  return found;
}

function whyUnusable({ metadata, spec, status }: PersistentVolumeClaim): string | undefined {
  // One that is protected stays until this pod is gone.
  if (metadata.deletionTimestamp !== undefined && !(metadata.finalizers ?? []).includes(PROTECTION)) return "PVC is being deleted";
  if (status?.phase !== "Bound") return "PVC is not bound";
  return (spec.volumeName ?? "") === "" ? "PVC has empty pvc.Spec.VolumeName" : undefined;
}

async function volumeOf({ metadata, spec: { volumeName = "" } }: PersistentVolumeClaim, { objects }: VolumeContext): Promise<PersistentVolume> {
  const fail = (problem: string): never => {
    throw new VolumeError(`error processing PVC ${metadata.namespace}/${metadata.name}: ${problem}`);
  };
  const found = await objects.persistentVolume(volumeName);
  if (found === undefined) return fail(`failed to fetch PV ${volumeName} from API server: persistentvolume "${volumeName}" not found`);
  const uid = found.spec.claimRef?.uid ?? "";
  if (uid !== metadata.uid) return fail(`found PV object ${volumeName} but its pv.Spec.ClaimRef.UID ${uid} does not point to claim.UID ${metadata.uid}`);
  return found;
}

/** A file system is mounted, a device is handed over: containers must have asked for the one it is. */
function checkMode({ spec: { volumeMode = "Filesystem" } }: PersistentVolume, { pod, spec: { name } }: VolumeContext): void {
  for (const { volumeMounts = [], volumeDevices = [] } of allContainers(pod)) {
    const fields = [
      ["volumeMounts", "Filesystem", volumeMounts],
      ["volumeDevices", "Block", volumeDevices],
    ] as const;
    for (const [field, wanted, uses] of fields) {
      if (volumeMode === wanted || !uses.some((use) => use.name === name)) continue;
      throw new VolumeError(`volume ${name} has volumeMode ${volumeMode}, but is specified in ${field}`);
    }
  }
}

/** Fields of a volume that do not say where it lies. */
const COMMON_FIELDS: readonly string[] = [
  "accessModes",
  "capacity",
  "claimRef",
  "mountOptions",
  "nodeAffinity",
  "persistentVolumeReclaimPolicy",
  "storageClassName",
  "volumeAttributesClassName",
  "volumeMode",
];

async function setUpSource({ spec }: PersistentVolume, context: VolumeContext): Promise<MountedVolume> {
  const isBlock = spec.volumeMode === "Block";
  if ((spec.mountOptions ?? []).length > 0) throw new VolumeError("Mount options are not supported for this volume type");
  if (spec.local !== undefined) return setUpLocal(spec.local, isBlock, context);
  if (spec.hostPath !== undefined && !isBlock) return setUpHostPath(spec.hostPath, context);
  const types = Object.keys(spec).filter((field) => !COMMON_FIELDS.includes(field));
  throw new VolumeError(`no volume plugin matched: persistent volumes of type ${types.join(", ")}${isBlock ? " and mode Block" : ""} are not supported`);
}
