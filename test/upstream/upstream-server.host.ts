// Upstream's API server over etcd, for the time of a recording. It runs alone: no controllers, no scheduler, no nodes.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOKENS } from "./recorder.host.ts";

const PORT = 16443;
const ETCD_PORT = 12379;
const START_LIMIT_MS = 60_000;

export interface Upstream {
  readonly server: string;
  stop(): Promise<void>;
}

/** `programs` is the folder of kube-apiserver; etcd and openssl are on the PATH. */
export async function startUpstream(programs: string): Promise<Upstream> {
  const folder = mkdtempSync(join(tmpdir(), "kubets-upstream-"));
  const children: ChildProcess[] = [];
  const start = (name: string, program: string, args: readonly string[]): void => {
    const log = openSync(join(folder, `${name}.log`), "w");
    children.push(spawn(program, args, { stdio: ["ignore", log, log] }));
  };
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) {
      const ended = new Promise((resolve) => child.on("close", resolve));
      if (child.exitCode === null && child.kill("SIGKILL")) await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const key = join(folder, "service-accounts.key");
  execFileSync("openssl", ["genrsa", "-out", key, "2048"], { stdio: "ignore" });
  const tokens = join(folder, "tokens.csv");
  writeFileSync(tokens, `${TOKENS.admin},admin,1,"system:masters"\n${TOKENS.jane},jane,2\n`);
  const etcd = `http://127.0.0.1:${ETCD_PORT}`;
  const peer = `http://127.0.0.1:${ETCD_PORT + 1}`;
  start("etcd", "etcd", [
    "--data-dir",
    join(folder, "etcd"),
    "--unsafe-no-fsync",
    "--listen-client-urls",
    etcd,
    "--advertise-client-urls",
    etcd,
    "--listen-peer-urls",
    peer,
  ]);
  start("kube-apiserver", join(programs, "kube-apiserver"), [
    `--etcd-servers=${etcd}`,
    `--cert-dir=${join(folder, "certificates")}`,
    `--secure-port=${PORT}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=192.0.2.2",
    `--token-auth-file=${tokens}`,
    "--authorization-mode=Node,RBAC",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--enable-admission-plugins=NodeRestriction",
    "--allow-privileged=true",
    "--enable-bootstrap-token-auth=true",
  ]);
  const server = `https://127.0.0.1:${PORT}`;
  const endMs = performance.now() + START_LIMIT_MS;
  while (!(await isReady(server))) {
    const ended = children.some((child) => child.exitCode !== null || child.signalCode !== null);
    if (ended || performance.now() > endMs) {
      await stop();
      throw new Error(ended ? "upstream's API server or etcd has ended: something else has its port" : "upstream's API server does not get ready");
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return { server, stop };
}

function isReady(server: string): Promise<boolean> {
  return new Promise((resolve) => {
    get(`${server}/readyz`, { rejectUnauthorized: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on("error", () => resolve(false));
  });
}
