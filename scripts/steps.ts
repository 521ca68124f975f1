// The steps of `npm run check` and `npm test`, and how they are run and counted.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { findViolations } from "./layers.ts";

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

export interface Step {
  readonly name: string;
  readonly run: () => Outcome;
}

interface Outcome extends Tally {
  /** What is said of the failures once more at the end, where it is seen. */
  readonly failures?: readonly string[];
}

/** Runs all steps, also after a failure, prints what each took, and gives the sum. */
export function runSteps(steps: readonly Step[]): Tally {
  const total: Tally = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  for (const step of steps) {
    console.log(`\n== ${step.name}`);
    const startMs = performance.now();
    const tally = step.run();
    total.passed += tally.passed;
    total.failed += tally.failed;
    total.skipped += tally.skipped;
    if (tally.failed > 0) failures.push(step.name, ...(tally.failures ?? []).map((failure) => indent(failure)));
    console.log(`== ${step.name}: ${tally.failed === 0 ? "ok" : "FAILED"} in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  }
  if (failures.length > 0) console.log(`\nfailed:\n${failures.join("\n")}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total;
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}

const PASSED: Tally = { passed: 1, failed: 0, skipped: 0 };
const FAILED: Tally = { passed: 0, failed: 1, skipped: 0 };

function command(name: string, file: string, args: readonly string[]): Step {
  return { name, run: () => (spawnSync(file, args, { stdio: "inherit" }).status === 0 ? PASSED : FAILED) };
}

function layers(): Tally {
  const files = new Map(
    readdirSync("src", { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.includes("generated/"))
      .map((file) => [file, readFileSync(join("src", file), "utf8")]),
  );
  const violations = findViolations(files);
  for (const { file, line, text } of violations) console.log(`src/${file}:${line}: ${text}`);
  console.log(`${files.size} files, ${violations.length} violations`);
  return violations.length === 0 ? PASSED : FAILED;
}

/** Runs vitest over `include` and counts its tests. */
export function vitest(name: string, args: readonly string[]): Step {
  return {
    name,
    run: () => {
      const folder = mkdtempSync(join(tmpdir(), "kubets-tests-"));
      const report = join(folder, "report.json");
      try {
        const run = spawnSync("node_modules/.bin/vitest", ["run", "--reporter=default", "--reporter=json", `--outputFile=${report}`, ...args], {
          stdio: "inherit",
        });
        return readReport(report, run.status === 0);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/** The part of vitest's JSON report that is read. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string; readonly failureMessages: readonly string[] }[];
  }[];
}

/** How much is said again of one failure, in characters. */
const FAILURE_LENGTH = 1500;

function failuresOf({ testResults }: Report): string[] {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === "failed");
    const file = relative(".", name);
    if (failed.length === 0 && status === "failed") return [`${file}: ${message.slice(0, FAILURE_LENGTH)}`];
    return failed.map((test) => `${file}: ${test.fullName}\n${indent(test.failureMessages.join("\n").slice(0, FAILURE_LENGTH))}`);
  });
}

function readReport(file: string, succeeded: boolean): Outcome {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch (error) {
    console.log(`vitest left no report: ${String(error)}`);
    return FAILED;
  }
  // A file that fails to load counts as no test, yet the run fails.
  const failed = succeeded ? report.numFailedTests : Math.max(1, report.numFailedTests);
  return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests, failures: failuresOf(report) };
}

/** What `npm run check` runs. */
export const checkSteps: readonly Step[] = [
  command("types", "node_modules/.bin/tsc", ["--noEmit", "-p", "."]),
  command("lint", "node_modules/.bin/biome", ["check", "--max-diagnostics=50", "."]),
  { name: "layers", run: layers },
  command("unused code", "node_modules/.bin/knip", []),
  vitest("unit tests", ["src", "scripts", "conformance"]),
];
