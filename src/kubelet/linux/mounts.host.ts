// Mounts on Linux, and sub paths of volumes that a container may have filled with symbolic links: a path is resolved once, then
// walked component by component without following links, through file descriptors, and bound by descriptor, so that nothing
// changed meanwhile can lead out of the volume.
import { execFile } from "node:child_process";
import { constants, type FileHandle, mkdir, open, readFile, realpath, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { HostError, type HostMounts } from "../host.ts";
import { hostCall, ifPresent } from "./host-error.host.ts";
import { handlePath, openAt, openPath } from "./path-handle.host.ts";

const run = promisify(execFile);

export const linuxMounts: HostMounts = {
  mountTmpfs: (path, { sizeBytes, mode }) =>
    hostCall(async () => {
      if (await isMountPoint(path)) return;
      const options = [`mode=${mode.toString(8)}`, ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`])].join(",");
      await command("mount", "-t", "tmpfs", "-o", options, "tmpfs", path);
    }),
  mount: (path, what) =>
    hostCall(async () => {
      if (!(await isMountPoint(path))) await mountAt(path, what);
    }),
  unmount: (path) =>
    hostCall(async () => {
      if (!(await isMountPoint(path))) return;
      try {
        await command("umount", path);
      } catch {
        // A process still looks at it: it goes away with the last one.
        await command("umount", "-l", path);
      }
    }),
  mountPoints,
  readInside: async (request) => ifPresent(() => readInside(request)),
  bindSubPath: (request) => hostCall(() => bindSubPath(request)),
  makeSubPath: (request) => hostCall(() => makeSubPath(request)),
};

/** The kernel takes one page of options: an image of many layers is named by relative paths. */
async function mountAt(path: string, { type, source, options }: Parameters<HostMounts["mount"]>[1]): Promise<void> {
  const lower = options.find((option) => option.startsWith("lowerdir="))?.slice("lowerdir=".length);
  const layers = lower?.split(":") ?? [];
  const common = commonParent(layers);
  const short = options.map((option) => (option.startsWith("lowerdir=") ? `lowerdir=${layers.map((layer) => layer.slice(common.length)).join(":")}` : option));
  const flags = type === "bind" ? ["--bind"] : ["-t", type];
  const rest = short.filter((option) => option !== "rbind" && option !== "bind").join(",");
  await commandIn(common === "" ? "/" : common, "mount", ...flags, ...(rest === "" ? [] : ["-o", rest]), source, path);
}

/** With a slash at its end. */
function commonParent(paths: readonly string[]): string {
  const [first = ""] = paths;
  let common = first.slice(0, first.lastIndexOf("/") + 1);
  while (common !== "" && !paths.every((path) => path.startsWith(common))) common = common.slice(0, common.lastIndexOf("/", common.length - 2) + 1);
  return common;
}

function command(program: string, ...args: string[]): Promise<void> {
  return commandIn("/", program, ...args);
}

async function commandIn(directory: string, program: string, ...args: string[]): Promise<void> {
  try {
    await run(program, args, { timeout: 30_000, cwd: directory });
  } catch (error) {
    const { stderr = "", message } = error as { stderr?: string; message: string };
    throw new HostError("other", stderr.trim() === "" ? message : stderr.trim());
  }
}

/** Deepest first, and the last one mounted before those it covers. */
export async function mountPoints(path: string): Promise<readonly string[]> {
  const text = await readFile("/proc/self/mountinfo", "utf8");
  const points = text.split("\n").flatMap((line) => {
    const point = line.split(" ")[4];
    if (point === undefined) return [];
    const plain = point.replace(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
    return plain === path || plain.startsWith(`${path}/`) ? [plain] : [];
  });
  return points.reverse().sort((a, b) => b.split("/").length - a.split("/").length);
}

async function isMountPoint(path: string): Promise<boolean> {
  return (await mountPoints(path)).includes(path);
}

/** The path below the volume that `subPath` means now, links inside the volume resolved. */
async function resolveInside(volumePath: string, subPath: string): Promise<{ volume: string; names: readonly string[] }> {
  const volume = await realpath(volumePath);
  const resolved = await realpath(`${volume}/${subPath}`);
  if (resolved !== volume && !resolved.startsWith(volume === "/" ? "/" : `${volume}/`)) {
    throw new HostError("escapes", `${subPath} leads out of the volume`);
  }
  return { volume, names: resolved.slice(volume.length).split("/").filter(Boolean) };
}

/** Opens the path step by step; a link on the way was put there since it was resolved. The caller closes the handle. */
async function walk(volume: string, names: readonly string[]): Promise<FileHandle> {
  let handle = await openPath(volume);
  for (const name of names) {
    const next = await openAt(handle, name).finally(() => handle.close());
    handle = next;
    if ((await handle.stat()).isSymbolicLink()) {
      await handle.close();
      throw new HostError("escapes", `${name} has become a symbolic link`);
    }
  }
  return handle;
}

async function bindSubPath({ volumePath, subPath, target }: { volumePath: string; subPath: string; target: string }): Promise<string> {
  const { volume, names } = await resolveInside(volumePath, subPath);
  const handle = await walk(volume, names);
  try {
    const wanted = await handle.stat();
    if (await isMountPoint(target)) {
      const present = await openPath(target);
      const bound = await present.stat().finally(() => present.close());
      if (bound.dev === wanted.dev && bound.ino === wanted.ino) return target;
      await command("umount", "-l", target);
    }
    await makeTarget(target, wanted.isDirectory());
    await command("mount", "--no-canonicalize", "--bind", `/proc/${process.pid}/fd/${handle.fd}`, target);
    return target;
  } finally {
    await handle.close();
  }
}

async function readInside({ volumePath, subPath, limitBytes }: Parameters<HostMounts["readInside"]>[0]): Promise<Uint8Array> {
  const { volume, names } = await resolveInside(volumePath, subPath);
  const handle = await walk(volume, names);
  try {
    // Opening a pipe would wait for somebody to write to it.
    if (!(await handle.stat()).isFile()) throw new HostError("other", `${subPath} is not a regular file`);
    const file = await open(handlePath(handle), constants.O_RDONLY);
    try {
      const buffer = new Uint8Array(limitBytes);
      const { bytesRead } = await file.read(buffer, 0, limitBytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } finally {
    await handle.close();
  }
}

async function makeTarget(target: string, isDirectory: boolean): Promise<void> {
  const parent = target.slice(0, target.lastIndexOf("/"));
  await mkdir(isDirectory ? target : parent, { recursive: true, mode: 0o750 });
  if (!isDirectory) await writeFile(target, "", { flag: "a", mode: 0o640 });
}

async function makeSubPath({ volumePath, subPath, mode }: { volumePath: string; subPath: string; mode: number }): Promise<void> {
  const wanted = subPath.split("/").filter((name) => name !== "" && name !== ".");
  let present = wanted.length;
  let start: Awaited<ReturnType<typeof resolveInside>> | undefined;
  // As much of the path as there is may go through links inside the volume; the rest is made right below it.
  for (; start === undefined; present--) {
    try {
      start = await resolveInside(volumePath, wanted.slice(0, present).join("/"));
    } catch (error) {
      if (error instanceof HostError || present === 0) throw error;
    }
  }
  let handle = await walk(start.volume, start.names);
  try {
    for (const name of wanted.slice(present + 1)) {
      await mkdir(`${handlePath(handle)}/${name}`, { mode });
      const made = await openAt(handle, name);
      await handle.close();
      handle = made;
      // Whatever the umask took away.
      await chmodHandle(made, mode);
    }
  } finally {
    await handle.close();
  }
}

/** A path-only handle can't be changed itself; what it stands for can. */
async function chmodHandle(handle: FileHandle, mode: number): Promise<void> {
  const directory = await open(handlePath(handle), constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.chmod(mode).finally(() => directory.close());
}
