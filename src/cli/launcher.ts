// The program that `kubets` runs and that the library is loaded through: it checks Node's version, then loads the bundle together with the
// code that an earlier run has compiled, which saves a third of a start.
//
// Invariants: the compiled code lies beside the bundle and is as trustworthy as it; it is found by the bundle's content, Node's version and
// what the process is for, and V8 refuses what another V8 has made. Without it everything works, only slower.
// https://nodejs.org/docs/latest-v20.x/api/vm.html#scriptcreatecacheddata
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Script } from "node:vm";

/** Put in by the build. */
declare const BUNDLE_FILE: string;

type Bundle = typeof import("./bundle.ts");

/** Each runs other parts of the bundle. */
type Purpose = "command" | "cluster" | "node" | "library";

interface Loaded {
  readonly bundle: Bundle;
  /** Keeps what has been compiled by now for later processes of this purpose, unless there was something already. */
  keepCode(): void;
}

const OLDEST_NODE = [20, 19] as const;

export function loadBundle(purpose: Purpose): Loaded {
  const file = join(__dirname, BUNDLE_FILE);
  // Source maps are for modules alone.
  if (process.execArgv.concat(process.env["NODE_OPTIONS"] ?? "").some((option) => option.includes("--enable-source-maps")))
    return { bundle: require(file) as Bundle, keepCode: () => undefined };
  const codeFile = join(__dirname, `${basename(BUNDLE_FILE, ".cjs")}.${purpose}-${process.version}-${process.arch}.code`);
  const cachedData = existsSync(codeFile) ? readFileSync(codeFile) : undefined;
  // The bundle is ASCII. Wrapped as Node wraps modules, on the first line, so that places in stack traces are those in the file.
  const script = new Script(`(function (exports, require, module, __filename, __dirname) {${readFileSync(file, "latin1")}\n})`, { filename: file, cachedData });
  const module: { exports: unknown } = { exports: {} };
  script.runInThisContext()(module.exports, require, module, file, __dirname);
  let kept = cachedData !== undefined && script.cachedDataRejected === false;
  return {
    bundle: module.exports as Bundle,
    keepCode: () => {
      if (kept) return;
      kept = true;
      replaceFile(codeFile, script.createCachedData());
    },
  };
}

/** Whole or not at all. Where the package may not be written to, nothing is kept. */
function replaceFile(file: string, bytes: Uint8Array): void {
  const next = `${file}.next-${process.pid}`;
  try {
    const descriptor = openSync(next, "wx", 0o644);
    try {
      writeFileSync(descriptor, bytes);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(next, file);
  } catch {
    rmSync(next, { force: true });
  }
}

function refuseOldNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  process.stderr.write(`kubets: Node.js >= ${OLDEST_NODE.join(".")} is needed, this is ${process.version}\n`);
  process.exit(1);
}

function run(): void {
  refuseOldNode();
  const [, , command, subcommand] = process.argv;
  const purpose: Purpose = command === "run-cluster" ? "cluster" : command === "node" && subcommand === "run" ? "node" : "command";
  const { bundle, keepCode } = loadBundle(purpose);
  void bundle.runCommandLine().then(() => {
    // When it has started. The command `start` goes through more of the code than the others.
    if (purpose !== "command" || command === "start") keepCode();
  });
}

if (require.main === module) run();
