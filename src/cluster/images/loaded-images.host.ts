// Remembers which images were brought in by hand: the kubelet must not remove them for want of space, for nobody could pull them
// again.
import { readFile } from "node:fs/promises";
import { replaceFile } from "../../kubeadm/index.host.ts";

/** Where a node keeps them: a file with a name on each line. */
interface Memory {
  readonly loadedImages: string;
}

export async function loadedImages({ loadedImages: file }: Memory): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text.split("\n").filter((name) => name !== "");
}

export async function rememberImages(paths: Memory, names: readonly string[]): Promise<void> {
  const known = new Set(await loadedImages(paths));
  const all = new Set([...known, ...names]);
  if (all.size > known.size) await replaceFile(paths.loadedImages, [...all].map((name) => `${name}\n`).join(""), 0o644);
}
