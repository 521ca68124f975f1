// Processes of a benchmark: started with their output in files, ended by their process id, and none left when the benchmark ends, however
// it does. Programs of our own are bundled as the product is.
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

export interface Program {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Where its output goes: `NAME.log`. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Messages are exchanged with it. */
  readonly ipc?: boolean;
}

export interface RunningProgram {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Throws with the end of its output when it has ended by itself. */
  check(): void;
  stop(): Promise<void>;
}

const STOP_LIMIT_MS = 10_000;
const CACHE = join("node_modules", ".cache", "kubets-bench");
const running = new Set<ChildProcess>();
const files: string[] = [];
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  for (const file of files) rmSync(file, { force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

export function startProgram({ name, program, args, folder, env, ipc = false }: Program): RunningProgram {
  const file = join(folder, `${name}.log`);
  const log = openSync(file, "a");
  const stdio: StdioOptions = ["ignore", log, log, ...(ipc ? (["ipc"] as const) : [])];
  const child = spawn(program, args, { stdio, env: { ...process.env, ...env }, ...(ipc ? { serialization: "advanced" as const } : {}) });
  if (child.pid === undefined) throw new Error(`cannot start ${program}`);
  running.add(child);
  const ended = new Promise<void>((resolve) =>
    child.on("close", () => {
      running.delete(child);
      resolve();
    }),
  );
  return {
    pid: child.pid,
    child,
    check: () => {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`${name} has ended (${child.exitCode ?? child.signalCode}):\n${readFileSync(file, "utf8").slice(-2000)}`);
    },
    stop: async () => {
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
      child.kill("SIGTERM");
      await ended;
      clearTimeout(timer);
    },
  };
}

const bundles = new Map<string, Promise<string>>();

/** Bundles a program of ours, once, and gives the file that node runs. */
export function bundle(entry: string): Promise<string> {
  const known = bundles.get(entry) ?? makeBundle(entry);
  bundles.set(entry, known);
  return known;
}

async function makeBundle(entry: string): Promise<string> {
  mkdirSync(CACHE, { recursive: true });
  const outfile = join(CACHE, `${basename(entry, ".ts")}-${process.pid}.mjs`);
  files.push(outfile);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    // A profile finds the places again by the comments that name the files.
    minifySyntax: true,
    logLevel: "warning",
  });
  return outfile;
}

/** Asks until it is true. Throws what `check` throws, or after the limit. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, options: { check?: () => void; limitMs?: number; pollMs?: number } = {}) {
  const endMs = performance.now() + (options.limitMs ?? 120_000);
  while (!(await holds())) {
    options.check?.();
    if (performance.now() > endMs) throw new Error(`waited in vain: ${what}`);
    await sleep(options.pollMs ?? 20);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
