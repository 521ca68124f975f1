// Files on Linux.
import { execFile } from "node:child_process";
import { type Stats, watch } from "node:fs";
import { chmod, chown, constants, type FileHandle, lchown, lstat, mkdir, open, readdir, readFile, readlink, rename, rm, stat, symlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { promisify } from "node:util";
import { type FileStat, HostError, type HostFiles } from "../host.ts";
import { codeOf, hostCall, ifPresent } from "./host-error.host.ts";
import { mountPoints } from "./mounts.host.ts";
import { handlePath, openAt, openPath } from "./path-handle.host.ts";

const run = promisify(execFile);

export const linuxFiles: HostFiles = {
  stat: (path) => ifPresent(async () => toFileStat(await stat(path))),
  lstat: (path) => ifPresent(async () => toFileStat(await lstat(path))),
  read: (path, limitBytes) => ifPresent(() => (limitBytes === undefined ? readFile(path) : readRange(path, 0, limitBytes))),
  readAt: (path, offset, length) => hostCall(() => readRange(path, offset, length)),
  write: (path, data, mode) => hostCall(() => writeInPlace(path, data, mode)),
  makeDirectory: (path, mode) => hostCall(() => makeDirectory(path, mode)),
  list: async (path) => (await ifPresent(() => readdir(path)))?.sort() ?? [],
  symlink: (target, path) => hostCall(() => symlink(target, path)),
  readLink: (path) => ifPresent(() => readLinkOrNothing(path)),
  rename: (from, to) => hostCall(() => rename(from, to)),
  remove: (path) =>
    hostCall(async () => {
      if ((await ifPresent(() => lstat(path))) === undefined) return;
      // Removing through a mount would remove what belongs to somebody else.
      if ((await mountPoints(path)).length > 0) throw new HostError("busy", `something is mounted in ${path}`);
      await removeTree(path);
    }),
  changeOwner: (path, uid, gid) =>
    hostCall(async () => {
      const known = await lstat(path);
      await lchown(path, uid < 0 ? known.uid : uid, gid < 0 ? known.gid : gid);
    }),
  changeMode: (path, mode) => hostCall(() => chmod(path, mode)),
  changeTree: async (path, change) => {
    await ifPresent(async () => changeTree(await openPath(path), change));
  },
  watch: (path, changed) => {
    // The directory, for the file itself may be replaced.
    const name = basename(path);
    const watcher = watch(dirname(path), { persistent: false }, (_event, file) => {
      if (file === null || file === name) changed();
    });
    // The directory was removed: there is nothing to hear any more, and the reader looks for itself.
    watcher.on("error", changed);
    return () => watcher.close();
  },
  watchDirectory: (path, changed) => {
    const watcher = watch(path, { persistent: false }, changed);
    watcher.on("error", changed);
    return () => watcher.close();
  },
};

async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (codeOf(error) !== "ENAMETOOLONG") throw error;
    // A container can make directories inside each other until no path leads to the last of them; `rm` needs none.
    await run("rm", ["-rf", "--one-file-system", "--", path]);
  }
}

async function readLinkOrNothing(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (codeOf(error) === "EINVAL") return undefined;
    throw error;
  }
}

async function readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY);
  try {
    const buffer = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  } finally {
    await file.close();
  }
}

async function writeInPlace(path: string, data: Uint8Array, mode: number): Promise<void> {
  const file = await open(path, "w", mode);
  try {
    await file.writeFile(data);
    await file.chmod(mode);
  } finally {
    await file.close();
  }
}

async function makeDirectory(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
    await chmod(path, mode);
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      return makeDirectory(path, mode);
    }
    if (codeOf(error) !== "EEXIST") throw error;
    if (!(await stat(path)).isDirectory()) throw new HostError("notDirectory", `${path} is not a directory`);
  }
}

/** Of a tree that is changed: each level holds a file open. */
const MAX_DEPTH = 1000;

async function changeTree(handle: FileHandle, change: Parameters<HostFiles["changeTree"]>[1], depth = 0): Promise<void> {
  try {
    if (depth > MAX_DEPTH) throw new HostError("other", `there are more than ${MAX_DEPTH} directories inside each other`);
    const stats = await handle.stat();
    const { gid, mode } = change(toFileStat(stats));
    const path = handlePath(handle);
    await chown(path, stats.uid, gid);
    if (stats.isSymbolicLink()) return;
    await chmod(path, mode);
    if (!stats.isDirectory()) return;
    for (const name of await readdir(path)) await ifPresent(async () => changeTree(await openAt(handle, name), change, depth + 1));
  } finally {
    await handle.close();
  }
}

function toFileStat(stats: Stats): FileStat {
  return {
    type: typeOf(stats),
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    sizeBytes: stats.size,
    inode: stats.ino,
    modifiedMs: stats.mtimeMs,
  };
}

function typeOf(stats: Stats): FileStat["type"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isSocket()) return "socket";
  if (stats.isCharacterDevice()) return "characterDevice";
  return stats.isBlockDevice() ? "blockDevice" : "other";
}
