// Where a conformance run keeps what is no result: nothing of it is ever committed.
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

export function foldersIn(cache: string | undefined, version: string): Folders {
  const root = resolve(cache ?? process.env["KUBETS_CONFORMANCE_CACHE"] ?? join(homedir(), ".cache/kubets/conformance"));
  const built = join(root, version);
  return {
    binaries: join(built, "bin"),
    images: join(built, "images.tar"),
    tests: join(built, "tests.json"),
    cluster: join(root, "cluster"),
    kubeconfig: join(root, "kubeconfig"),
    run: join(root, "run"),
  };
}
