// The package as a program that depends on it sees it: `import { startCluster } from "kubets"`, with types.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const PROGRAM = `import { createVirtualEnv, type Deployment, deployments, pods, startCluster } from "kubets";
const { env, clock } = createVirtualEnv({ seed: "my test" });
const cluster = await startCluster({ env, nodes: ["a", "b"] });
const client = cluster.client();
const web: Deployment = {
  apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "default" },
  spec: { replicas: 3, selector: { matchLabels: { app: "web" } }, template: { metadata: { name: "", labels: { app: "web" } }, spec: { containers: [{ name: "web", image: "web:1" }] } } },
};
await client.create(deployments, web);
await clock.runUntil(async () => (await client.list(pods)).items.filter(({ status }) => status?.phase === "Running").length === 3);
console.log((await cluster.kubeconfig()).includes("https://127.0.0.1:"));
await cluster.stop();
`;

let folder: string;
const tool = (name: string): string => join(ROOT, "node_modules/.bin", name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kubets-package-"));
  const installed = join(folder, "node_modules/kubets");
  mkdirSync(installed, { recursive: true });
  execFileSync(process.execPath, ["scripts/build.mjs", "--types", join(installed, "dist")], { cwd: ROOT });
  symlinkSync(join(ROOT, "package.json"), join(installed, "package.json"));
  symlinkSync(join(ROOT, "node_modules"), join(installed, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("carries types that a program is checked against", () => {
  const check = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--moduleResolution", "nodenext", "--target", "es2022", "--skipLibCheck"];
    return spawnSync(tool("tsc"), [...options, name], { cwd: folder, encoding: "utf8" }).stdout;
  };
  expect(check("right.ts", PROGRAM)).toBe("");
  expect(check("wrong.ts", `${PROGRAM}const wrong: number = web.metadata.name;\n`)).toContain("Type 'string' is not assignable to type 'number'");
});

it("runs a cluster inside the program, lets outsiders in, and leaves nothing that keeps the program alive", () => {
  expect(runProgram()).toBe("true\n");
});

it("keeps the code that the first start compiled, and does without when it is no good", () => {
  const dist = join(folder, "node_modules/kubets/dist");
  runProgram();
  const [code = "", ...others] = readdirSync(dist).filter((name) => name.endsWith(".code"));
  expect(others).toEqual([]);
  const kept = statSync(join(dist, code)).mtimeMs;
  expect(runProgram()).toBe("true\n");
  expect(statSync(join(dist, code)).mtimeMs).toBe(kept);
  writeFileSync(join(dist, code), "not what V8 wrote");
  expect(runProgram()).toBe("true\n");
  expect(statSync(join(dist, code)).size).toBeGreaterThan(100_000);
});

function runProgram(): string {
  writeFileSync(join(folder, "right.ts"), PROGRAM);
  execFileSync(tool("esbuild"), ["right.ts", "--format=esm", "--outfile=right.mjs", "--log-level=error"], { cwd: folder });
  return execFileSync(process.execPath, ["right.mjs"], { cwd: folder, encoding: "utf8", timeout: 30_000 });
}
