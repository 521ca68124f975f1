// The official test program: which tests it has, and runs of some of them under ginkgo.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Folders } from "./folders.ts";
import { ConformanceError, output } from "./process.ts";
import { nameOf, type SpecReport, type TestResult } from "./results.ts";
import { exactly } from "./tests.ts";
import { verdictReader } from "./verdicts.ts";

/** The names of all conformance tests, in the suite's order; asked once and kept. */
export async function suiteTests({ tests, binaries }: Folders): Promise<string[]> {
  if (existsSync(tests)) return JSON.parse(readFileSync(tests, "utf8")) as string[];
  const report = `${tests}.report`;
  try {
    const args = ["--ginkgo.dry-run", "--ginkgo.label-filter=Conformance", `--ginkgo.json-report=${report}`];
    await output({ program: join(binaries, "e2e.test"), args });
    const names = readReport(report).map(nameOf).sort();
    writeFileSync(tests, JSON.stringify(names, undefined, 1));
    return names;
  } finally {
    rmSync(report, { force: true });
  }
}

/** The tests of a report that were to run: the others of the suite's seven thousand are in it as skipped without a word. */
function readReport(file: string): SpecReport[] {
  const suites = JSON.parse(readFileSync(file, "utf8")) as readonly { readonly SpecReports?: readonly SpecReport[] | null }[];
  return suites
    .flatMap(({ SpecReports }) => SpecReports ?? [])
    .filter((spec) => spec.LeafNodeType === "It" && (spec.State !== "skipped" || (spec.Failure?.Message ?? "") !== ""));
}

/** The longest that the suite waits for one thing is ten minutes, but some tests wait without end for what is not built. */
const PATIENCE_MS = 20 * 60_000;

export interface SuiteRun {
  readonly folders: Folders;
  readonly tests: readonly string[];
  readonly procs: number;
  /** Name of the run's log and report. */
  readonly title: string;
  /** Called as soon as a test has a verdict. */
  readonly onVerdict: (verdict: TestResult) => void;
}

export interface RunningSuite {
  /** The reports of the tests that were to run; rejects when ginkgo left none. */
  readonly finished: Promise<SpecReport[]>;
  /** Asks ginkgo to clean up and end; at the second time it is ended. */
  interrupt(): void;
}

/** Runs tests; they are told by name, for a name contains all that the suite's other filters look at. */
export function runSuite(run: SuiteRun): RunningSuite {
  const ginkgo = startGinkgo(run);
  const report = join(run.folders.run, `${run.title}.json`);
  const finished = (async () => {
    const ended = new Promise((resolve, reject) => ginkgo.on("error", reject).on("close", resolve));
    const log = createWriteStream(join(run.folders.run, `${run.title}.log`));
    const read = verdictReader(run.tests);
    let patience = setTimeout(giveUp, PATIENCE_MS);
    for await (const line of createInterface({ input: ginkgo.stdout })) {
      log.write(`${line}\n`);
      const verdict = read(line);
      if (verdict === undefined) continue;
      clearTimeout(patience);
      patience = setTimeout(giveUp, PATIENCE_MS);
      run.onVerdict(verdict);
    }
    clearTimeout(patience);
    await ended;
    log.end();
    if (!existsSync(report)) throw new ConformanceError(`ginkgo left no report; what it said is in ${log.path.toString()}`);
    return readReport(report);
  })();
  function giveUp(): void {
    console.log("no test has ended for a long time: the ones that run are broken off, and count as not run");
    interrupt();
  }
  let interrupts = 0;
  const interrupt = (): void => {
    interrupts += 1;
    if (ginkgo.pid === undefined || ginkgo.exitCode !== null) return;
    // The whole group, as a terminal does it: the test processes clean up by themselves.
    process.kill(-ginkgo.pid, interrupts === 1 ? "SIGINT" : "SIGKILL");
  };
  return { finished, interrupt };
}

/** In a process group of its own: a Ctrl-C at the terminal reaches it through us alone, and once. */
function startGinkgo(run: SuiteRun): ChildProcessByStdio<null, Readable, null> {
  const { folders, procs, title, tests } = run;
  mkdirSync(folders.run, { recursive: true });
  rmSync(join(folders.run, `${title}.json`), { force: true });
  const ginkgo = [
    "run",
    "-v",
    `--procs=${Math.min(procs, tests.length)}`,
    "--no-color",
    "--timeout=24h",
    `--output-dir=${folders.run}`,
    `--json-report=${title}.json`,
    ...tests.map((name) => `--focus=${exactly(name)}`),
    join(folders.binaries, "e2e.test"),
  ];
  const suite = [
    `--kubeconfig=${folders.kubeconfig}`,
    `--kubectl-path=${join(folders.binaries, "kubectl")}`,
    "--provider=skeleton",
    // Answers in protobuf are not built yet.
    "--kube-api-content-type=application/json",
    "--node-schedulable-timeout=2m",
    "--system-pods-startup-timeout=2m",
    "--disable-log-dump",
  ];
  // Standard error goes the same way, so that the log has both in their order.
  const args = ["-c", 'exec "$0" "$@" 2>&1', join(folders.binaries, "ginkgo"), ...ginkgo, "--", ...suite];
  return spawn("/bin/sh", args, { detached: true, stdio: ["ignore", "pipe", "inherit"], cwd: folders.run });
}
