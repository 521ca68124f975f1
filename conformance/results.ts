// The verdicts of the suite, test by test, and the table made of them.
//
// Invariants: "passed" means that the official program said passed, in the run that `ranAt` names; every test of the suite has one
// row; a test that was interrupted, or that skipped itself, counts as not run.
import { AREAS, areaOf } from "./tests.ts";

export type Outcome = "passed" | "failed" | "not run";

export interface TestResult {
  readonly name: string;
  readonly outcome: Outcome;
  /** When the verdict was given, RFC 3339. */
  readonly ranAt?: string;
  readonly seconds?: number;
  /** The first line that tells what went wrong, or why the suite skipped the test. */
  readonly reason?: string;
}

export interface Results {
  /** Version of the suite. */
  readonly suite: string;
  readonly tests: readonly TestResult[];
}

/** The part of ginkgo's JSON report that is read (https://pkg.go.dev/github.com/onsi/ginkgo/v2/types#SpecReport). */
export interface SpecReport {
  readonly ContainerHierarchyTexts?: readonly string[] | null;
  readonly LeafNodeType: string;
  readonly LeafNodeText: string;
  readonly State: string;
  readonly StartTime: string;
  readonly EndTime: string;
  /** Nanoseconds. */
  readonly RunTime: number;
  readonly Failure?: { readonly Message?: string };
  readonly CapturedGinkgoWriterOutput?: string;
}

/** What the whole text of a test is in ginkgo's report. */
export function nameOf(spec: SpecReport): string {
  return [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].join(" ");
}

const OUTCOMES: Readonly<Record<string, Outcome>> = { passed: "passed", failed: "failed", panicked: "failed", timedout: "failed" };

/** The row of one test that was to run. */
export function resultOf(spec: SpecReport): TestResult {
  const outcome = OUTCOMES[spec.State] ?? "not run";
  const reason = spec.Failure?.Message === undefined ? undefined : firstLine(spec.Failure.Message);
  return { name: nameOf(spec), outcome, ranAt: spec.StartTime.replace(/\.\d+/, ""), seconds: Math.round(spec.RunTime / 1e8) / 10, reason };
}

const REASON_LENGTH = 240;

/** The first line of a failure; where it only announces what follows, what follows too. */
export function firstLine(message: string): string {
  const lines = message
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  let text = "";
  for (const [index, line] of lines.entries()) {
    text = text === "" ? line : `${text} ${line}`;
    const announces = /(?::|^Expected|^(?:not )?to \w+|^Timed out after [\d.]+s\.|^Told to stop trying after [\d.]+s\.)$/.test(line);
    const compared = /^(?:not )?to \w/.test(lines[index + 1] ?? "");
    if (!(announces || compared) || text.length > REASON_LENGTH) break;
  }
  return text.length > REASON_LENGTH ? `${text.slice(0, REASON_LENGTH)}...` : text;
}

/** `old` with the rows of `newer` in place, one row per test of `all`, in their order. */
export function mergeResults(suite: string, all: readonly string[], old: Results, newer: readonly TestResult[]): Results {
  const rows = new Map((old.suite === suite ? [...old.tests, ...newer] : newer).map((row) => [row.name, row]));
  return { suite, tests: all.map((name) => rows.get(name) ?? { name, outcome: "not run" }) };
}

/** Forgets the verdicts of tests that are about to run. */
export function withoutVerdicts(results: Results, names: readonly string[]): Results {
  const forgotten = new Set(names);
  return { ...results, tests: results.tests.map((row) => (forgotten.has(row.name) ? { name: row.name, outcome: "not run" } : row)) };
}

/** passed / failed / not run of each area, as lines of a Markdown table with a sum. */
export function areaTable({ tests }: Results): string[] {
  const line = (title: string, rows: readonly TestResult[]): string => {
    const count = (outcome: Outcome): number => rows.filter((row) => row.outcome === outcome).length;
    return `| ${title} | ${rows.length} | ${count("passed")} | ${count("failed")} | ${count("not run")} |`;
  };
  return [
    "| area | tests | passed | failed | not run |",
    "|---|--:|--:|--:|--:|",
    ...AREAS.map((area) =>
      line(
        area,
        tests.filter(({ name }) => areaOf(name) === area),
      ),
    ),
    line("**all**", tests),
  ];
}

/** The readable form: the table, then every failure with its first line. */
export function resultsPage(results: Results): string {
  const lines = [
    `# Conformance: Kubernetes ${results.suite}`,
    "",
    "Written by `npm run conformance` (README.md): the newest verdict of the official suite for each of its tests.",
    "",
    ...areaTable(results),
  ];
  for (const [outcome, title] of [
    ["failed", "Failed"],
    ["not run", "Not run"],
  ] as const) {
    const rows = results.tests.filter((row) => row.outcome === outcome);
    if (rows.length === 0) continue;
    lines.push("", `## ${title}`, "");
    for (const { name, reason } of rows) lines.push(`- ${name}${reason === undefined ? "" : `  \n  ${inCode(reason)}`}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Error lines hold any characters: a fence longer than any run of backticks in them. */
function inCode(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const pad = text.startsWith("`") || text.endsWith("`") ? " " : "";
  return `${fence}${pad}${text}${pad}${fence}`;
}
