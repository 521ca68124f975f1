// Upstream's programs: from the folder in $UPSTREAM_BIN, else built from their Go modules into a cache folder outside the repository. The
// module that names their versions is bench/upstream/go.mod. etcd is the release that this kube-apiserver is made for: with an older one it
// reads lists from etcd that it would have in memory.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { progress } from "./table.ts";

const PACKAGES = {
  etcd: "go.etcd.io/etcd/server/v3",
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
  "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
  "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
  "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
} as const;
export type UpstreamProgram = keyof typeof PACKAGES;

const MODULE = join("bench", "upstream");

/** `v1.36.3`, for instance. */
export function upstreamVersion(): string {
  const version = /k8s\.io\/kubernetes (v\S+)/.exec(readFileSync(join(MODULE, "go.mod"), "utf8"))?.[1];
  if (version === undefined) throw new Error(`${MODULE}/go.mod does not name k8s.io/kubernetes`);
  return version;
}

/** Where the program is; it is built when it is not there yet, which takes minutes. */
export function upstreamProgram(name: UpstreamProgram): string {
  const given = process.env["UPSTREAM_BIN"];
  if (given !== undefined && existsSync(join(given, name))) return join(given, name);
  const folder = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "kubets", "upstream", upstreamVersion());
  const program = join(folder, name);
  if (!existsSync(program)) buildProgram(name, folder);
  return program;
}

export function etcdVersion(): string {
  return /etcd Version: (\S+)/.exec(execFileSync(upstreamProgram("etcd"), ["--version"], { encoding: "utf8" }))?.[1] ?? "";
}

function buildProgram(name: UpstreamProgram, folder: string): void {
  if (spawnSync("go", ["version"]).status !== 0)
    throw new Error(`upstream's ${name} is not built, and go is missing: install Go (https://go.dev/doc/install), or name a folder with it in $UPSTREAM_BIN`);
  progress(`Building ${name} for ${upstreamVersion()} in ${folder} ...`);
  mkdirSync(folder, { recursive: true });
  const [major, minor] = upstreamVersion().slice(1).split(".");
  const facts = { gitVersion: upstreamVersion(), gitMajor: major, gitMinor: minor };
  const versions = Object.entries(facts).map(([fact, value]) => `-X k8s.io/component-base/version.${fact}=${value}`);
  const unfinished = join(folder, `${name}.unfinished`);
  const args = ["build", "-ldflags", ["-s", "-w", ...versions].join(" "), "-o", unfinished, PACKAGES[name]];
  const env = { ...process.env, GOFLAGS: "-mod=readonly -buildvcs=false" };
  execFileSync("go", args, { cwd: MODULE, stdio: ["ignore", "inherit", "inherit"], env });
  renameSync(unfinished, join(folder, name));
}
