// https://kubernetes.io/docs/concepts/storage/volumes/#emptydir. On disk, or with medium Memory in a tmpfs of the given size.
import { parseQuantity } from "../../base/index.ts";
import type { KubeletHost } from "../host.ts";
import { giveToGroup } from "./ownership.ts";
import { volumeDirectory } from "./paths.ts";
import { VolumeError, volume } from "./volume.ts";

const MODE = 0o777;
const DIRECTORY = "empty-dir";

export function emptyDirPath(host: KubeletHost, podUid: string, name: string): string {
  return volumeDirectory(host, podUid, DIRECTORY, name);
}

export const emptyDir = volume("emptyDir", {
  directory: DIRECTORY,
  setUp: async ({ medium = "", sizeLimit }, { host, directory, pod }) => {
    if (medium !== "" && medium !== "Memory") throw new VolumeError(`storage medium "${medium}" is not supported`);
    const isNew = (await host.files.stat(directory)) === undefined;
    await host.files.makeDirectory(directory, MODE);
    if (medium === "Memory") {
      const sizeBytes = sizeLimit === undefined ? 0 : parseQuantity(sizeLimit).value();
      await host.mounts.mountTmpfs(directory, { mode: MODE, ...(sizeBytes > 0 ? { sizeBytes } : {}) });
    }
    const { fsGroup } = pod.spec.securityContext ?? {};
    if (isNew && fsGroup !== undefined) await giveToGroup(host, directory, { fsGroup, readOnly: false });
    return { path: directory, readOnly: false };
  },
});
