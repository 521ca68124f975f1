// Images of the node's own containerd: import, list, export. Done with containerd's `ctr`, which Debian's package brings.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createSystemEnv } from "../../base/index.host.ts";
import { createCriRuntime } from "../../kubelet/index.host.ts";
import type { ContainerRuntime } from "../../kubelet/index.ts";
import { buildImageArchive, buildLayer } from "./archive.host.ts";
import { ImageError } from "./image-error.ts";
import { pauseImage, pauseProgram } from "./pause.ts";

const run = promisify(execFile);
const maxOutputBytes = 16 * 1024 * 1024;
/** What a runtime mounts over in a sandbox. What is not there it makes anew in each. */
const MOUNT_POINTS = ["dev", "etc", "proc", "sys"];

/** Where a cluster's images live. */
export interface ImageStore {
  /** The node's containerd. */
  readonly socket: string;
}

/** Runs `ctr` in Kubernetes' namespace of the store and returns its standard output. */
export async function ctr(store: ImageStore, command: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run("ctr", ["--address", store.socket, "--namespace", "k8s.io", ...command], { maxBuffer: maxOutputBytes });
    return stdout;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new ImageError((stderr?.trim() || message).replace(/^ctr: /, ""));
  }
}

/** Imports a docker or OCI archive and returns the names of its images. */
export async function importArchive(store: ImageStore, file: string): Promise<string[]> {
  const output = await ctr(store, ["images", "import", file]).catch((error: Error) => {
    throw new ImageError(`cannot import ${file}, which must be an archive that "docker save" or another OCI tool wrote: ${error.message}`);
  });
  return [...output.matchAll(/^unpacking (\S+)/gm)].map((match) => match[1] ?? "");
}

export async function importArchiveBytes(store: ImageStore, archive: Uint8Array): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "kubets-image-"));
  try {
    const file = join(folder, "image.tar");
    await writeFile(file, archive);
    return await importArchive(store, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The images that the node has, by name; one image may have several. */
export async function listImages(store: ImageStore): Promise<{ readonly name: string; readonly sizeBytes: number }[]> {
  const images = await askRuntime(store, (runtime) => runtime.listImages());
  return images.flatMap(({ repoTags, sizeBytes }) => repoTags.map((name) => ({ name, sizeBytes }))).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** One question to the runtime, over a connection of its own. */
export async function askRuntime<T>(store: ImageStore, ask: (runtime: ContainerRuntime) => Promise<T>): Promise<T> {
  const runtime = createCriRuntime(createSystemEnv({ logLevel: "error" }), store);
  try {
    return await ask(runtime);
  } finally {
    runtime.close();
  }
}

/** Makes sure that the sandbox image is there. It comes out of this program, not from a network. */
export async function importPauseImage(store: ImageStore): Promise<void> {
  if ((await askRuntime(store, (runtime) => runtime.imageStatus(pauseImage))) !== undefined) return;
  if (process.arch !== "x64") throw new ImageError(`kubets brings its sandbox program for x86-64 only, and this machine is ${process.arch}`);
  const layer = await buildLayer([
    { path: "pause", type: "file", mode: 0o755, content: pauseProgram },
    ...MOUNT_POINTS.map((path) => ({ path, type: "directory" }) as const),
    { path: "etc/resolv.conf", type: "file" },
  ]);
  await importArchiveBytes(store, await buildImageArchive({ names: [pauseImage], layers: [layer], config: { Entrypoint: ["/pause"], User: "65535:65535" } }));
}
