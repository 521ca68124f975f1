import { expect, test } from "vitest";
import { parseArguments } from "./arguments.ts";

const defaults = { prepare: false, resume: false, failed: false, keep: false, areas: [], focus: undefined, nodes: 2, procs: 4, cache: undefined };

test.each([
  [[], defaults],
  [["node", "sig-storage"], { ...defaults, areas: ["node", "storage"] }],
  [["--focus", "Pods should", "--keep", "--nodes", "1"], { ...defaults, focus: "Pods should", keep: true, nodes: 1 }],
  [["--focus=a=b", "--resume", "--procs=8", "--cache", "/x"], { ...defaults, focus: "a=b", resume: true, procs: 8, cache: "/x" }],
])("%j", (words, value) => {
  expect(parseArguments(words)).toEqual({ ok: true, value });
});

test.each([
  [["pods"], /pods is neither an area \(api-machinery, .*\) nor an option/],
  [["--focus"], /--focus needs a value/],
  [["--focus", "("], /--focus: .*regular expression/],
  [["--nodes", "none"], /--nodes must be a number from 1 to 99, not none/],
  [["--procs", "0"], /--procs must be a number/],
])("%j is refused", (words, problem) => {
  expect(parseArguments(words)).toEqual({ ok: false, problem: expect.stringMatching(problem) });
});
