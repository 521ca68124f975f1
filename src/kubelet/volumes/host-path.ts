// https://kubernetes.io/docs/concepts/storage/volumes/#hostpath. What lies at the path must be of the asked type; DirectoryOrCreate
// and FileOrCreate make it. Nothing is removed with the pod.

import type { HostPathVolumeSource } from "../../api/index.ts";
import type { FileStat, KubeletHost } from "../host.ts";
import { type MountedVolume, type VolumeContext, VolumeError, volume } from "./volume.ts";

const EXPECTED: Readonly<Record<string, { readonly type: FileStat["type"]; readonly text: string }>> = {
  Directory: { type: "directory", text: "a directory" },
  DirectoryOrCreate: { type: "directory", text: "a directory" },
  File: { type: "file", text: "a file" },
  FileOrCreate: { type: "file", text: "a file" },
  Socket: { type: "socket", text: "a socket file" },
  CharDevice: { type: "characterDevice", text: "a character device" },
  BlockDevice: { type: "blockDevice", text: "a block device" },
};

export const hostPath = volume("hostPath", { setUp: setUpHostPath });

export async function setUpHostPath({ path, type = "" }: HostPathVolumeSource, { host }: Pick<VolumeContext, "host">): Promise<MountedVolume> {
  if (path.split("/").includes("..")) throw new VolumeError(`path ${path} must not contain '..'`);
  if (type !== "") await checkType(host, path, type);
  // Without a type whatever is there is mounted; the runtime makes a missing directory, as upstream's does.
  else if ((await host.files.stat(path)) === undefined) await host.files.makeDirectory(path, 0o755);
  return { path, readOnly: false };
}

async function checkType(host: KubeletHost, path: string, type: string): Promise<void> {
  const expected = EXPECTED[type];
  if (expected === undefined) throw new VolumeError(`${type} is an invalid volume type`);
  const stat = await host.files.stat(path);
  if (stat === undefined && type === "DirectoryOrCreate") await host.files.makeDirectory(path, 0o755);
  else if (stat === undefined && type === "FileOrCreate") await host.files.write(path, new Uint8Array(), 0o644);
  else if (stat?.type !== expected.type) throw new VolumeError(`hostPath type check failed: ${path} is not ${expected.text}`);
}
