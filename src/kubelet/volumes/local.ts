// https://kubernetes.io/docs/concepts/storage/volumes/#local. A directory of this node, or a whole block device, that somebody has
// prepared: what is missing is not made.
import type { LocalVolumeSource } from "../../api/index.ts";
import { giveToGroup } from "./ownership.ts";
import { type MountedVolume, type VolumeContext, VolumeError } from "./volume.ts";

export async function setUpLocal({ path }: LocalVolumeSource, isBlock: boolean, { host, pod }: VolumeContext): Promise<MountedVolume> {
  if (path.split("/").includes("..")) throw new VolumeError(`path ${path} must not contain '..'`);
  const stat = await host.files.stat(path);
  if (stat === undefined) throw new VolumeError(`path "${path}" does not exist`);
  if (isBlock) {
    if (stat.type !== "blockDevice") throw new VolumeError(`path ${path} is not a block device, which a volume of mode Block needs`);
    return { path, readOnly: false, isDevice: true };
  }
  if (stat.type !== "directory") {
    throw new VolumeError(`path ${path} is not a directory; a block device has to be formatted and mounted before it can serve as a file system`);
  }
  const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
  if (fsGroup !== undefined) await giveToGroup(host, path, { fsGroup, readOnly: false, onlyIfRootDiffers: fsGroupChangePolicy === "OnRootMismatch" });
  return { path, readOnly: false };
}
