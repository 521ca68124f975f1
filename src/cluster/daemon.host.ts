// The detached process that is the cluster: how it is launched, found, asked to end, and what runs in it.
//
// Invariants: at most one daemon works on a data folder (the lock holds its process id; a stale one is taken over). A
// daemon that cannot start says why over the channel and in the log, and leaves no lock.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import type { DaemonMessage, DaemonState } from "./daemon-messages.ts";
import type { ClusterPaths } from "./data-folder.ts";
import { endProcess, isProcessOurs } from "./process.host.ts";

export class DaemonError extends Error {
  override readonly name = "DaemonError";
}

/** The argument by which a daemon's process is recognised, together with its data folder. */
export const DAEMON_COMMAND = "run-cluster";

/**
 * Starts the daemon and returns once the cluster is ready: what keeps further nodes of it from being so, if anything does. Throws
 * `DaemonError` with the reason when it fails.
 */
export async function launchDaemon(paths: ClusterPaths, onProgress: (text: string) => void): Promise<string> {
  await mkdir(paths.data, { recursive: true, mode: 0o711 });
  const log = openSync(paths.log, "a", 0o600);
  const program = process.argv[1];
  if (program === undefined) throw new DaemonError("cannot tell which program to run");
  const child = spawn(process.execPath, [...process.execArgv, program, DAEMON_COMMAND, "--data-dir", paths.data], {
    detached: true,
    cwd: "/",
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  try {
    return await untilReady(child, paths, onProgress);
  } finally {
    if (child.connected) child.disconnect();
    child.unref();
  }
}

function untilReady(child: ChildProcess, paths: ClusterPaths, onProgress: (text: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => reject(new DaemonError(`the cluster's process ended (${signal ?? `exit code ${code}`}); its log is ${paths.log}`)));
    child.on("message", (message: DaemonMessage) => {
      if (message.type === "progress") onProgress(message.text);
      else if (message.type === "ready") resolve(message.problem);
      else reject(new DaemonError(message.message));
    });
  });
}

/** Tells the launcher, while it listens. */
export function report(message: DaemonMessage): void {
  // The launcher may have gone; the log has it all.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** The process id of the data folder's daemon, if it runs. */
export async function runningDaemon(paths: ClusterPaths): Promise<number | undefined> {
  const pid = Number((await readIfThere(paths.lock))?.trim());
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  return (await isProcessOurs(pid, paths.data)) ? pid : undefined;
}

/** What the running daemon says of itself. */
export async function daemonState(paths: ClusterPaths): Promise<DaemonState | undefined> {
  if ((await runningDaemon(paths)) === undefined) return undefined;
  const text = await readIfThere(paths.state);
  return text === undefined ? undefined : (JSON.parse(text) as DaemonState);
}

export async function writeDaemonState(paths: ClusterPaths, state: DaemonState): Promise<void> {
  const next = `${paths.state}.next`;
  await writeFile(next, `${JSON.stringify(state)}\n`);
  await rename(next, paths.state);
}

/** Asks the daemon to end, then waits, then insists. Pods are left alone. */
export async function endDaemon(paths: ClusterPaths, graceMs: number): Promise<boolean> {
  const pid = await runningDaemon(paths);
  if (pid === undefined) return false;
  await endProcess(pid, { graceMs });
  return true;
}

/** Makes this process the data folder's daemon. */
export async function takeLock(paths: ClusterPaths): Promise<void> {
  await mkdir(paths.run, { recursive: true, mode: 0o711 });
  const other = await runningDaemon(paths);
  if (other !== undefined && other !== process.pid) throw new DaemonError(`a cluster already runs on ${paths.data} (process ${other})`);
  await rm(paths.lock, { force: true });
  const file = await open(paths.lock, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "EEXIST" ? new DaemonError(`another cluster is just starting on ${paths.data}`) : error;
  });
  await file.writeFile(`${process.pid}\n`);
  await file.close();
}

export async function releaseLock(paths: ClusterPaths): Promise<void> {
  await rm(paths.state, { force: true });
  await rm(paths.lock, { force: true });
}

async function readIfThere(file: string): Promise<string | undefined> {
  if (!existsSync(file)) return undefined;
  return readFile(file, "utf8");
}
