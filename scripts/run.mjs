// Runs one TypeScript file with esbuild and node: `node scripts/run.mjs FILE [ARGUMENTS]`.
// Node 20 cannot strip types itself, and a loader would be one more dependency.
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node scripts/run.mjs FILE [ARGUMENTS]");
  process.exit(2);
}
const folder = join("node_modules", ".cache", "kubets-scripts");
mkdirSync(folder, { recursive: true });
const out = join(folder, `${basename(file, ".ts")}-${process.pid}.mjs`);
await build({ entryPoints: [file], outfile: out, bundle: true, platform: "node", format: "esm", target: "node20", packages: "external", logLevel: "warning" });
const run = spawn(process.execPath, ["--enable-source-maps", out, ...args], { stdio: "inherit" });
// The program decides how it ends: a Ctrl-C reaches it from the terminal, a SIGTERM through here.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => run.kill("SIGTERM"));
run.on("close", (code) => {
  rmSync(out, { force: true });
  process.exit(code ?? 1);
});
