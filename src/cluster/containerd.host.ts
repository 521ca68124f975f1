// The cluster's own containerd as a process: started detached, so that it and the pods outlive kubets, found again by the
// next kubets, restarted when it dies.
//
// Invariants: at most one containerd works on a data folder: a process is ours only if its command line names our
// configuration file. Stopping kubets (`close`) leaves containerd running; only `stopContainerd` ends it.
import { spawn } from "node:child_process";
import { existsSync, openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import type { Env } from "../base/index.ts";
import type { ContainerRuntime } from "../kubelet/index.ts";
import { type ContainerdConfigOptions, containerdConfig, type HostLimits } from "./containerd-config.ts";
import type { ClusterPaths } from "./data-folder.ts";
import { findExecutable } from "./executables.host.ts";
import { pauseImage } from "./images/pause.ts";
import { cniPluginFolder } from "./install.host.ts";
import { endProcess, isProcessOurs } from "./process.host.ts";

const readyTimeoutMs = 15_000;
const firstRetryMs = 10;
const maxRestartDelayMs = 10_000;
const sysResourceCapability = 24n;

export class ContainerdError extends Error {
  override readonly name = "ContainerdError";
}

export interface Containerd {
  readonly socket: string;
  /** True when a containerd of an earlier kubets was found running. */
  readonly adopted: boolean;
  /** Ends the supervision; containerd and the pods go on. */
  close(): void;
}

/** Returns once the runtime answers and the sandbox image is there. */
export async function startContainerd(env: Env, paths: ClusterPaths): Promise<Containerd> {
  const log = env.log.child("containerd");
  await prepareFolders(paths);
  const adopted = (await runningContainerd(paths)) !== undefined;
  if (!adopted) await launch(paths);
  // Loaded while containerd starts.
  const { askRuntime, importPauseImage } = await import("./images/import.host.ts");
  const store = { socket: paths.containerdSocket };
  await socketAnswers(paths);
  await askRuntime(store, (runtime) => runtimeAnswers(runtime, paths));
  await importPauseImage(store);
  const supervisor = new Supervisor(env, paths, log);
  supervisor.watch();
  return { socket: paths.containerdSocket, adopted, close: () => supervisor.close() };
}

/** Ends the data folder's containerd, if it runs. Pods are not stopped by this: their shims live on. */
export async function stopContainerd(paths: ClusterPaths): Promise<void> {
  const pid = await runningContainerd(paths);
  if (pid !== undefined) await endProcess(pid, { graceMs: 10_000 });
  await rm(paths.containerdPid, { force: true });
}

/** The process id of the data folder's containerd, if it runs. */
export async function runningContainerd(paths: ClusterPaths): Promise<number | undefined> {
  const text = await readFile(paths.containerdPid, "utf8").catch(() => "");
  const pid = Number(text.trim());
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  return (await isProcessOurs(pid, paths.containerdConfig)) ? pid : undefined;
}

export async function hostLimits(): Promise<HostLimits> {
  const status = await readFile("/proc/self/status", "utf8");
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const cgroups = await readFile("/proc/cgroups", "utf8").catch(() => "");
  return {
    canLowerOomScore: ((effective >> sysResourceCapability) & 1n) === 1n,
    hasAppArmor: existsSync("/sys/kernel/security/apparmor"),
    hasHugetlbCgroup: /^hugetlb\s/m.test(cgroups),
  };
}

async function prepareFolders(paths: ClusterPaths): Promise<void> {
  for (const folder of [paths.data, paths.run, paths.containerdRoot, paths.containerdState, paths.cniConfig]) {
    await mkdir(folder, { recursive: true, mode: 0o711 });
  }
}

async function launch(paths: ClusterPaths): Promise<void> {
  const binary = required("containerd");
  const options: ContainerdConfigOptions = {
    paths,
    sandboxImage: pauseImage,
    limits: await hostLimits(),
    runcPath: required("runc"),
    cniPlugins: requiredPlugins(),
    crunPath: findExecutable("crun"),
  };
  await writeFile(paths.containerdConfig, containerdConfig(options));
  await rm(paths.containerdSocket, { force: true });
  const output = openSync(paths.containerdLog, "a", 0o600);
  const child = spawn(binary, ["--config", paths.containerdConfig], { detached: true, stdio: ["ignore", output, output] });
  child.on("error", () => undefined);
  if (child.pid === undefined) throw new ContainerdError(`cannot start ${binary}`);
  child.unref();
  await writeFile(paths.containerdPid, `${child.pid}\n`);
}

function required(name: string): string {
  const path = findExecutable(name);
  if (path === undefined)
    throw new ContainerdError(`${name} is not installed; run "kubets start" without --no-install, or install it with your package manager`);
  return path;
}

function requiredPlugins(): string {
  const folder = cniPluginFolder();
  if (folder === undefined) throw new ContainerdError('the CNI plugins are not installed; run "kubets start" without --no-install, or install them');
  return folder;
}

async function socketAnswers(paths: ClusterPaths): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  for (let delayMs = firstRetryMs; ; delayMs = Math.min(delayMs * 1.5, 200)) {
    const socket = await tryConnect(paths.containerdSocket);
    if (socket !== undefined) {
      socket.destroy();
      return;
    }
    if ((await runningContainerd(paths)) === undefined) throw new ContainerdError(`containerd ended while starting: ${await lastLines(paths.containerdLog)}`);
    if (Date.now() > deadline) throw new ContainerdError(`containerd does not answer after ${readyTimeoutMs / 1000} s; its log is ${paths.containerdLog}`);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}

/** The socket is there before the runtime behind it has found the containers of an earlier run again: until then it fails every call. */
async function runtimeAnswers(runtime: Pick<ContainerRuntime, "status">, paths: ClusterPaths): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  for (let delayMs = firstRetryMs; ; delayMs = Math.min(delayMs * 1.5, 200)) {
    try {
      await runtime.status();
      return;
    } catch (error) {
      if (Date.now() > deadline)
        throw new ContainerdError(`containerd is not ready after ${readyTimeoutMs / 1000} s: ${String(error)}; its log is ${paths.containerdLog}`);
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "(no log)");
  return text.trim().split("\n").slice(-3).join(" | ");
}

function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}

/** Holds a connection open: its end is the news that containerd died, without polling, also for an adopted process. */
class Supervisor {
  private socket: Socket | undefined;
  private closed = false;
  private restartDelayMs = 100;

  constructor(
    private readonly env: Env,
    private readonly paths: ClusterPaths,
    private readonly log: Env["log"],
  ) {}

  watch(): void {
    tryConnect(this.paths.containerdSocket).then((socket) => {
      if (this.closed) socket?.destroy();
      else if (socket === undefined) this.lost();
      else {
        this.socket = socket;
        socket.unref();
        // containerd hangs up on a silent connection after two minutes; then this simply connects again.
        socket.on("data", () => undefined);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          if (!this.closed) this.watch();
        });
      }
    });
  }

  close(): void {
    this.closed = true;
    this.socket?.destroy();
  }

  private lost(): void {
    this.env.clock.setTimeout(() => {
      if (!this.closed) this.restart().catch((error: Error) => this.failed(error));
    }, this.restartDelayMs);
  }

  private async restart(): Promise<void> {
    if ((await runningContainerd(this.paths)) === undefined) {
      this.log.warn("containerd died, starting it again");
      await launch(this.paths);
    }
    await socketAnswers(this.paths);
    this.restartDelayMs = 100;
    if (!this.closed) this.watch();
  }

  private failed(error: Error): void {
    this.restartDelayMs = Math.min(this.restartDelayMs * 2, maxRestartDelayMs);
    this.log.error("containerd could not be restarted", { error: error.message, retryInMs: this.restartDelayMs });
    this.lost();
  }
}
