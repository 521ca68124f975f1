// `npm run conformance`: builds the official conformance suite, runs chosen tests of it on a cluster of kubets, and writes the
// verdicts to conformance/results.json and results.md. See README.md here.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Arguments, parseArguments, USAGE } from "./arguments.ts";
import { buildBinaries, suiteVersion } from "./binaries.ts";
import { type ConformanceCluster, keepLog, startedCluster } from "./cluster.ts";
import { writeFailures } from "./failures.ts";
import { type Folders, foldersIn } from "./folders.ts";
import { buildImages } from "./images.ts";
import { ConformanceError } from "./process.ts";
import { type Registry, startRegistry } from "./registry.ts";
import { areaTable, mergeResults, type Results, resultOf, resultsPage, type TestResult, withoutVerdicts } from "./results.ts";
import { type RunningSuite, runSuite, suiteTests } from "./suite.ts";
import { chosenTests, isSerial } from "./tests.ts";

const RESULTS = "conformance/results.json";
const PAGE = "conformance/results.md";

/** What stands between the start of a run and its end. */
interface Run {
  readonly folders: Folders;
  readonly wanted: Arguments;
  readonly all: readonly string[];
  results: Results;
  suite: RunningSuite | undefined;
  interrupted: boolean;
}

async function main(words: readonly string[]): Promise<void> {
  const parsed = parseArguments(words);
  if (!parsed.ok) throw new ConformanceError(`${parsed.problem}\n\n${USAGE}`);
  const wanted = parsed.value;
  const version = suiteVersion();
  const folders = foldersIn(wanted.cache, version);
  await buildBinaries(folders.binaries, version);
  await buildImages(folders);
  const all = await suiteTests(folders);
  if (wanted.prepare) {
    console.log(`Ready: ${all.length} tests of ${version} in ${folders.binaries}, and the images.`);
    return;
  }
  const run: Run = { folders, wanted, all, results: mergeResults(version, all, storedResults(version), []), suite: undefined, interrupted: false };
  const tests = chosenTests(all, wanted, run.results);
  if (tests.length === 0) throw new ConformanceError("no test is chosen");
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt(run));
  await runTests(run, tests);
}

function interrupt(run: Run): void {
  if (!run.interrupted) console.log("ending; once more ends the tests at once ...");
  run.interrupted = true;
  run.suite?.interrupt();
}

async function runTests(run: Run, tests: readonly string[]): Promise<void> {
  const { folders, wanted } = run;
  const cluster = await startedCluster(folders, wanted);
  let registry: Registry | undefined;
  try {
    registry = await startRegistry(folders.images, await cluster.address());
    run.results = withoutVerdicts(run.results, tests);
    record(run, []);
    const count = { told: new Set<string>(), all: tests.length };
    await runPart(run, { cluster, title: "parallel", tests: tests.filter((name) => !isSerial(name)), procs: wanted.procs, count });
    await runPart(run, { cluster, title: "serial", tests: tests.filter(isSerial), procs: 1, count });
  } finally {
    registry?.close();
    if (!wanted.keep) await cluster.delete();
  }
  for (const line of areaTable(run.results)) console.log(line);
  console.log(`\n${PAGE} has the failures; reports, logs and failures/ are in ${folders.run}`);
  const chosen = new Set(tests);
  if (run.results.tests.some(({ name, outcome }) => chosen.has(name) && outcome !== "passed")) process.exitCode = 1;
}

interface Part {
  readonly cluster: ConformanceCluster;
  readonly title: string;
  readonly tests: readonly string[];
  readonly procs: number;
  /** The tests whose verdicts were said, of how many. */
  readonly count: { readonly told: Set<string>; readonly all: number };
}

async function runPart(run: Run, { cluster, title, tests, procs, count }: Part): Promise<void> {
  if (tests.length === 0 || run.interrupted) return;
  const tell = (row: TestResult): void => {
    if (row.outcome === "not run" || count.told.has(row.name)) return;
    count.told.add(row.name);
    console.log(`[${count.told.size}/${count.all}] ${row.outcome === "passed" ? "passed" : "FAILED"} ${row.name}`);
  };
  const onVerdict = (row: TestResult): void => {
    tell(row);
    record(run, [row]);
  };
  run.suite = runSuite({ folders: run.folders, tests, procs, title, onVerdict });
  try {
    const specs = await run.suite.finished;
    const rows = specs.map(resultOf);
    rows.forEach(tell);
    record(run, rows);
    writeFailures(join(run.folders.run, "failures"), specs, await keepLog(cluster, join(run.folders.run, "kubets.log")));
  } finally {
    run.suite = undefined;
  }
}

function record(run: Run, rows: readonly TestResult[]): void {
  run.results = mergeResults(run.results.suite, run.all, run.results, rows);
  write(RESULTS, `${JSON.stringify(run.results, undefined, 1)}\n`);
  write(PAGE, resultsPage(run.results));
}

function write(file: string, text: string): void {
  writeFileSync(`${file}.unfinished`, text);
  renameSync(`${file}.unfinished`, file);
}

function storedResults(suite: string): Results {
  return existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, "utf8")) as Results) : { suite, tests: [] };
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof ConformanceError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
});
