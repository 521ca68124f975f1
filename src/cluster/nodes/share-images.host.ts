// Images that were brought in by hand, for nodes that were not there at the time: nobody could pull them.
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterPaths } from "../data-folder.ts";
import { ctr, importArchive, listImages } from "../images/import.host.ts";
import { loadedImages, rememberImages } from "../images/loaded-images.host.ts";
import { nodeSocket } from "./node-machine.host.ts";
import { nodePaths } from "./node-record.ts";

/** Copies what the first node has and the node lacks. Returns the names. `pid`: of the node's first process. */
export async function shareLoadedImages(paths: ClusterPaths, name: string, pid: number): Promise<readonly string[]> {
  const own = nodePaths(paths, name);
  const known = new Set(await loadedImages(own));
  const wanted = (await loadedImages(paths)).filter((image) => !known.has(image));
  if (wanted.length === 0) return [];
  const first = { socket: paths.containerdSocket };
  const present = new Set((await listImages(first)).map((image) => image.name));
  const names = wanted.filter((image) => present.has(image));
  if (names.length === 0) return [];
  const folder = await mkdtemp(join(paths.data, "images-"));
  try {
    const file = join(folder, "images.tar");
    await ctr(first, ["images", "export", file, ...names]);
    await importArchive({ socket: nodeSocket(paths, pid) }, file);
    await rememberImages(own, names);
    return names;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
