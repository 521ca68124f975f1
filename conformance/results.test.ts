import { expect, test } from "vitest";
import { areaTable, firstLine, mergeResults, nameOf, type Results, resultOf, resultsPage, type SpecReport, withoutVerdicts } from "./results.ts";

const spec: SpecReport = {
  ContainerHierarchyTexts: ["[sig-node] Pods", "with probes"],
  LeafNodeType: "It",
  LeafNodeText: "should start [Conformance]",
  State: "passed",
  StartTime: "2026-01-02T03:04:05.678901Z",
  EndTime: "2026-01-02T03:04:08Z",
  RunTime: 2_345_000_000,
};
const name = "[sig-node] Pods with probes should start [Conformance]";

test("a test is named by the texts around it and its own", () => {
  expect(nameOf(spec)).toBe(name);
  expect(nameOf({ ...spec, ContainerHierarchyTexts: null })).toBe("should start [Conformance]");
});

test.each([
  ["passed", "passed"],
  ["failed", "failed"],
  ["panicked", "failed"],
  ["timedout", "failed"],
  ["interrupted", "not run"],
  ["aborted", "not run"],
  ["skipped", "not run"],
])("%s counts as %s", (State, outcome) => {
  expect(resultOf({ ...spec, State })).toMatchObject({ name, outcome, ranAt: "2026-01-02T03:04:05Z", seconds: 2.3 });
});

test.each([
  ["pod is gone\nat pods.go:12", "pod is gone"],
  ["Expected\n    <int>: 1\nto equal\n    <int>: 2\nmore", "Expected <int>: 1 to equal <int>: 2"],
  ["Timed out after 300.001s.\nExpected\n    <string>: Pending\n", "Timed out after 300.001s. Expected <string>: Pending"],
  ["\nfailed to create pod: \nforbidden\nx", "failed to create pod: forbidden"],
  ["x".repeat(300), `${"x".repeat(240)}...`],
])("the first line of %j", (message, line) => {
  expect(firstLine(message)).toBe(line);
});

const results: Results = {
  suite: "v1.36.3",
  tests: [
    { name: "[sig-apps] a", outcome: "passed" },
    { name: "[sig-node] b", outcome: "failed", reason: "no `x`" },
    { name: "[sig-node] c", outcome: "not run" },
  ],
};
const names = results.tests.map((row) => row.name);

test("newer verdicts replace older ones, and every test of the suite has a row", () => {
  const merged = mergeResults("v1.36.3", [...names, "[sig-cli] d"], results, [{ name: "[sig-node] b", outcome: "passed" }]);
  expect(merged.tests.map(({ outcome }) => outcome)).toEqual(["passed", "passed", "not run", "not run"]);
});

test("verdicts of another version of the suite, and of tests that it has no more, do not count", () => {
  expect(mergeResults("v1.36.4", names, results, []).tests.map(({ outcome }) => outcome)).toEqual(["not run", "not run", "not run"]);
  expect(mergeResults("v1.36.3", ["[sig-apps] a"], results, []).tests).toHaveLength(1);
});

test("a run begins by forgetting what it is to find out", () => {
  expect(withoutVerdicts(results, ["[sig-node] b"]).tests[1]).toEqual({ name: "[sig-node] b", outcome: "not run" });
  expect(withoutVerdicts(results, ["[sig-node] b"]).tests[0]).toBe(results.tests[0]);
});

test("the page has the sums by area, the failures with their reasons, and what was not run", () => {
  expect(areaTable(results)).toEqual(expect.arrayContaining(["| apps | 1 | 1 | 0 | 0 |", "| node | 2 | 0 | 1 | 1 |", "| **all** | 3 | 1 | 1 | 1 |"]));
  const page = resultsPage(results);
  expect(page).toContain("## Failed\n\n- [sig-node] b  \n  `` no `x` ``");
  expect(page).toContain("## Not run\n\n- [sig-node] c\n");
});
