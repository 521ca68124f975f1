// Bundles the command line and the library: `node scripts/build.mjs [--types] [FOLDER]`, FOLDER being dist/ by default. `--types` also
// writes the declarations of the library.
import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, rmSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const folder = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "dist";
const next = `${folder}.next-${process.pid}`;
await build({
  entryPoints: { kubets: "src/cli/main.ts", index: "src/cluster/index.ts" },
  outdir: next,
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20",
  // Names stay readable in stack traces; blanks cost time at every start.
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: "linked",
  sourcesContent: false,
  legalComments: "none",
  logLevel: "warning",
  // Native: it is loaded from node_modules.
  external: ["lmdb"],
  define: { "process.env.KUBETS_VERSION": JSON.stringify(version) },
  // Some packages are CommonJS and call `require` for Node's own modules.
  banner: { js: 'import { createRequire as kubetsCreateRequire } from "node:module"; const require = kubetsCreateRequire(import.meta.url);' },
});
if (process.argv.includes("--types")) {
  const types = spawnSync("node_modules/.bin/tsc", ["-p", "tsconfig.types.json", "--outDir", `${next}/types`], { stdio: "inherit" });
  if (types.status !== 0) process.exit(1);
}
// A running kubets keeps the files it has open; a new one sees the old build or the new one, whole.
rmSync(folder, { recursive: true, force: true });
renameSync(next, folder);
