// Images for the tests, built from the files of Debian's packages: no registry, no account, nothing but apt. The packages are
// kept under node_modules/.cache, so that only the first run downloads.
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildImageArchive, buildLayer, type ImageRunConfig } from "../../src/cluster/images/archive.host.ts";
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

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const busybox: TestImage = {
  name: "busybox:local",
  packages: ["busybox-static"],
  config: { Env: [path], Cmd: ["sh"] },
  finish: async (root) => {
    const { stdout } = await run(join(root, "bin/busybox"), ["--list"]);
    for (const applet of stdout.trim().split("\n")) if (applet !== "busybox") await symlink("busybox", join(root, "bin", applet));
    await writeAccounts(root);
    await temporaryFolder(root);
    await rm(join(root, "usr"), { recursive: true, force: true });
  },
};

const nginx: TestImage = {
  name: "nginx:local",
  packages: ["nginx", "nginx-common", "libc6", "libcrypt1", "libpcre2-8-0", "libssl3", "zlib1g", "libgcc-s1", "base-files"],
  config: { Env: [path], Cmd: ["nginx", "-g", "daemon off;"], ExposedPorts: { "80/tcp": {} }, StopSignal: "SIGQUIT" },
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
  const root = await mkdtemp(join(tmpdir(), "kubets-test-image-"));
  try {
    for (const name of image.packages) await run("dpkg", ["-x", await debianPackage(name), root]);
    await image.finish(root);
    const layer = await buildLayer(await entriesOfFolder(root));
    const archive = await buildImageArchive({ names: [fullImageName(image.name)], layers: [layer], config: image.config });
    const file = join(folder, `${image.name.replace(":", "-")}.tar`);
    await writeFile(file, archive);
    return file;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function writeAccounts(root: string): Promise<void> {
  await mkdir(join(root, "etc"), { recursive: true });
  await writeFile(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
  );
  await writeFile(join(root, "etc/group"), "root:x:0:\nadm:x:4:\nwww-data:x:33:\nnogroup:x:65534:\n");
}

async function temporaryFolder(root: string): Promise<void> {
  await mkdir(join(root, "tmp"), { recursive: true });
  await chmod(join(root, "tmp"), 0o1777);
}
