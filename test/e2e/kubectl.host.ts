// An unmodified kubectl for the tests: the one on the PATH, else Debian's, unpacked into a temporary folder.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
  start(args: readonly string[]): ChildProcess;
}

const DEFAULT_TIMEOUT_MS = 60_000;

export function kubectlFor(kubeconfig: string): Kubectl {
  const program = findKubectl();
  const env = { ...process.env, KUBECONFIG: kubeconfig, NO_COLOR: "1" };
  const kubectl: Kubectl = {
    start: (args) => spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] }),
    try: (args, options = {}) => runProgram({ program, args, env, ...options }),
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
  child.stdin.end(input ?? "");
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

let found: string | undefined;

function findKubectl(): string {
  found ??= process.env["KUBECTL"] ?? onPath() ?? fromDebian();
  return found;
}

function onPath(): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(":")
    .map((folder) => join(folder, "kubectl"))
    .find((file) => existsSync(file));
}

function fromDebian(): string {
  const folder = mkdtempSync(join(tmpdir(), "kubets-kubectl-"));
  execFileSync("apt-get", ["download", "kubernetes-client"], { cwd: folder, stdio: "ignore" });
  const archive = readdirSync(folder).find((file) => file.endsWith(".deb"));
  if (archive === undefined) throw new Error("apt-get download kubernetes-client left no package");
  execFileSync("dpkg", ["-x", join(folder, archive), folder]);
  return join(folder, "usr/bin/kubectl");
}
