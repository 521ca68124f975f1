// Handles of paths: what a path stands for at one moment, whatever is put in its place later. Through them a tree that containers
// change meanwhile is walked without ever leaving it (https://man7.org/linux/man-pages/man2/open.2.html, O_PATH).
import { constants, type FileHandle, open } from "node:fs/promises";

/** Not among Node's constants; the same on all architectures that Node runs on. */
const O_PATH = 0o10000000;

/** Of the link itself where the path is one. The caller closes it. */
export function openPath(path: string): Promise<FileHandle> {
  return open(path, O_PATH | constants.O_NOFOLLOW);
}

export function openAt(directory: FileHandle, name: string): Promise<FileHandle> {
  return openPath(`${handlePath(directory)}/${name}`);
}

/** Leads to what the handle stands for, in this process and while it is open. */
export function handlePath({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}
