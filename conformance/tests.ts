// The tests of the suite by name, and the choice among them.
//
// A name is what the suite prints and conformance.yaml lists as `codename`: "[sig-node] Pods should ... [Conformance]".
import type { Arguments } from "./arguments.ts";
import type { Results } from "./results.ts";

/** The special interest groups of Kubernetes that own conformance tests. */
export const AREAS = ["api-machinery", "apps", "architecture", "auth", "cli", "instrumentation", "network", "node", "scheduling", "storage"] as const;

export type Area = (typeof AREAS)[number];

/** The area that owns a test; throws for a name that tells none. */
export function areaOf(name: string): Area {
  const group = /^\[sig-([a-z-]+)\]/.exec(name)?.[1];
  const area = AREAS.find((known) => known === group);
  if (area === undefined) throw new Error(`a conformance test of no known area: ${name}`);
  return area;
}

/** A serial test may disturb others: it changes nodes, or counts what is on them. */
export function isSerial(name: string): boolean {
  return name.includes("[Serial]");
}

/** The tests to run, in the suite's order. */
export function chosenTests(all: readonly string[], wanted: Pick<Arguments, "areas" | "focus" | "resume" | "failed">, results: Results): string[] {
  const focus = wanted.focus === undefined ? undefined : new RegExp(wanted.focus);
  const last = new Map(results.tests.map(({ name, outcome }) => [name, outcome]));
  return all.filter((name) => {
    if (wanted.areas.length > 0 && !wanted.areas.includes(areaOf(name))) return false;
    if (focus !== undefined && !focus.test(name)) return false;
    const outcome = last.get(name) ?? "not run";
    return (!wanted.failed && !wanted.resume) || (wanted.failed && outcome === "failed") || (wanted.resume && outcome === "not run");
  });
}

/** A regular expression of RE2 that matches this name and no longer one. */
export function exactly(name: string): string {
  return `${name.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&")}$`;
}
