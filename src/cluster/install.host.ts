// What a node with real containers needs of the machine, and its installation on Debian and Ubuntu.
//
// Invariants: nothing is installed without saying what and why; no system service is left running or enabled that was not
// there before.
import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { findExecutable } from "./executables.host.ts";

const run = promisify(execFile);
const servicePolicy = "/usr/sbin/policy-rc.d";
const cniFolders = ["/usr/lib/cni", "/opt/cni/bin"];

export class InstallError extends Error {
  override readonly name = "InstallError";
}

interface Requirement {
  readonly debianPackage: string;
  readonly why: string;
  readonly isThere: () => boolean;
}

/** Installed along with what is required, but a machine without them will do. */
const companions: readonly Requirement[] = [
  { debianPackage: "conntrack", why: "ends UDP flows to pods that are gone", isThere: () => isInstalled("conntrack") },
];

const requirements: readonly Requirement[] = [
  {
    debianPackage: "containerd",
    why: "runs the containers",
    isThere: () => isInstalled("containerd") && isInstalled("ctr") && isInstalled("containerd-shim-runc-v2"),
  },
  { debianPackage: "runc", why: "starts a container's first process", isThere: () => isInstalled("runc") },
  { debianPackage: "containernetworking-plugins", why: "connects pods to the network", isThere: () => cniPluginFolder() !== undefined },
  { debianPackage: "nftables", why: "routes services to pods", isThere: () => isInstalled("nft") },
  { debianPackage: "iproute2", why: "sets up the node's network", isThere: () => isInstalled("ip") },
];

export interface InstallOptions {
  /** False only reports what is missing. */
  readonly install: boolean;
  readonly report: (text: string) => void;
}

/** Throws `InstallError`, which names what is missing and how to get it, when something remains missing. */
export async function installMissing({ install, report }: InstallOptions): Promise<void> {
  const missing = requirements.filter((requirement) => !requirement.isThere());
  if (missing.length === 0) return;
  const wanted = install ? [...missing, ...companions.filter((companion) => !companion.isThere())] : missing;
  const packages = wanted.map((requirement) => requirement.debianPackage);
  const list = wanted.map((requirement) => `${requirement.debianPackage} (${requirement.why})`).join(", ");
  const command = `apt-get install ${packages.join(" ")}`;
  if (!install) throw new InstallError(`missing: ${list}. Install with "${command}", or start without --no-install`);
  if (!isDebian() || !isInstalled("apt-get"))
    throw new InstallError(`missing: ${list}. kubets installs them on Debian and Ubuntu only; install them with this system's package manager`);
  report(`Installing ${list}`);
  await withoutStartingServices(() => aptInstall(packages));
  if (packages.includes("containerd")) await disableService("containerd");
  const remaining = missing.filter((requirement) => !requirement.isThere());
  if (remaining.length > 0) throw new InstallError(`still missing after "${command}": ${remaining.map((requirement) => requirement.debianPackage).join(", ")}`);
  report(`Installed ${packages.join(", ")}`);
}

/** The folder of the CNI plugins, wherever the distribution puts them. */
export function cniPluginFolder(): string | undefined {
  return cniFolders.find((folder) => ["bridge", "host-local", "loopback"].every((plugin) => existsSync(join(folder, plugin))));
}

function isInstalled(program: string): boolean {
  return findExecutable(program) !== undefined;
}

function isDebian(): boolean {
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  return /^ID(?:_LIKE)?=.*(?:debian|ubuntu)/m.test(release);
}

/** Package lists may be missing or old: they are fetched only when the installation fails without. */
async function aptInstall(packages: readonly string[]): Promise<void> {
  const install = () => apt(["install", "--yes", "--no-install-recommends", ...packages]);
  if (await succeeds(install())) return;
  await apt(["update"]);
  await install();
}

async function succeeds(work: Promise<void>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

function apt(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const child = spawn("apt-get", ["-o", "DPkg::Lock::Timeout=120", ...args], { env, stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-2000);
    });
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new InstallError(`apt-get ${args.join(" ")} failed: ${errors.trim()}`))));
  });
}

/** Debian starts the services of what it installs, unless a policy program forbids it (invoke-rc.d(8), exit code 101). */
async function withoutStartingServices(work: () => Promise<void>): Promise<void> {
  const ours = !existsSync(servicePolicy);
  if (ours) await writeFile(servicePolicy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await work();
  } finally {
    if (ours) await rm(servicePolicy, { force: true });
  }
}

async function disableService(service: string): Promise<void> {
  if (!existsSync("/run/systemd/system")) return;
  await run("systemctl", ["disable", "--now", service]);
}
