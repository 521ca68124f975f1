// Debian's packages as files, for tests: downloaded once, kept under node_modules/.cache.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Tests and benchmarks run from the root of the checkout. */
const cache = join(process.cwd(), "node_modules/.cache/kubets-test-packages");

/** The path of the package's .deb file. */
export async function debianPackage(name: string): Promise<string> {
  await mkdir(cache, { recursive: true });
  const cached = async () => (await readdir(cache)).find((file) => file.startsWith(`${name}_`) && file.endsWith(".deb"));
  if ((await cached()) === undefined) await download(name);
  const file = await cached();
  if (file === undefined) throw new Error(`apt-get download ${name} left no package`);
  return join(cache, file);
}

async function download(name: string): Promise<void> {
  await withPackageLists(() => run("apt-get", ["download", name], { cwd: cache }));
}

/** A fresh machine has no lists of packages, or old ones. */
async function withPackageLists<T>(attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch {
    await run("apt-get", ["update"]);
    return attempt();
  }
}

/** The packages and all that they depend on, as apt would install them on a machine that has nothing. */
export async function installablePackages(names: readonly string[]): Promise<string[]> {
  const options = ["--simulate", "--no-install-recommends", "--option=Dir::State::status=/dev/null"];
  const { stdout } = await withPackageLists(() => run("apt-get", [...options, "install", ...names]));
  return [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name ?? "");
}

/** The folder into which the package's files are unpacked. */
export async function unpackedPackage(name: string): Promise<string> {
  const folder = join(cache, `${name}-unpacked`);
  if (!existsSync(folder)) await run("dpkg", ["-x", await debianPackage(name), folder]);
  return folder;
}
