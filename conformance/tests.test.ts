import { expect, test } from "vitest";
import type { Results } from "./results.ts";
import { areaOf, chosenTests, exactly, isSerial } from "./tests.ts";

const all = [
  "[sig-apps] Job should run (once) [Conformance]",
  "[sig-node] Pods should start [NodeConformance] [Conformance]",
  "[sig-node] Pods should start in order [Conformance]",
  "[sig-scheduling] Preemption [Serial] works [Conformance]",
];
const [job, start, order, preemption] = all as [string, string, string, string];
const everything = { areas: [], focus: undefined, resume: false, failed: false };
const results: Results = {
  suite: "v1.36.3",
  tests: [
    { name: job, outcome: "passed" },
    { name: start, outcome: "failed" },
    { name: order, outcome: "not run" },
  ],
};

test("a test belongs to the group that its name begins with", () => {
  expect(all.map(areaOf)).toEqual(["apps", "node", "node", "scheduling"]);
  expect(() => areaOf("[sig-unheard] x")).toThrow("no known area");
});

test("serial tests are told apart", () => {
  expect(all.filter(isSerial)).toEqual([preemption]);
});

test.each([
  [everything, all],
  [{ ...everything, areas: ["node" as const] }, [start, order]],
  [{ ...everything, focus: "\\(once\\)|works" }, [job, preemption]],
  [{ ...everything, resume: true }, [order, preemption]],
  [{ ...everything, failed: true }, [start]],
  [{ ...everything, resume: true, failed: true }, [start, order, preemption]],
  [{ ...everything, areas: ["node" as const], resume: true }, [order]],
])("%j", (wanted, chosen) => {
  expect(chosenTests(all, wanted, results)).toEqual(chosen);
});

test("a focus on a name matches that test alone", () => {
  for (const name of all) expect(all.filter((other) => new RegExp(exactly(name)).test(`Kubernetes e2e suite ${other}`))).toEqual([name]);
});
