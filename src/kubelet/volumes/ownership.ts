// The group that a pod's volumes belong to (https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#set-the-security-context-for-a-pod).
import type { KubeletHost } from "../host.ts";

const READ_WRITE = 0o660;
const READ_ONLY = 0o440;
const DIRECTORY = 0o2110;

export interface GroupOwnership {
  readonly fsGroup: number;
  readonly readOnly: boolean;
  /** Nothing is touched when the path itself is as it should be (fsGroupChangePolicy OnRootMismatch). */
  readonly onlyIfRootDiffers?: boolean;
}

/** Gives everything in `path` to the group, readable (and writable) by it; new files inherit the group. Links are not followed. */
export async function giveToGroup(host: KubeletHost, path: string, ownership: GroupOwnership): Promise<void> {
  const { fsGroup, readOnly, onlyIfRootDiffers = false } = ownership;
  const stat = await host.files.lstat(path);
  if (stat === undefined) return;
  const wanted = (readOnly ? READ_ONLY : READ_WRITE) | DIRECTORY;
  if (onlyIfRootDiffers && stat.gid === fsGroup && (stat.mode & wanted) === wanted) return;
  await host.files.changeOwner(path, -1, fsGroup);
  if (stat.type === "symlink") return;
  const mask = readOnly ? READ_ONLY : READ_WRITE;
  await host.files.changeMode(path, stat.mode | mask | (stat.type === "directory" ? DIRECTORY : 0));
  if (stat.type !== "directory") return;
  for (const name of await host.files.list(path)) await giveToGroup(host, `${path}/${name}`, { fsGroup, readOnly });
}
