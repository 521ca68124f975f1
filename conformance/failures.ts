// What is needed to understand a failure, in one file for each: what the suite said, and what the cluster logged meanwhile.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nameOf, resultOf, type SpecReport } from "./results.ts";

/** Writes `folder` anew with a file for every failed test that the run brought. */
export function writeFailures(folder: string, specs: readonly SpecReport[], log: string): void {
  mkdirSync(folder, { recursive: true });
  for (const spec of specs) {
    const file = join(folder, `${fileName(nameOf(spec))}.txt`);
    rmSync(file, { force: true });
    if (resultOf(spec).outcome === "failed") writeFileSync(file, failureText(spec, log));
  }
}

function fileName(name: string): string {
  return name
    .replace(/ ?\[(?:Conformance|NodeConformance|LinuxOnly)\]/g, "")
    .replace(/[^\w.,-]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 200);
}

function failureText(spec: SpecReport, log: string): string {
  return [
    nameOf(spec),
    "",
    spec.Failure?.Message ?? "",
    "",
    "== what the suite said",
    spec.CapturedGinkgoWriterOutput ?? "",
    `== what kubets logged from ${spec.StartTime} to ${spec.EndTime}`,
    ...linesBetween(log, spec.StartTime, spec.EndTime),
    "",
  ].join("\n");
}

/** The lines of the log whose time, which they begin with, is in the span; lines without a time go with the one before. */
export function linesBetween(log: string, startTime: string, endTime: string): string[] {
  const [startMs, endMs] = [Date.parse(startTime), Date.parse(endTime)];
  let inside = false;
  return log.split("\n").filter((line) => {
    const time = /\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(line.slice(0, 60))?.[0];
    if (time !== undefined) inside = Date.parse(time) >= startMs && Date.parse(time) <= endMs;
    return inside;
  });
}
