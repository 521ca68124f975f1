// Writes a set of files so that readers see the old set or the new one, never a mixture: the files lie in a directory of
// their own, `..data` is a symbolic link to it that is replaced by rename, and the visible names are links through `..data`
// (https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/#mounted-configmaps-are-updated-automatically).
import type { Env } from "../../base/index.ts";
import type { HostFiles } from "../host.ts";
import { VolumeError } from "./volume.ts";

export interface ProjectedFile {
  readonly data: Uint8Array;
  readonly mode: number;
  /** Owner; absent: root. */
  readonly uid?: number;
}

/** Keys are paths below the volume, without `..` and not absolute. */
export type Payload = ReadonlyMap<string, ProjectedFile>;

const DATA = "..data";
const NEW_DATA = "..data_tmp";

/** Tells whether anything changed. */
export async function writeAtomically(
  env: Env,
  files: HostFiles,
  directory: string,
  payload: Payload,
  finish: (path: string) => Promise<void> = async () => undefined,
): Promise<boolean> {
  for (const path of payload.keys()) validatePath(path);
  await files.makeDirectory(directory, 0o777);
  const oldName = await files.readLink(`${directory}/${DATA}`);
  if (oldName !== undefined && (await holds(files, `${directory}/${oldName}`, payload))) {
    await linkNames(files, directory, payload);
    return false;
  }
  const newName = timestampedName(env);
  const newDirectory = `${directory}/${newName}`;
  await files.makeDirectory(newDirectory, 0o755);
  for (const [path, file] of payload) await writeFile(files, newDirectory, path, file);
  await finish(newDirectory);
  await files.remove(`${directory}/${NEW_DATA}`);
  await files.symlink(newName, `${directory}/${NEW_DATA}`);
  await files.rename(`${directory}/${NEW_DATA}`, `${directory}/${DATA}`);
  await linkNames(files, directory, payload);
  if (oldName !== undefined) await files.remove(`${directory}/${oldName}`);
  return true;
}

function validatePath(path: string): void {
  const names = path.split("/");
  if (path === "" || path.startsWith("/") || names.includes("..") || names[0]?.startsWith("..")) {
    throw new VolumeError(`invalid path ${JSON.stringify(path)} in a volume`);
  }
}

async function writeFile(files: HostFiles, directory: string, path: string, { data, mode, uid }: ProjectedFile): Promise<void> {
  const slash = path.lastIndexOf("/");
  if (slash !== -1) await files.makeDirectory(`${directory}/${path.slice(0, slash)}`, 0o755);
  await files.write(`${directory}/${path}`, data, mode);
  if (uid !== undefined) await files.changeOwner(`${directory}/${path}`, uid, -1);
}

/** Whether the directory holds exactly these contents. Modes follow from the spec, which does not change. */
async function holds(files: HostFiles, directory: string, payload: Payload): Promise<boolean> {
  const present = await filesBelow(files, directory, "");
  if (present.length !== payload.size) return false;
  for (const [path, { data }] of payload) {
    const known = await files.read(`${directory}/${path}`);
    if (known === undefined || known.length !== data.length || !known.every((byte, index) => byte === data[index])) return false;
  }
  return true;
}

async function filesBelow(files: HostFiles, directory: string, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await files.list(directory)) {
    const stat = await files.lstat(`${directory}/${name}`);
    if (stat?.type === "directory") found.push(...(await filesBelow(files, `${directory}/${name}`, `${prefix}${name}/`)));
    else found.push(`${prefix}${name}`);
  }
  return found;
}

async function linkNames(files: HostFiles, directory: string, payload: Payload): Promise<void> {
  const wanted = new Set([...payload.keys()].map((path) => path.split("/")[0] ?? path));
  for (const name of await files.list(directory)) {
    if (!name.startsWith("..") && !wanted.has(name)) await files.remove(`${directory}/${name}`);
  }
  for (const name of wanted) {
    if ((await files.readLink(`${directory}/${name}`)) === undefined) await files.symlink(`${DATA}/${name}`, `${directory}/${name}`);
  }
}

/** `..2026_01_02_15_04_05.123456789`: hidden, and never used twice. */
function timestampedName(env: Env): string {
  const time = new Date(env.clock.now()).toISOString().slice(0, 19).replace(/[-:T]/g, "_");
  const chance = Array.from(env.random.bytes(4), (byte) => String(byte).padStart(3, "0")).join("");
  return `..${time}.${chance}`;
}
