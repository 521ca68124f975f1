// The images that the conformance tests name, made here: no registry is asked. Programs come from the suite's own Go modules and
// from Debian's packages; what each test needs of an image is in the image's folder of
// https://github.com/kubernetes/kubernetes/tree/v1.36.3/test/images.
//
// Invariant: an image has the very name that `e2e.test --list-images` prints, and two tags of one program are two images, for tests
// change from one to the other and look at the difference.
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildImageArchive, buildLayer, type ImageArchive, type ImageLayer, type ImageRunConfig } from "../src/cluster/images/archive.host.ts";
import { entriesOfFolder } from "../src/cluster/images/build.host.ts";
import { pauseProgram } from "../src/cluster/images/pause.ts";
import { busybox, layerOfPackages, nginx, searchPath, temporaryFolder, writeAccounts } from "../test/images/build.host.ts";
import { installablePackages } from "../test/images/debian-package.host.ts";
import { moduleFolder } from "./binaries.ts";
import type { Folders } from "./folders.ts";
import { ConformanceError, output } from "./process.ts";

/** The programs that tests call in agnhost's image and in the one that probes DNS through glibc. */
const TOOLS = ["bash", "dash", "libc-bin", "curl", "bind9-dnsutils", "netcat-openbsd", "busybox-static"];

interface Recipe {
  readonly repository: string;
  readonly layers: readonly ImageLayer[];
  readonly config: ImageRunConfig;
}

/** Makes the archive of all images unless it is there. */
export async function buildImages(folders: Folders): Promise<void> {
  if (existsSync(folders.images)) return;
  console.log("making the images ...");
  const printed = await output({ program: join(folders.binaries, "e2e.test"), args: ["--list-images"] });
  const archive = await buildImageArchive(...namedImages(await recipes(folders.binaries), printed.trim().split("\n")));
  const folder = dirname(folders.images);
  for (const old of readdirSync(folder)) if (/^images.*\.tar/.test(old)) rmSync(join(folder, old));
  writeFileSync(`${folders.images}.unfinished`, archive);
  renameSync(`${folders.images}.unfinished`, folders.images);
}

function namedImages(made: readonly Recipe[], listed: readonly string[]): ImageArchive[] {
  return made.flatMap(({ repository, layers, config }) => {
    const names = listed.filter((name) => name.startsWith(`${repository}:`));
    if (names.length === 0) throw new ConformanceError(`the suite lists no image ${repository}`);
    return names.map((name) => ({ names: [name], layers, config: { ...config, Labels: { "org.opencontainers.image.ref.name": name } } }));
  });
}

async function recipes(binaries: string): Promise<Recipe[]> {
  const tests = "registry.k8s.io/e2e-test-images";
  const sources = join(await moduleFolder("k8s.io/kubernetes"), "test/images");
  const tools = await layerOfPackages(await installablePackages(TOOLS), withTools);
  const agnhost = await layerOfFiles((root) => agnhostFiles(root, join(binaries, "agnhost"), join(sources, "agnhost/porter")));
  const served = { Env: [searchPath], Entrypoint: ["/agnhost"], Cmd: ["test-webserver"] };
  return [
    { repository: `${tests}/agnhost`, layers: [tools, agnhost], config: { ...served, Cmd: ["pause"] } },
    { repository: `${tests}/glibc-dns-testing`, layers: [tools], config: { Env: [searchPath], Cmd: ["bash"] } },
    ...(await Promise.all(
      ["kitten", "nautilus"].map(async (name) => ({
        repository: `${tests}/${name}`,
        layers: [tools, agnhost, await layerOfFiles((root) => pictureFiles(root, join(sources, name, "html"), name))],
        config: served,
      })),
    )),
    { repository: `${tests}/busybox`, layers: [await layerOfPackages([...busybox.packages, "bash-static"], withBash)], config: busybox.config },
    { repository: `${tests}/nginx`, layers: [await layerOfPackages(nginx.packages, nginx.finish)], config: nginx.config },
    {
      repository: `${tests}/nonewprivs`,
      layers: [await layerOfFiles((root) => put(join(binaries, "nnp"), join(root, "usr/local/bin/nnp"), 0o6755))],
      config: { Env: [searchPath], Cmd: ["nnp"] },
    },
    {
      repository: `${tests}/sample-apiserver`,
      layers: [await layerOfFiles((root) => put(join(binaries, "sample-apiserver"), join(root, "sample-apiserver"), 0o755))],
      config: { Entrypoint: ["/sample-apiserver"] },
    },
    {
      repository: "registry.k8s.io/etcd",
      layers: [await layerOfPackages(["etcd-server", "libc6"], withEtcd)],
      config: { Env: [searchPath], Cmd: ["etcd"] },
    },
    {
      repository: "registry.k8s.io/pause",
      layers: [await buildLayer([{ path: "pause", type: "file", mode: 0o755, content: pauseProgram }])],
      config: { Entrypoint: ["/pause"], User: "65535:65535" },
    },
  ];
}

async function layerOfFiles(fill: (root: string) => void): Promise<ImageLayer> {
  const root = mkdtempSync(join(tmpdir(), "kubets-conformance-image-"));
  try {
    fill(root);
    return await buildLayer(await entriesOfFolder(root));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function put(source: string, target: string, mode: number): void {
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
  chmodSync(target, mode);
}

/**
 * Debian's busybox passes on no variables whose names its shell could not set itself, such as `data-1`: what is called as `sh` is
 * another shell. `/bin/sh` stays busybox, whose error texts tests compare.
 */
async function withBash(root: string): Promise<void> {
  await busybox.finish(root);
  mkdirSync(join(root, "usr/local/bin"), { recursive: true });
  symlinkSync("/bin/bash-static", join(root, "usr/local/bin/sh"));
}

/** Busybox stands for every program that no package brought; documents are left out. */
async function withTools(root: string): Promise<void> {
  symlinkSync("nc.openbsd", join(root, "bin/nc"));
  const applets = (await output({ program: join(root, "bin/busybox"), args: ["--list"] })).trim().split("\n");
  const brought = (applet: string): boolean => ["bin", "sbin", "usr/bin", "usr/sbin"].some((folder) => existsSync(join(root, folder, applet)));
  for (const applet of applets) if (!brought(applet)) symlinkSync("busybox", join(root, "bin", applet));
  for (const folder of ["doc", "man", "lintian", "locale", "info"]) rmSync(join(root, "usr/share", folder), { recursive: true, force: true });
  await writeAccounts(
    root,
    ["user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh"],
    ["user-defined-in-image:x:1000:", "group-defined-in-image:x:50000:user-defined-in-image"],
  );
  await temporaryFolder(root);
}

function agnhostFiles(root: string, program: string, certificates: string): void {
  put(program, join(root, "agnhost"), 0o755);
  for (const file of ["localhost.crt", "localhost.key"]) put(join(certificates, file), join(root, file), 0o644);
  symlinkSync("agnhost", join(root, "agnhost-2"));
  mkdirSync(join(root, "uploads"));
}

/** A test of image volumes reads the distribution's name in kitten's, which upstream builds on another one. */
function pictureFiles(root: string, pictures: string, name: string): void {
  for (const file of [`${name}.jpg`, "data.json"]) put(join(pictures, file), join(root, file), 0o644);
  mkdirSync(join(root, "etc"));
  writeFileSync(join(root, "etc/os-release"), 'NAME="Debian GNU/Linux"\nID=debian\nPRETTY_NAME="Debian in place of Alpine Linux, for the tests of kubets"\n');
}

async function withEtcd(root: string): Promise<void> {
  mkdirSync(join(root, "usr/local/bin"), { recursive: true });
  symlinkSync("/usr/bin/etcd", join(root, "usr/local/bin/etcd"));
  await temporaryFolder(root);
}
