// The official programs, built from their Go modules as go.mod pins them.
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import { ConformanceError, isOnPath, output } from "./process.ts";

/** go.mod stands here; the tool runs from the root of the checkout. */
const MODULE = resolve("conformance");

interface Program {
  readonly file: string;
  readonly package: string;
  /** A test binary instead of a command. */
  readonly test?: true;
}

const PROGRAMS: readonly Program[] = [
  { file: "e2e.test", package: "k8s.io/kubernetes/test/e2e", test: true },
  { file: "ginkgo", package: "github.com/onsi/ginkgo/v2/ginkgo" },
  { file: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl" },
  { file: "agnhost", package: "k8s.io/kubernetes/test/images/agnhost" },
  { file: "nnp", package: "k8s.io/kubernetes/test/images/nonewprivs" },
  { file: "sample-apiserver", package: "k8s.io/sample-apiserver" },
];

/** The version of Kubernetes that go.mod asks for, such as v1.36.3. */
export function suiteVersion(): string {
  const version = /^\s*k8s\.io\/kubernetes (v[\d.]+)$/m.exec(readFileSync(join(MODULE, "go.mod"), "utf8"))?.[1];
  if (version === undefined) throw new ConformanceError("conformance/go.mod does not require k8s.io/kubernetes");
  return version;
}

/** Builds what is missing in `folder`. */
export async function buildBinaries(folder: string, version: string): Promise<void> {
  const missing = PROGRAMS.filter(({ file }) => !existsSync(join(folder, file)));
  if (missing.length === 0) return;
  if (!isOnPath("go"))
    throw new ConformanceError(
      `Go is missing: the official programs (${missing.map(({ file }) => file).join(", ")}) are built from their Go modules.\n` +
        `Install Go ${goVersion()} or newer (https://go.dev/doc/install) so that "go" is on the PATH, and run this again. kubets itself needs no Go.`,
    );
  mkdirSync(folder, { recursive: true });
  for (const program of missing) await build(program, folder, version);
}

function goVersion(): string {
  return /^go ([\d.]+)$/m.exec(readFileSync(join(MODULE, "go.mod"), "utf8"))?.[1] ?? "";
}

/** One package at a time: the linker of e2e.test alone takes over 2 GB. */
async function build({ file, package: path, test }: Program, folder: string, version: string): Promise<void> {
  console.log(`building ${file} of ${version} ...`);
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const stamps = Object.entries({ gitVersion: version, gitMajor: major, gitMinor: minor }).map(
    ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
  );
  const unfinished = join(folder, `${file}.unfinished`);
  const how = test === undefined ? ["build"] : ["test", "-c", "-vet=off"];
  const args = ["-n", "10", "go", ...how, "-p", "1", "-ldflags", ["-s", "-w", ...stamps].join(" "), "-o", unfinished, path];
  await output({ program: "nice", args, cwd: MODULE, env: { GOFLAGS: "-mod=readonly -buildvcs=false", CGO_ENABLED: "0" }, show: true });
  renameSync(unfinished, join(folder, file));
}

/** Where Go keeps the files of a module, for what images need beside programs. */
export async function moduleFolder(module: string): Promise<string> {
  return (await output({ program: "go", args: ["list", "-m", "-f", "{{.Dir}}", module], cwd: MODULE })).trim();
}
