// Images built from folders: with a Dockerfile of the supported instructions, or a folder as it is.
//
// Invariant: nothing outside the folder gets into the image, also not through symbolic links: links are copied as links.
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";
import { buildImageArchive, buildLayer, type LayerEntry } from "./archive.host.ts";
import { type CopyInstruction, parseDockerfile } from "./dockerfile.ts";
import { ImageError } from "./image-error.ts";
import { fullImageName, isImageName } from "./image-name.ts";

/** The archive of the image that the folder's Dockerfile describes. Throws `ImageError`. */
export async function buildFromFolder(folder: string, tag: string): Promise<Uint8Array> {
  const name = fullImageName(tag);
  if (!isImageName(name)) throw new ImageError(`"${tag}" cannot name an image; use lower-case letters, digits, and a tag after a colon, such as web:1`);
  const file = join(folder, "Dockerfile");
  const text = await readFile(file, "utf8").catch(() => {
    throw new ImageError(`there is no ${file}`);
  });
  const plan = parseDockerfile(text);
  const layers = [];
  for (const copy of plan.copies) layers.push(await buildLayer(await copiedEntries(folder, copy)));
  return buildImageArchive({ names: [name], layers: layers.length > 0 ? layers : [await buildLayer([])], config: plan.config });
}

/** Everything under `folder`, parents first, with its permissions; owned by root. `at` is where it is put in the image. */
export async function entriesOfFolder(folder: string, at = ""): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = [];
  for (const name of (await readdir(folder)).sort()) entries.push(...(await entriesOf(join(folder, name), at === "" ? name : `${at}/${name}`)));
  return entries;
}

async function entriesOf(source: string, path: string): Promise<LayerEntry[]> {
  const status = await lstat(source);
  const mode = status.mode & 0o7777;
  if (status.isSymbolicLink()) return [{ path, type: "symlink", linkTarget: await readlink(source) }];
  if (status.isDirectory()) return [{ path, type: "directory", mode }, ...(await entriesOfFolder(source, path))];
  if (status.isFile()) return [{ path, type: "file", mode, content: await readFile(source) }];
  throw new ImageError(`${source} is neither a file, a folder nor a symbolic link`);
}

async function copiedEntries(folder: string, copy: CopyInstruction): Promise<LayerEntry[]> {
  const intoFolder = copy.destination.endsWith("/") || copy.sources.length > 1;
  const destination = copy.destination.replace(/^\/|\/$/g, "");
  const entries: LayerEntry[] = [];
  for (const text of copy.sources) {
    const source = insideOf(folder, text);
    const status = await lstat(source).catch(() => {
      throw new ImageError(`COPY: there is no ${text} in ${folder}`);
    });
    // As Docker does it, a folder's content is copied, not the folder itself.
    if (status.isDirectory()) entries.push(...(await entriesOfFolder(source, destination)));
    else entries.push(...(await entriesOf(source, intoFolder ? joined(destination, basename(source)) : destination)));
  }
  const owned = entries.map((entry) => ({ ...entry, uid: copy.uid, gid: copy.gid, mode: entry.type === "file" ? (copy.mode ?? entry.mode) : entry.mode }));
  return [...parentsOf(owned), ...owned];
}

function joined(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

function insideOf(folder: string, text: string): string {
  const source = resolve(folder, text.replace(/^\/+/, ""));
  const path = relative(folder, source);
  if (path === ".." || path.startsWith(`..${sep}`)) throw new ImageError(`COPY ${text}: the source must be inside ${folder}`);
  return source;
}

/** The folders that the entries stand in and that are not entries themselves. */
function parentsOf(entries: readonly LayerEntry[]): LayerEntry[] {
  const known = new Set(entries.map((entry) => entry.path));
  const parents = new Set<string>();
  for (const { path } of entries) {
    const parts = path.split("/").slice(0, -1);
    for (let length = 1; length <= parts.length; length++) {
      const parent = parts.slice(0, length).join("/");
      if (!known.has(parent)) parents.add(parent);
    }
  }
  return [...parents].sort().map((path) => ({ path, type: "directory" }));
}
