// Bundles the command line and the library: `node scripts/build.mjs [--types] [FOLDER]`, FOLDER being dist/ by default. `--types` also
// writes the declarations of the library.
//
// dist/bundle-HASH.cjs has everything, dist/kubets.cjs loads it (src/cli/launcher.ts), dist/index.js is the library as a module.
import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, resolve } from "node:path";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const folder = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "dist";
const next = `${folder}.next-${process.pid}`;
const options = {
  outdir: next,
  bundle: true,
  platform: "node",
  // CommonJS: of it, Node 20 takes code that was compiled before.
  format: "cjs",
  outExtension: { ".js": ".cjs" },
  target: "node20",
  // Names stay readable in stack traces; blanks cost time at every start.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  logLevel: "warning",
  // Native: it is loaded from node_modules.
  external: ["lmdb"],
};
const { metafile } = await build({
  ...options,
  entryPoints: { bundle: "src/cli/bundle.ts" },
  entryNames: "[name]-[hash]",
  sourcemap: "linked",
  sourcesContent: false,
  define: { "process.env.KUBETS_VERSION": JSON.stringify(version) },
  metafile: true,
});
const bundle = Object.keys(metafile.outputs).find((file) => file.endsWith(".cjs"));
await build({ ...options, entryPoints: { kubets: "src/cli/launcher.ts" }, define: { BUNDLE_FILE: JSON.stringify(basename(bundle)) } });
writeFileSync(`${next}/index.js`, libraryModule());
if (process.argv.includes("--types")) {
  const types = spawnSync("node_modules/.bin/tsc", ["-p", "tsconfig.types.json", "--outDir", `${next}/types`], { stdio: "inherit" });
  if (types.status !== 0) process.exit(1);
}
// A running kubets keeps the files it has open; a new one sees the old build or the new one, whole.
rmSync(folder, { recursive: true, force: true });
renameSync(next, folder);

/** Modules say what they export before they are run: the names are written out. The first cluster's start is what later ones profit from. */
function libraryModule() {
  const { loadBundle } = createRequire(import.meta.url)(resolve(next, "kubets.cjs"));
  const names = Object.keys(loadBundle("library").bundle.library());
  return `import { createRequire } from "node:module";
const { bundle, keepCode } = createRequire(import.meta.url)("./kubets.cjs").loadBundle("library");
const library = bundle.library();
export const { ${names.filter((name) => name !== "startCluster").join(", ")} } = library;
export async function startCluster(options) {
  const cluster = await library.startCluster(options);
  keepCode();
  return cluster;
}
`;
}
