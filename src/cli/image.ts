// `kubets image load | build | ls`
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { ClusterPaths } from "../cluster/data-folder.ts";
import { buildFromFolder } from "../cluster/images/build.host.ts";
import { ImageError } from "../cluster/images/image-error.ts";
import { type ImageStore, importArchive, importArchiveBytes, listImages } from "../cluster/images/import.host.ts";
import { rememberImages } from "../cluster/images/loaded-images.host.ts";
import { nodeSocket, poweredNode } from "../cluster/nodes/node-machine.host.ts";
import { nodePaths } from "../cluster/nodes/node-record.ts";
import { readNodes } from "../cluster/nodes/node-records.host.ts";
import { type PlaceFlags, runningPlace } from "./place.ts";
import { UserError } from "./progress.ts";

export interface ImageFlags extends PlaceFlags {
  /** Absent: every node. */
  readonly node?: string;
}

const MEBIBYTE = 1024 * 1024;

export async function load(archive: string, flags: ImageFlags): Promise<void> {
  const file = resolve(archive);
  if (!existsSync(file)) throw new UserError(`there is no file ${file}`);
  for (const name of await bring(await chosenNodes(flags), (store) => importArchive(store, file))) console.log(`Loaded ${name}`);
}

export async function build(folder: string, flags: ImageFlags & { tag: string }): Promise<void> {
  const nodes = await chosenNodes(flags);
  const archive = await buildFromFolder(resolve(folder), flags.tag);
  for (const name of await bring(nodes, (store) => importArchiveBytes(store, archive))) console.log(`Built ${name}`);
}

export async function list(flags: ImageFlags): Promise<void> {
  const nodes = await chosenNodes(flags);
  for (const { name: node, store } of nodes)
    for (const { name, sizeBytes } of await listImages(store))
      console.log([...(nodes.length > 1 ? [node] : []), name, `${(sizeBytes / MEBIBYTE).toFixed(1)} MiB`].join("\t"));
}

interface ImageNode {
  readonly name: string;
  readonly store: ImageStore;
  /** The file that remembers what was brought in by hand. */
  readonly loadedImages: string;
}

/** Into all nodes at once; returns the names of the images. */
async function bring(nodes: readonly ImageNode[], into: (store: ImageStore) => Promise<string[]>): Promise<readonly string[]> {
  const names = await Promise.all(
    nodes.map(async ({ name: node, store, loadedImages }) => {
      const loaded = await into(store).catch((error: unknown) => {
        throw error instanceof ImageError && nodes.length > 1 ? new ImageError(`node ${node}: ${error.message}`) : error;
      });
      await rememberImages({ loadedImages }, loaded);
      return loaded;
    }),
  );
  return [...new Set(names.flat())];
}

/** Those that run, unless one is named. */
async function chosenNodes({ node: chosen, ...flags }: ImageFlags): Promise<readonly ImageNode[]> {
  const { paths, state } = await runningPlace(flags);
  if (!existsSync(paths.containerdSocket)) throw new UserError("this cluster simulates its containers: every image is there already");
  const first: ImageNode = { name: state.nodeName, store: { socket: paths.containerdSocket }, loadedImages: paths.loadedImages };
  const nodes = [first, ...(await furtherNodes(paths))];
  if (chosen === undefined) return nodes;
  const found = nodes.find(({ name }) => name === chosen);
  if (found === undefined) throw new UserError(`no node ${chosen} of this machine is running, but ${nodes.map(({ name }) => name).join(", ")}`);
  return [found];
}

/** Their containerds are reached through their first process's view of the file system. */
async function furtherNodes(paths: ClusterPaths): Promise<readonly ImageNode[]> {
  const nodes = await Promise.all(
    (await readNodes(paths)).map(async ({ name }) => {
      const pid = await poweredNode(paths, name);
      return pid === undefined ? [] : [{ name, store: { socket: nodeSocket(paths, pid) }, loadedImages: nodePaths(paths, name).loadedImages }];
    }),
  );
  return nodes.flat();
}
