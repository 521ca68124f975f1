// The two sides of a comparison: kubets' API server over its own store, and upstream's over etcd. Both write to the same disk and answer
// after the write is on it; both serve the same certificates on the same port, so that one is up at a time.
import { mkdirSync } from "node:fs";
import { get } from "node:https";
import { join } from "node:path";
import type { ControlPlaneProgram, Credentials } from "./credentials.ts";
import { bundle, type RunningProgram, startProgram, until } from "./processes.ts";
import type { SideName } from "./table.ts";
import { upstreamProgram } from "./upstream-programs.ts";

export interface Side {
  readonly name: SideName;
  readonly pids: readonly number[];
  /** Throws when one of the processes has ended. */
  check(): void;
  /** Sends it to all of them. */
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

export interface SideOptions {
  readonly credentials: Credentials;
  /** Of this start alone: nothing may be in it. */
  readonly folder: string;
  /** A folder for a CPU profile of our processes, written when they end. */
  readonly profile?: string;
}

const ETCD_PORT = 12_379;
export const KUBETS_METRICS_PORT = 11_259;
export const UPSTREAM_SCHEDULER_PORT = 11_260;
const UPSTREAM_MANAGER_PORT = 11_261;

/** Resolves as soon as `/readyz` answers. */
export async function startSide(name: SideName, options: SideOptions): Promise<Side> {
  return name === "kubets" ? startKubets(options) : startUpstream(options);
}

export async function startKubets(options: SideOptions, isWhole = false): Promise<Side> {
  const { credentials, folder } = options;
  const file = await bundle("bench/programs/api-server.ts");
  mkdirSync(folder, { recursive: true });
  const told: ControlPlaneProgram = { folder: join(folder, "store"), credentials: credentials.folder, port: credentials.port, isWhole };
  const args = [...profileFlags(options), file, JSON.stringify(told)];
  return whenReady("kubets", credentials, [startProgram({ name: "kubets", program: process.execPath, args, folder })]);
}

async function startUpstream({ credentials, folder }: SideOptions): Promise<Side> {
  mkdirSync(folder, { recursive: true });
  const url = `http://127.0.0.1:${ETCD_PORT}`;
  const peers = `http://127.0.0.1:${ETCD_PORT + 1}`;
  const etcd = startProgram({
    name: "etcd",
    program: upstreamProgram("etcd"),
    args: [
      ...["--data-dir", join(folder, "etcd"), "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peers],
      ...["--initial-advertise-peer-urls", peers, "--initial-cluster", `default=${peers}`, "--quota-backend-bytes", String(8 * 2 ** 30)],
    ],
    folder,
  });
  const apiServer = startProgram({ name: "kube-apiserver", program: upstreamProgram("kube-apiserver"), args: apiServerFlags(credentials, url), folder });
  return whenReady("upstream", credentials, [etcd, apiServer]);
}

function apiServerFlags({ port, file }: Credentials, etcd: string): string[] {
  return [
    `--etcd-servers=${etcd}`,
    `--secure-port=${port}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=192.0.2.2",
    `--client-ca-file=${file("ca.crt")}`,
    `--tls-cert-file=${file("apiserver.crt")}`,
    `--tls-private-key-file=${file("apiserver.key")}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${file("sa.pub")}`,
    `--service-account-signing-key-file=${file("sa.key")}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--allow-privileged=true",
  ];
}

interface ComponentOptions extends SideOptions {
  readonly name: SideName;
}

/** A scheduler as a process of its own, ours or upstream's, at whichever API server listens. It is ready when it answers. */
export async function startScheduler(options: ComponentOptions): Promise<Side> {
  const { name, credentials, folder } = options;
  mkdirSync(folder, { recursive: true });
  const kubeconfig = credentials.kubeconfig("scheduler");
  if (name === "kubets") {
    const args = [...profileFlags(options), await bundle("bench/programs/scheduler.ts"), kubeconfig, String(KUBETS_METRICS_PORT)];
    return component(name, startProgram({ name: "kubets-scheduler", program: process.execPath, args, folder }), `http://127.0.0.1:${KUBETS_METRICS_PORT}`);
  }
  const args = [
    ...[`--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--bind-address=127.0.0.1", `--secure-port=${UPSTREAM_SCHEDULER_PORT}`],
    ...["--authorization-always-allow-paths=/metrics,/healthz,/readyz", "--kube-api-qps=5000", "--kube-api-burst=5000"],
  ];
  const program = startProgram({ name: "kube-scheduler", program: upstreamProgram("kube-scheduler"), args, folder });
  return component(name, program, `https://127.0.0.1:${UPSTREAM_SCHEDULER_PORT}`);
}

/** Upstream's controller manager; ours is in the control plane's process. */
export async function startControllerManager({ credentials, folder }: SideOptions): Promise<Side> {
  mkdirSync(folder, { recursive: true });
  const { file } = credentials;
  const args = [
    ...[`--kubeconfig=${credentials.kubeconfig("controller-manager")}`, "--leader-elect=false", "--bind-address=127.0.0.1"],
    ...[`--secure-port=${UPSTREAM_MANAGER_PORT}`, "--authorization-always-allow-paths=/metrics,/healthz,/readyz", "--use-service-account-credentials=true"],
    ...[`--service-account-private-key-file=${file("sa.key")}`, `--root-ca-file=${file("ca.crt")}`],
    ...[`--cluster-signing-cert-file=${file("ca.crt")}`, `--cluster-signing-key-file=${file("ca.key")}`],
    ...["--allocate-node-cidrs=true", "--cluster-cidr=10.0.0.0/8"],
  ];
  const program = startProgram({ name: "kube-controller-manager", program: upstreamProgram("kube-controller-manager"), args, folder });
  return component("upstream", program, `https://127.0.0.1:${UPSTREAM_MANAGER_PORT}`);
}

function profileFlags({ profile }: SideOptions): string[] {
  return profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
}

async function component(name: SideName, program: RunningProgram, url: string): Promise<Side> {
  await until(`${url}/healthz`, () => answers(`${url}/healthz`), { check: program.check });
  return sideOf(name, [program]);
}

async function whenReady(name: SideName, { port }: Credentials, programs: readonly RunningProgram[]): Promise<Side> {
  const side = sideOf(name, programs);
  try {
    await until(`${name} is ready`, () => answers(`https://127.0.0.1:${port}/readyz`), { check: side.check, pollMs: 10 });
  } catch (error) {
    await side.stop();
    throw error;
  }
  return side;
}

function sideOf(name: SideName, programs: readonly RunningProgram[]): Side {
  return {
    name,
    pids: programs.map(({ pid }) => pid),
    check: () => {
      for (const program of programs) program.check();
    },
    signal: (signal) => {
      for (const { child } of programs) child.kill(signal);
    },
    stop: async () => {
      for (const program of programs.toReversed()) await program.stop();
    },
  };
}

/** Whether a health check says yes; it is open to everyone, and the certificate is not what is measured. */
export async function answers(url: string): Promise<boolean> {
  return (await fetchText(url).catch(() => undefined)) !== undefined;
}

/** Throws for an answer that is not 200. */
export async function fetchText(url: string): Promise<string> {
  if (url.startsWith("http:")) {
    const response = await fetch(url);
    if (response.status !== 200) throw new Error(`${url}: ${response.status}`);
    return response.text();
  }
  return new Promise((resolve, reject) => {
    get(url, { rejectUnauthorized: false, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`${url}: ${response.statusCode}`))));
    }).on("error", reject);
  });
}
