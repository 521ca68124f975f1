// Where a conformance run keeps what is no result: nothing of it is ever committed.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

export interface Folders {
  /** Go binaries of one version of the suite. */
  readonly binaries: string;
  /** One archive with all images. */
  readonly images: string;
  /** The names of the suite's tests, as it told them. */
  readonly tests: string;
  /** The cluster's data folder. */
  readonly cluster: string;
  readonly kubeconfig: string;
  /** Reports and logs of the newest run. */
  readonly run: string;
}

/** What the images are made by: when it changes, they are made again. The tool runs from the root of the checkout. */
const IMAGES = ["conformance/images.ts", "test/images/build.host.ts"];

function fingerprint(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 12);
}

export function foldersIn(cache: string | undefined, version: string): Folders {
  const root = resolve(cache ?? process.env["KUBETS_CONFORMANCE_CACHE"] ?? join(homedir(), ".cache/kubets/conformance"));
  const built = join(root, version);
  return {
    binaries: join(built, "bin"),
    images: join(built, `images-${fingerprint(IMAGES)}.tar`),
    tests: join(built, "tests.json"),
    cluster: join(root, "cluster"),
    kubeconfig: join(root, "kubeconfig"),
    run: join(root, "run"),
  };
}
