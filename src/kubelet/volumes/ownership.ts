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
export async function giveToGroup({ files }: KubeletHost, path: string, ownership: GroupOwnership): Promise<void> {
  const { fsGroup, readOnly, onlyIfRootDiffers = false } = ownership;
  const mask = readOnly ? READ_ONLY : READ_WRITE;
  if (onlyIfRootDiffers) {
    const wanted = mask | DIRECTORY;
    const stat = await files.lstat(path);
    if (stat?.gid === fsGroup && (stat.mode & wanted) === wanted) return;
  }
  await files.changeTree(path, ({ type, mode }) => ({ gid: fsGroup, mode: mode | mask | (type === "directory" ? DIRECTORY : 0) }));
}
