// Images for the tests, built from the files of Debian's packages: no registry, no account, nothing but apt. The packages are
// kept under node_modules/.cache, so that only the first run downloads.
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildImageArchive, buildLayer, type ImageLayer, type ImageRunConfig } from "../../src/cluster/images/archive.host.ts";
import { entriesOfFolder } from "../../src/cluster/images/build.host.ts";
import { fullImageName } from "../../src/cluster/images/image-name.ts";
import { debianPackage } from "./debian-package.host.ts";

const run = promisify(execFile);

interface TestImage {
  readonly name: string;
  readonly packages: readonly string[];
  readonly config: ImageRunConfig;
  /** Puts the last touches to the unpacked root file system. */
  readonly finish: (root: string) => Promise<void>;
}

/** Where the shell of an image looks for programs. */
export const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export const busybox: TestImage = {
  name: "busybox:local",
  packages: ["busybox-static"],
  config: { Env: [searchPath], Cmd: ["sh"] },
  finish: async (root) => {
    const { stdout } = await run(join(root, "bin/busybox"), ["--list"]);
    for (const applet of stdout.trim().split("\n")) if (applet !== "busybox") await symlink("busybox", join(root, "bin", applet));
    await writeAccounts(root);
    await temporaryFolder(root);
    await rm(join(root, "usr"), { recursive: true, force: true });
  },
};

export const nginx: TestImage = {
  name: "nginx:local",
  packages: ["nginx", "nginx-common", "libc6", "libcrypt1", "libpcre2-8-0", "libssl3", "zlib1g", "libgcc-s1", "base-files"],
  config: { Env: [searchPath], Cmd: ["nginx", "-g", "daemon off;"], ExposedPorts: { "80/tcp": {} }, StopSignal: "SIGQUIT" },
  finish: async (root) => {
    await writeAccounts(root);
    await temporaryFolder(root);
    for (const folder of ["var/log/nginx", "var/lib/nginx", "run", "usr/share/doc"]) await mkdir(join(root, folder), { recursive: true });
    for (const file of ["access", "error"]) await symlink(`/dev/std${file === "access" ? "out" : "err"}`, join(root, `var/log/nginx/${file}.log`));
    for (const folder of ["usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/share/locale"])
      await rm(join(root, folder), { recursive: true, force: true });
    await rm(join(root, "etc/nginx/sites-enabled"), { recursive: true, force: true });
    await writeFile(join(root, "etc/nginx/nginx.conf"), nginxConfig);
  },
};

const nginxConfig = `user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 256; }
http {
  include mime.types;
  access_log /var/log/nginx/access.log;
  server {
    listen 80 default_server;
    root /usr/share/nginx/html;
    index index.html;
  }
}
`;

/** Builds `nginx:local` and `busybox:local` and gives the paths of their archives in `folder`. */
export async function buildTestImages(folder: string): Promise<string[]> {
  return [await buildTestImage(nginx, folder), await buildTestImage(busybox, folder)];
}

async function buildTestImage(image: TestImage, folder: string): Promise<string> {
  const layer = await layerOfPackages(image.packages, image.finish);
  const archive = await buildImageArchive({ names: [fullImageName(image.name)], layers: [layer], config: image.config });
  const file = join(folder, `${image.name.replace(":", "-")}.tar`);
  await writeFile(file, archive);
  return file;
}

/** A layer of the files of Debian's packages, after `finish` has put the last touches to them. */
export async function layerOfPackages(packages: readonly string[], finish: (root: string) => Promise<void>): Promise<ImageLayer> {
  const root = await mkdtemp(join(tmpdir(), "kubets-test-image-"));
  try {
    for (const name of packages) await run("dpkg", ["-x", await debianPackage(name), root]);
    await finish(root);
    return await buildLayer(await entriesOfFolder(root));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

const ACCOUNTS = ["root:x:0:0:root:/root:/bin/sh", "www-data:x:33:33:www-data:/var/www:/bin/false", "nobody:x:65534:65534:nobody:/:/bin/false"];
const GROUPS = ["root:x:0:", "adm:x:4:", "www-data:x:33:", "nogroup:x:65534:"];

/** Writes /etc/passwd and /etc/group, with lines of the image's own after the usual ones. */
export async function writeAccounts(root: string, accounts: readonly string[] = [], groups: readonly string[] = []): Promise<void> {
  await mkdir(join(root, "etc"), { recursive: true });
  await writeFile(join(root, "etc/passwd"), `${[...ACCOUNTS, ...accounts].join("\n")}\n`);
  await writeFile(join(root, "etc/group"), `${[...GROUPS, ...groups].join("\n")}\n`);
}

export async function temporaryFolder(root: string): Promise<void> {
  await mkdir(join(root, "tmp"), { recursive: true });
  await chmod(join(root, "tmp"), 0o1777);
}
