// Verdicts read off what ginkgo prints with -v while the tests run, so that a run that is cut short loses none of them.
//
// It prints two lines when a test ends: "• [FAILED] [1.234 seconds]", without the word in brackets when it passed, and then the texts
// of the test, the kind of node that failed among them ("[It]", "[BeforeEach]"), with the labels behind.
import type { Outcome } from "./results.ts";

const ENDED = /^• (?:\[(FAILED|PANICKED|TIMEDOUT)\] )?\[[\d.]+ seconds\]$/;
const NODE_KIND = / \[(?:It|BeforeEach|JustBeforeEach|AfterEach|JustAfterEach|DeferCleanup \([A-Za-z]+\))\]/;

/** Takes the lines one after the other; gives a verdict when a line completes one. */
export function verdictReader(tests: readonly string[]): (line: string) => { readonly name: string; readonly outcome: Outcome } | undefined {
  let outcome: Outcome | undefined;
  return (line) => {
    const ended = ENDED.exec(line);
    const decided = outcome;
    outcome = ended === null ? undefined : ended[1] === undefined ? "passed" : "failed";
    if (decided === undefined) return undefined;
    const text = line.replace(NODE_KIND, "");
    const name = tests.find((test) => text === test || text.startsWith(`${test} [sig-`));
    return name === undefined ? undefined : { name, outcome: decided };
  };
}
