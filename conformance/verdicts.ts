// Verdicts read off what ginkgo prints with -v while the tests run, so that a run that is cut short loses none of them.
//
// When a test ends it prints "• [FAILED] [1.234 seconds]", without the word in brackets when it passed, and then the texts of the test,
// the kind of node that failed among them ("[It]", "[BeforeEach]"), with the labels behind. When tests run one by one, a test that
// passes has its texts before its other output instead.
import type { Outcome } from "./results.ts";

const ENDED = /^• (?:\[(FAILED|PANICKED|TIMEDOUT|INTERRUPTED|ABORTED)\] )?\[[\d.]+ seconds\]$/;
const OUTCOMES: Readonly<Record<string, Outcome>> = { INTERRUPTED: "not run", ABORTED: "not run" };
const NODE_KIND = / \[(?:It|BeforeEach|JustBeforeEach|AfterEach|JustAfterEach|DeferCleanup \([A-Za-z]+\))\]/;

/** Takes the lines one after the other; gives a verdict when a line completes one. */
export function verdictReader(tests: readonly string[]): (line: string) => { readonly name: string; readonly outcome: Outcome } | undefined {
  let outcome: Outcome | undefined;
  let announced: string | undefined;
  return (line) => {
    const name = testIn(line, tests);
    const decided = outcome;
    const ended = ENDED.exec(line);
    outcome = ended === null ? undefined : ended[1] === undefined ? "passed" : (OUTCOMES[ended[1]] ?? "failed");
    if (decided === undefined) {
      announced = name ?? announced;
      return undefined;
    }
    const decidedFor = name ?? announced;
    announced = undefined;
    return decidedFor === undefined || decided === "not run" ? undefined : { name: decidedFor, outcome: decided };
  };
}

function testIn(line: string, tests: readonly string[]): string | undefined {
  if (!line.startsWith("[sig-")) return undefined;
  const text = line.replace(NODE_KIND, "");
  return tests.find((test) => text === test || text.startsWith(`${test} [sig-`));
}
