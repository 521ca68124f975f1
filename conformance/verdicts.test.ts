import { expect, test } from "vitest";
import { verdictReader } from "./verdicts.ts";

const tests = ["[sig-node] Pods should start [Conformance]", "[sig-node] Pods should start [Conformance] twice", "[sig-node] Secrets are read [Conformance]"];

test("verdicts come out of what is printed", () => {
  const read = verdictReader(tests);
  const printed = [
    "SSSSS",
    "• [2.101 seconds]",
    "[sig-node] Pods should start [Conformance] twice [sig-node, Conformance]",
    "/root/pods.go:1",
    "• [FAILED] [30.156 seconds]",
    "[sig-node] Secrets [It] are read [Conformance] [sig-node, Conformance]",
    "  [FAILED] because",
    "• [INTERRUPTED] [1.000 seconds]",
    "[sig-node] Pods should start [It] [Conformance] [sig-node]",
    "• [0.500 seconds]",
    "[sig-node] Pods should start [Conformance] [sig-node, Conformance]",
    "[sig-node] Pods should start [Conformance] [sig-node, Conformance]",
  ];
  expect(printed.flatMap((line) => read(line) ?? [])).toEqual([
    { name: tests[1], outcome: "passed" },
    { name: tests[2], outcome: "failed" },
    { name: tests[0], outcome: "passed" },
  ]);
});

test("tests that run one by one have their names first", () => {
  const read = verdictReader(tests);
  const printed = [
    "[sig-node] Pods should start [Conformance] twice [sig-node, Conformance]",
    "  STEP: creating",
    "• [60.435 seconds]",
    "------------------------------",
    "[sig-node] Secrets are read [Conformance] [sig-node, Conformance]",
    "• [FAILED] [30.156 seconds]",
    "[sig-node] Secrets [It] are read [Conformance] [sig-node, Conformance]",
    "[sig-node] Pods should start [Conformance] [sig-node, Conformance]",
    "• [INTERRUPTED] [1.000 seconds]",
    "------------------------------",
  ];
  expect(printed.flatMap((line) => read(line) ?? [])).toEqual([
    { name: tests[1], outcome: "passed" },
    { name: tests[2], outcome: "failed" },
  ]);
});
