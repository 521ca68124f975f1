// What `npm run conformance -- ...` is told.
import { AREAS, type Area } from "./tests.ts";

export interface Arguments {
  /** Build and fetch what is missing, and run nothing. */
  readonly prepare: boolean;
  /** Which tests: all when both are absent. */
  readonly areas: readonly Area[];
  readonly focus: string | undefined;
  /** Only those of the chosen tests that have no verdict yet. */
  readonly resume: boolean;
  /** Only those of the chosen tests that failed the last time. */
  readonly failed: boolean;
  /** Leave the cluster running, and take the one that was left. */
  readonly keep: boolean;
  readonly nodes: number;
  /** How many tests run at the same time. */
  readonly procs: number;
  /** Where binaries, images, the cluster's data and the logs are kept. */
  readonly cache: string | undefined;
}

export const USAGE = `usage: npm run conformance [-- [AREA...] [OPTION...]]

Runs the official conformance tests of Kubernetes v1.36 on a fresh cluster and writes conformance/results.json and results.md.

AREA: ${AREAS.join(", ")}

  --focus REGEX   only the tests whose name matches
  --failed        only the tests that failed the last time
  --resume        only the tests that have no verdict yet
  --prepare       build the programs and images that are missing (needs Go and a network), and run nothing
  --keep          leave the cluster running afterwards, and use the one that was left: for one test over and over
  --nodes N       how many nodes the cluster has (default 2)
  --procs N       how many tests run at the same time (default 4)
  --cache FOLDER  where everything is kept that is no result (default $KUBETS_CONFORMANCE_CACHE, else ~/.cache/kubets/conformance)
`;

export type Parsed = { readonly ok: true; readonly value: Arguments } | { readonly ok: false; readonly problem: string };

/** Options that take a value. */
const VALUED = ["--focus", "--nodes", "--procs", "--cache"];
const SWITCHES = ["--prepare", "--resume", "--failed", "--keep"];

export function parseArguments(words: readonly string[]): Parsed {
  const areas: Area[] = [];
  const given = new Map<string, string>();
  for (let index = 0; index < words.length; index++) {
    const [option = "", ...rest] = (words[index] ?? "").split("=");
    if (VALUED.includes(option)) {
      const value = rest.length > 0 ? rest.join("=") : words[++index];
      if (value === undefined) return { ok: false, problem: `${option} needs a value` };
      given.set(option, value);
    } else if (SWITCHES.includes(option)) given.set(option, "");
    else {
      const area = AREAS.find((name) => name === option.replace(/^sig-/, ""));
      if (area === undefined) return { ok: false, problem: `${option} is neither an area (${AREAS.join(", ")}) nor an option` };
      areas.push(area);
    }
  }
  return finished(areas, given);
}

function finished(areas: readonly Area[], given: ReadonlyMap<string, string>): Parsed {
  const focus = given.get("--focus");
  const problem = focus === undefined ? undefined : regexProblem(focus);
  if (problem !== undefined) return { ok: false, problem };
  const numbers: Record<string, number> = { "--nodes": 2, "--procs": 4 };
  for (const option of Object.keys(numbers)) {
    const text = given.get(option);
    if (text === undefined) continue;
    if (!/^[1-9]\d?$/.test(text)) return { ok: false, problem: `${option} must be a number from 1 to 99, not ${text}` };
    numbers[option] = Number(text);
  }
  const { "--nodes": nodes = 0, "--procs": procs = 0 } = numbers;
  const [prepare, resume, failed, keep] = SWITCHES.map((name) => given.has(name)) as [boolean, boolean, boolean, boolean];
  return { ok: true, value: { prepare, resume, failed, keep, areas, focus, nodes, procs, cache: given.get("--cache") } };
}

function regexProblem(text: string): string | undefined {
  try {
    new RegExp(text);
    return undefined;
  } catch (error) {
    return `--focus: ${(error as Error).message}`;
  }
}
