// Every shell snippet of the README and the docs runs, and prints what is promised.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containerTests } from "../machine.host.ts";
import { kubectlProgram, runProgram } from "./kubectl.host.ts";
import { leftBehind, type MachineState, machineState } from "./machine-state.host.ts";
import { findSnippets, outputMatches } from "./snippets.ts";

const ROOT = join(import.meta.dirname, "../..");
const { reason } = containerTests();
/** What runs this very test cannot run in it; `.ci/run` is looked at instead. */
const RUN_BY_CI = ["npm ci && npm test", "npm ci", "npm run check", "npm test"];
/** Sessions that write into the checkout run in a copy of it. */
const WRITES = /^npm run new /;

describe.skipIf(reason !== undefined)("the documents", () => {
  let folder: string;
  let before: MachineState;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    before = machineState();
    folder = mkdtempSync(join(tmpdir(), "kubets-documents-"));
    const programs = join(folder, "bin");
    mkdirSync(programs);
    symlinkSync(await kubectlProgram(), join(programs, "kubectl"));
    env = {
      ...process.env,
      PATH: `${programs}:${process.env["PATH"]}`,
      KUBETS_DATA_DIR: join(folder, "data"),
      KUBECONFIG: join(folder, "kubeconfig"),
      HOME: folder,
      NO_COLOR: "1",
    };
    const copy = join(folder, "checkout");
    mkdirSync(copy);
    for (const name of ["scripts", "node_modules", "package.json"]) symlinkSync(join(ROOT, name), join(copy, name));
  });

  afterAll(async () => {
    await runProgram({ program: join(ROOT, "kubets"), args: ["delete"], env });
    rmSync(folder, { recursive: true, force: true });
    expect(leftBehind(before, machineState())).toEqual([]);
  });

  const documents = [
    "README.md",
    "CONTRIBUTING.md",
    ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" }).map((name) => join("docs", name)),
  ];
  for (const document of documents.filter((name) => name.endsWith(".md")).sort()) {
    const snippets = findSnippets(readFileSync(join(ROOT, document), "utf8"));
    if (snippets.length === 0) continue;
    it(`${document} does what it says`, async () => {
      for (const { command, output, line } of snippets) {
        if (RUN_BY_CI.includes(command)) continue;
        const where = `${document}:${line}: ${command}`;
        const cwd = WRITES.test(command) ? join(folder, "checkout") : ROOT;
        const { code, stdout, stderr } = await runProgram({ program: "/bin/sh", args: ["-c", `cd ${cwd} && ${command}`], env, timeoutMs: 300_000 });
        expect(code, `${where}\n${stdout}${stderr}`).toBe(0);
        if (output !== undefined && !outputMatches(output, stdout)) expect(stdout, where).toBe(output);
      }
    });
  }

  it("says of CI what CI does", () => {
    expect(readFileSync(join(ROOT, ".ci/run"), "utf8")).toContain("npm ci && npm test");
    expect(readFileSync(join(ROOT, "README.md"), "utf8")).toContain("npm ci && npm test");
  });
});
