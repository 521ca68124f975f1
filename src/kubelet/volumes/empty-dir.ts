// https://kubernetes.io/docs/concepts/storage/volumes/#emptydir. On disk, or with medium Memory in a tmpfs, which is never larger
// than the memory that the pod, or else all pods of the node, may use.
import { type Pod, podLimits } from "../../api/index.ts";
import { parseQuantity } from "../../base/index.ts";
import { cgroupLimited } from "../containers/resources.ts";
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
  setUp: async ({ medium = "", sizeLimit }, { host, directory, pod, downward }) => {
    if (medium !== "" && medium !== "Memory") throw new VolumeError(`storage medium "${medium}" is not supported`);
    const isNew = (await host.files.stat(directory)) === undefined;
    await host.files.makeDirectory(directory, MODE);
    if (medium === "Memory") {
      const sizeBytes = memorySize(pod, downward.allocatable, sizeLimit);
      await host.mounts.mountTmpfs(directory, { mode: MODE, ...(sizeBytes > 0 ? { sizeBytes } : {}) });
    }
    const { fsGroup } = pod.spec.securityContext ?? {};
    if (isNew && fsGroup !== undefined) await giveToGroup(host, directory, { fsGroup, readOnly: false });
    return { path: directory, readOnly: false };
  },
});

/** In bytes; 0: nothing is known that would limit it. */
function memorySize(pod: Pod, allocatable: Readonly<Record<string, string>>, sizeLimit: string | undefined): number {
  const ofPod = cgroupLimited(pod, "memory") ? podLimits(pod).get("memory")?.value() : undefined;
  const [ofNode, asked] = [allocatable["memory"], sizeLimit].map((text) => (text === undefined ? undefined : parseQuantity(text).value()));
  const limits = [ofPod, ofNode, asked].flatMap((bytes) => (bytes === undefined || bytes <= 0 ? [] : [bytes]));
  return limits.length === 0 ? 0 : Math.min(...limits);
}
