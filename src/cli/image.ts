// `kubets image load | build | ls`
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { buildFromFolder } from "../cluster/images/build.host.ts";
import { importArchive, importArchiveBytes, listImages } from "../cluster/images/import.host.ts";
import { type PlaceFlags, runningPlace } from "./place.ts";
import { UserError } from "./progress.ts";

const MEBIBYTE = 1024 * 1024;

export async function load(archive: string, flags: PlaceFlags): Promise<void> {
  const file = resolve(archive);
  if (!existsSync(file)) throw new UserError(`there is no file ${file}`);
  for (const name of await importArchive(await imageStore(flags), file)) console.log(`Loaded ${name}`);
}

export async function build(folder: string, flags: PlaceFlags & { tag: string }): Promise<void> {
  const store = await imageStore(flags);
  const archive = await buildFromFolder(resolve(folder), flags.tag);
  for (const name of await importArchiveBytes(store, archive)) console.log(`Built ${name}`);
}

export async function list(flags: PlaceFlags): Promise<void> {
  for (const { name, sizeBytes } of await listImages(await imageStore(flags))) console.log(`${name}\t${(sizeBytes / MEBIBYTE).toFixed(1)} MiB`);
}

async function imageStore(flags: PlaceFlags): Promise<{ socket: string }> {
  const { paths } = await runningPlace(flags);
  if (!existsSync(paths.containerdSocket)) throw new UserError("this cluster simulates its containers: every image is there already");
  return { socket: paths.containerdSocket };
}
