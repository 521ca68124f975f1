// `kubets image load | build | ls`
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { ClusterPaths } from "../cluster/data-folder.ts";
import { buildFromFolder } from "../cluster/images/build.host.ts";
import { type ImageStore, importArchive, importArchiveBytes, listImages } from "../cluster/images/import.host.ts";
import { rememberImages } from "../cluster/images/loaded-images.host.ts";
import { type PlaceFlags, runningPlace } from "./place.ts";
import { UserError } from "./progress.ts";

const MEBIBYTE = 1024 * 1024;

export async function load(archive: string, flags: PlaceFlags): Promise<void> {
  const file = resolve(archive);
  if (!existsSync(file)) throw new UserError(`there is no file ${file}`);
  const { store, paths } = await imageStore(flags);
  const names = await importArchive(store, file);
  await rememberImages(paths, names);
  for (const name of names) console.log(`Loaded ${name}`);
}

export async function build(folder: string, flags: PlaceFlags & { tag: string }): Promise<void> {
  const { store, paths } = await imageStore(flags);
  const archive = await buildFromFolder(resolve(folder), flags.tag);
  const names = await importArchiveBytes(store, archive);
  await rememberImages(paths, names);
  for (const name of names) console.log(`Built ${name}`);
}

export async function list(flags: PlaceFlags): Promise<void> {
  for (const { name, sizeBytes } of await listImages((await imageStore(flags)).store)) console.log(`${name}\t${(sizeBytes / MEBIBYTE).toFixed(1)} MiB`);
}

async function imageStore(flags: PlaceFlags): Promise<{ store: ImageStore; paths: ClusterPaths }> {
  const { paths } = await runningPlace(flags);
  if (!existsSync(paths.containerdSocket)) throw new UserError("this cluster simulates its containers: every image is there already");
  return { store: { socket: paths.containerdSocket }, paths };
}
