// An unmodified kubectl for the tests: the one on the PATH, else Debian's.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { unpackedPackage } from "../images/debian-package.host.ts";

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Kubectl {
  /** Runs to the end; throws with the whole output when it exits with another code than 0. Gives standard output. */
  run(args: readonly string[], options?: { readonly input?: string; readonly timeoutMs?: number }): Promise<string>;
  /** Runs to the end, whatever the exit code. */
  try(args: readonly string[], options?: { readonly input?: string; readonly timeoutMs?: number }): Promise<Run>;
  /** Starts it and leaves it running. */
  start(args: readonly string[]): Promise<ChildProcess>;
}

const DEFAULT_TIMEOUT_MS = 60_000;

export function kubectlFor(kubeconfig: string): Kubectl {
  const env = { ...process.env, KUBECONFIG: kubeconfig, NO_COLOR: "1" };
  const kubectl: Kubectl = {
    start: async (args) => spawn(await kubectlProgram(), args, { env, stdio: ["ignore", "pipe", "pipe"] }),
    try: async (args, options = {}) => runProgram({ program: await kubectlProgram(), args, env, ...options }),
    run: async (args, options) => {
      const { code, stdout, stderr } = await kubectl.try(args, options);
      if (code !== 0) throw new Error(`kubectl ${args.join(" ")} exited with ${code}\n${stderr}${stdout}`);
      return stdout;
    },
  };
  return kubectl;
}

export interface ProgramRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly timeoutMs?: number;
}

export async function runProgram({ program, args, env, input, timeoutMs = DEFAULT_TIMEOUT_MS }: ProgramRun): Promise<Run> {
  const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"], timeout: timeoutMs, killSignal: "SIGKILL" });
  // A program may end without reading it.
  child.stdin.on("error", () => undefined).end(input ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) =>
      resolve({ code: code ?? 1, stdout, stderr: signal === null ? stderr : `${stderr}(killed by ${signal} after ${timeoutMs} ms)\n` }),
    );
  });
}

/** `$KUBECTL`, else the one on the PATH, else Debian's. */
export async function kubectlProgram(): Promise<string> {
  return installedKubectl() ?? join(await unpackedPackage("kubernetes-client"), "usr/bin/kubectl");
}

/** `$KUBECTL`, else the one on the PATH. */
export function installedKubectl(): string | undefined {
  return process.env["KUBECTL"] ?? onPath();
}

function onPath(): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(":")
    .map((folder) => join(folder, "kubectl"))
    .find((file) => existsSync(file));
}
