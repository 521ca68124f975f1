import { expect, it } from "vitest";
import { EventCorrelator, type ReportedEvent } from "./event-correlator.ts";

function report(message: string, atMs = 0, name = "web"): ReportedEvent {
  return { involvedObject: { kind: "Pod", namespace: "default", name, uid: name }, type: "Warning", reason: "BackOff", message, atMs };
}

it("counts an event that comes again", () => {
  const correlator = new EventCorrelator();
  const first = correlator.correlate(report("a"));
  expect(first).toMatchObject({ outcome: "create", message: "a" });
  if (first.outcome === "create") correlator.stored(first.key, "web.1");
  expect(correlator.correlate(report("a", 1000))).toMatchObject({ outcome: "count", count: 2, firstAtMs: 0, name: "web.1" });
});

it("combines the eleventh different message within ten minutes", () => {
  const correlator = new EventCorrelator();
  const outcomes = Array.from({ length: 11 }, (_, number) => correlator.correlate(report(`message ${number}`)));
  expect(outcomes.slice(0, 10).every(({ outcome }) => outcome === "create")).toBe(true);
  expect(outcomes[10]).toMatchObject({ outcome: "create", message: "(combined from similar events): message 10" });
});

it("lets through 25 events about an object at once, then one in five minutes", () => {
  const correlator = new EventCorrelator();
  const outcomes = Array.from({ length: 30 }, () => correlator.correlate(report("a")).outcome);
  expect(outcomes.filter((outcome) => outcome !== "drop")).toHaveLength(25);
  expect(correlator.correlate(report("a", 0, "other")).outcome).toBe("create");
  expect(correlator.correlate(report("a", 299_000)).outcome).toBe("drop");
  expect(correlator.correlate(report("a", 301_000)).outcome).not.toBe("drop");
});
