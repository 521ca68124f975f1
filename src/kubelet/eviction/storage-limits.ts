// Limits on local storage, which no kernel enforces: who exceeds one is ended
// (https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#resource-emphemeralstorage-consumption). Pure.
import { type Pod, podLimits } from "../../api/index.ts";
import { parseQuantity } from "../../base/index.ts";
import { containerStorageMessage, emptyDirMessage, podStorageMessage } from "./messages.ts";
import type { PodDisk } from "./pod-usage.ts";

/** Whether there is anything to measure. */
export function hasStorageLimit(pod: Pod): boolean {
  return podLimits(pod).has("ephemeral-storage") || (pod.spec.volumes ?? []).some(({ emptyDir }) => emptyDirLimit(emptyDir) !== undefined);
}

/** Why the pod must go; undefined when it may stay. */
export function storageExcess(pod: Pod, disk: PodDisk): string | undefined {
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    const limit = emptyDirLimit(emptyDir);
    if (limit !== undefined && (disk.emptyDirs.get(name)?.bytes ?? 0) > limit.bytes) return emptyDirMessage(name, limit.text);
  }
  const podLimit = podLimits(pod).get("ephemeral-storage");
  const total = [...disk.containers.values(), ...disk.emptyDirs.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  if (podLimit !== undefined && total > podLimit.value()) return podStorageMessage(podLimit.toString());
  for (const { name, resources } of pod.spec.containers) {
    const limit = resources?.limits?.["ephemeral-storage"];
    if (limit === undefined || parseQuantity(limit).isZero()) continue;
    if ((disk.containers.get(name)?.bytes ?? 0) > parseQuantity(limit).value()) return containerStorageMessage(name, limit);
  }
  return undefined;
}

/** Of a volume on disk: one in memory is held to its size by the kernel. */
function emptyDirLimit(emptyDir: NonNullable<Pod["spec"]["volumes"]>[number]["emptyDir"]): { readonly bytes: number; readonly text: string } | undefined {
  if (emptyDir === undefined || (emptyDir.medium ?? "") !== "" || emptyDir.sizeLimit === undefined) return undefined;
  const bytes = parseQuantity(emptyDir.sizeLimit).value();
  return bytes > 0 ? { bytes, text: emptyDir.sizeLimit } : undefined;
}
